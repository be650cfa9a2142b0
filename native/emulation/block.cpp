#include "block.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

namespace ddoq::emulation {

Block* running_block = nullptr;
Context Block::scheduler_;

namespace {

constexpr unsigned MaximumThreads = 1024;
constexpr size_t GuardBytes = 256;
constexpr unsigned char GuardByte = 0xA7;
constexpr unsigned char PoisonByte = 0xFF; // NaN in every floating-point format, -1 as an integer

uint64_t mix(uint64_t x) { // splitmix64: neighbouring seeds give unrelated orders
    x += 0x9E3779B97F4A7C15ull;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
    return x ^ (x >> 31);
}

// Finished stacks are kept for later launches. A stack abandoned inside a kernel is never used again.
std::vector<std::unique_ptr<FiberStack>>& idle_stacks() {
    static std::vector<std::unique_ptr<FiberStack>> stacks;
    return stacks;
}

} // namespace

const char* name_of(WarpOperation operation) {
    switch (operation) {
    case WarpOperation::Synchronize:
        return "__syncwarp";
    case WarpOperation::Shuffle:
        return "a shuffle";
    case WarpOperation::Vote:
        return "a vote";
    case WarpOperation::LoadMatrix:
        return "ldmatrix";
    case WarpOperation::Multiply:
        return "mma";
    case WarpOperation::Reduce:
        return "a warp reduction";
    case WarpOperation::None:
        break;
    }
    return "nothing";
}

Block::Block(const LaunchShape& shape, Body body, const void* kernel, const void* parameters)
    : shape_(shape), body_(body), kernel_(kernel), parameters_(parameters), random_state_(mix(shape.order_seed)) {
    constexpr unsigned Patience[] = {1, 1u << 20, 64, 1024};
    patience_ = Patience[shape.order_seed % 4];
    const unsigned threads = shape.block.x * shape.block.y * shape.block.z;
    if (threads == 0 || threads > MaximumThreads || threads % 32 != 0)
        throw KernelFault("block of " + std::to_string(threads) + " threads: a multiple of 32 up to 1024 is needed");
    fibers_.resize(threads);
    warps_.resize(threads / 32);
    for (unsigned i = 0; i < threads; i++) {
        Fiber& fiber = fibers_[i];
        fiber.linear = i;
        fiber.thread_index = {i % shape.block.x, i / shape.block.x % shape.block.y,
                              i / (shape.block.x * shape.block.y)};
        if (idle_stacks().empty()) {
            fiber.stack = std::make_unique<FiberStack>(&Block::fiber_entry);
        } else {
            fiber.stack = std::move(idle_stacks().back());
            idle_stacks().pop_back();
        }
    }
    // Exactly as large as asked, so that AddressSanitizer sees the first byte past the end. Guards for other builds.
#if defined(__SANITIZE_ADDRESS__)
    const size_t before = 0, after = 0;
#else
    const size_t before = GuardBytes, after = GuardBytes;
#endif
    void* memory = nullptr;
    if (posix_memalign(&memory, 1024, before + std::max<size_t>(shape.shared_bytes, 1) + after) != 0)
        throw std::bad_alloc();
    shared_allocation_ = static_cast<unsigned char*>(memory);
    shared_ = shared_allocation_ + before;
}

Block::~Block() {
    std::free(shared_allocation_);
    if (fault_.empty())
        for (Fiber& fiber : fibers_)
            idle_stacks().push_back(std::move(fiber.stack));
}

unsigned Block::random_below(unsigned limit) {
    random_state_ ^= random_state_ << 13;
    random_state_ ^= random_state_ >> 7;
    random_state_ ^= random_state_ << 17;
    return static_cast<unsigned>(((random_state_ >> 32) * limit) >> 32);
}

void Block::make_ready(unsigned fiber) {
    std::vector<unsigned>& lanes = warps_[fiber / 32].ready;
    if (lanes.empty())
        ready_warps_.push_back(fiber / 32);
    lanes.push_back(fiber);
}

// A random ready lane of the favoured warp, or of a random warp when that one has none or patience ends.
unsigned Block::take_next() {
    if (warps_[favoured_warp_].ready.empty() || random_below(patience_) == 0)
        favoured_warp_ = ready_warps_[random_below(static_cast<unsigned>(ready_warps_.size()))];
    std::vector<unsigned>& lanes = warps_[favoured_warp_].ready;
    const unsigned pick = random_below(static_cast<unsigned>(lanes.size()));
    const unsigned fiber = lanes[pick];
    lanes[pick] = lanes.back();
    lanes.pop_back();
    if (lanes.empty())
        ready_warps_.erase(std::find(ready_warps_.begin(), ready_warps_.end(), favoured_warp_));
    return fiber;
}

void Block::fiber_entry() {
    FiberStack::entered(running_block->current().stack->context, scheduler_);
    while (true) {
        Block* block = running_block;
        block->body_(block->kernel_, block->parameters_);
        block->finish();
    }
}

void Block::wait() {
    switch_context(current().stack->context, scheduler_);
}

void Block::fault(const char* format, ...) {
    const Index3 t = current().thread_index;
    char text[512];
    const int used = std::snprintf(text, sizeof text, "block (%u, %u, %u), thread (%u, %u, %u): ", index_.x, index_.y,
                                   index_.z, t.x, t.y, t.z);
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(text + used, sizeof text - static_cast<size_t>(used), format, arguments);
    va_end(arguments);
    fault_ = text;
    while (true)
        wait();
}

void Block::finish() {
    Fiber& fiber = current();
    bool pending = !fiber.open.empty();
    for (const auto& group : fiber.committed)
        pending = pending || !group.empty();
    fiber.committed.clear();
    if (pending)
        fault("the thread ended with asynchronous copies that nothing waited for");
    Warp& w = warp();
    if (w.arrived != 0)
        fault("the thread ended while its warp waits at %s", name_of(w.operation));
    if (!at_barrier_.empty())
        fault("the thread ended while others wait at __syncthreads");
    fiber.finished = true;
    w.live--;
    live_--;
    wait();
}

bool Block::synchronize(bool vote) {
    if (live_ != fibers_.size())
        fault("__syncthreads after another thread of the block has ended");
    vote_pending_ = vote_pending_ || vote;
    at_barrier_.push_back(current_);
    if (at_barrier_.size() == live_) {
        for (unsigned fiber : at_barrier_)
            make_ready(fiber);
        at_barrier_.clear();
        vote_result_ = vote_pending_;
        vote_pending_ = false;
    }
    wait();
    return vote_result_; // no later barrier can complete before this fiber reaches it
}

void Block::release(Warp& w) {
    w.arrived = 0;
    const unsigned first = static_cast<unsigned>(&w - warps_.data()) * 32;
    for (unsigned i = first; i < first + 32; i++)
        if (i != current_ && !fibers_[i].finished)
            make_ready(i);
    // The last lane to arrive goes on at once or queues behind the others: both happen on a device.
    if (random_below(2) == 0) {
        make_ready(current_);
        wait();
    }
}

std::string Block::describe_waiters() const {
    size_t in_warps = 0;
    for (const Warp& w : warps_)
        in_warps += w.arrived;
    return std::to_string(at_barrier_.size()) + " threads wait at __syncthreads and " + std::to_string(in_warps) +
           " at warp operations, " + std::to_string(fibers_.size() - live_) + " have ended";
}

void Block::run(const Index3& index) {
    index_ = index;
    std::memset(shared_, PoisonByte, shape_.shared_bytes);
#if !defined(__SANITIZE_ADDRESS__)
    std::memset(shared_ - GuardBytes, GuardByte, GuardBytes);
    std::memset(shared_ + shape_.shared_bytes, GuardByte, GuardBytes);
#endif
    live_ = static_cast<unsigned>(fibers_.size());
    ready_warps_.clear();
    at_barrier_.clear();
    vote_pending_ = false;
    for (Warp& w : warps_) {
        w.ready.clear();
        w.arrived = 0;
        w.live = 32;
    }
    for (unsigned i = 0; i < fibers_.size(); i++) {
        fibers_[i].finished = false;
        make_ready(i);
    }
    while (live_ > 0) {
        if (ready_warps_.empty()) {
            fault_ = "block (" + std::to_string(index.x) + ", " + std::to_string(index.y) + ", " +
                     std::to_string(index.z) + "): deadlock: " + describe_waiters();
            break;
        }
        current_ = take_next();
        switch_context(scheduler_, fibers_[current_].stack->context);
        if (!fault_.empty())
            break;
    }
    for (const Fiber& fiber : fibers_)
        if (fault_.empty() && !fiber.stack->intact())
            fault_ = "thread " + std::to_string(fiber.linear) + " overran its stack";
#if !defined(__SANITIZE_ADDRESS__)
    for (size_t i = 0; i < GuardBytes && fault_.empty(); i++)
        if (shared_[-1 - static_cast<ptrdiff_t>(i)] != GuardByte || shared_[shape_.shared_bytes + i] != GuardByte)
            fault_ = "shared memory was written outside its " + std::to_string(shape_.shared_bytes) + " bytes";
#endif
    if (!fault_.empty())
        throw KernelFault(fault_);
}

void Block::run_grid(const LaunchShape& shape, Body body, const void* kernel, const void* parameters) {
    const size_t count = static_cast<size_t>(shape.grid.x) * shape.grid.y * shape.grid.z;
    std::vector<size_t> order(count);
    for (size_t i = 0; i < count; i++)
        order[i] = i;
    Block block(shape, body, kernel, parameters);
    for (size_t i = count; i > 1; i--)
        std::swap(order[i - 1], order[block.random_below(static_cast<unsigned>(i))]);
    struct Restore {
        Block* previous = running_block;
        ~Restore() { running_block = previous; }
    } restore;
    running_block = &block;
    for (size_t linear : order)
        block.run({static_cast<unsigned>(linear % shape.grid.x),
                   static_cast<unsigned>(linear / shape.grid.x % shape.grid.y),
                   static_cast<unsigned>(linear / shape.grid.x / shape.grid.y)});
}

} // namespace ddoq::emulation
