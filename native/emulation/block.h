// One CUDA thread block as a group of fibers, and the scheduler that interleaves them in a random order.
//
// A fiber runs until it waits: at a block barrier, or at a warp operation (shuffle, vote, matrix load, matrix
// multiply) that needs all lanes. Which ready fiber runs next is drawn from the launch's seed, so one seed is one
// interleaving and a failure can be repeated. The seed also sets how long the scheduler stays with one warp: from not
// at all, where warps advance evenly, to until it blocks, where one warp is a whole stretch ahead of the rest.
// Preemption happens only at waits; a race between two waits shows as a value read before or after the other fiber's
// whole stretch, and the seeds cover both.
#pragma once

#include "fiber.h"

#include <cstdint>
#include <deque>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace ddoq::emulation {

struct Index3 {
    unsigned x = 1, y = 1, z = 1;
};

// What the kernel did that no device allows (or that hangs one): the launch is abandoned.
class KernelFault : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

// A 16-byte asynchronous copy into shared memory whose bytes have not arrived yet.
struct PendingCopy {
    void* destination;
    const void* source;
    int bytes; // the rest of the 16 is zeroed
};

// The operation a warp waits for; lanes that meet at different ones are a fault.
enum class WarpOperation : uint8_t { None, Synchronize, Shuffle, Vote, LoadMatrix, Multiply, Reduce };

const char* name_of(WarpOperation operation);

struct Fiber {
    std::unique_ptr<FiberStack> stack;
    Index3 thread_index{0, 0, 0};
    unsigned linear = 0;
    bool finished = false;
    std::vector<std::vector<PendingCopy>> committed;
    std::vector<PendingCopy> open;
};

struct Warp {
    unsigned arrived = 0;
    unsigned live = 0;
    WarpOperation operation = WarpOperation::None;
    std::vector<unsigned> ready; // lanes that can run, as fiber numbers
    uint64_t in[32][4];          // each lane's operands: values, or addresses of its registers
    uint64_t out[32][4];         // each lane's results
};

struct LaunchShape {
    Index3 grid;
    Index3 block;
    size_t shared_bytes = 0;
    uint64_t order_seed = 0;
};

// The block that runs now. Kernels reach it through `running_block`.
class Block {
  public:
    using Body = void (*)(const void* kernel, const void* parameters);

    // Runs every block of a grid, in a random order, one after another. Throws KernelFault.
    static void run_grid(const LaunchShape& shape, Body body, const void* kernel, const void* parameters);

    Fiber& current() { return fibers_[current_]; }
    Warp& warp() { return warps_[current().linear / 32]; }
    unsigned lane() { return current().linear % 32; }
    const Index3& index() const { return index_; }
    const LaunchShape& shape() const { return shape_; }
    unsigned char* shared() { return shared_; }

    // A barrier of all threads; returns whether any came with `vote`.
    bool synchronize(bool vote = false);

    // Waits for all lanes of the warp; the last to arrive computes every lane's results with `compute(warp)`.
    template <class Compute>
    void meet(WarpOperation operation, Compute compute) {
        Warp& w = warp();
        if (w.live != 32)
            fault("%s after another lane of the warp has ended", name_of(operation));
        if (w.arrived == 0)
            w.operation = operation;
        else if (w.operation != operation)
            fault("a lane reached %s while its warp waits at %s", name_of(operation), name_of(w.operation));
        if (++w.arrived == 32) {
            compute(w);
            release(w);
        } else {
            wait();
        }
    }

    // Abandons the launch from inside a fiber, whose objects are never destroyed: hence no std::string here.
    [[noreturn, gnu::format(printf, 2, 3)]] void fault(const char* format, ...);

  private:
    Block(const LaunchShape& shape, Body body, const void* kernel, const void* parameters);
    ~Block();
    void run(const Index3& index);
    void wait();
    void release(Warp& warp);
    void make_ready(unsigned fiber);
    unsigned take_next();
    void finish();
    std::string describe_waiters() const;
    unsigned random_below(unsigned limit);
    static void fiber_entry();

    LaunchShape shape_;
    Body body_;
    const void* kernel_;
    const void* parameters_;
    Index3 index_{0, 0, 0};
    std::vector<Fiber> fibers_;
    std::vector<Warp> warps_;
    std::vector<unsigned> ready_warps_; // warps with a ready lane
    std::vector<unsigned> at_barrier_;
    bool vote_pending_ = false, vote_result_ = false;
    unsigned live_ = 0;
    unsigned current_ = 0;
    unsigned favoured_warp_ = 0;
    unsigned patience_; // one in how many picks leaves the favoured warp
    uint64_t random_state_;
    static Context scheduler_; // outlives launches: parked fibers of an earlier block return to it
    unsigned char* shared_allocation_ = nullptr;
    unsigned char* shared_ = nullptr;
    std::string fault_;
};

extern Block* running_block;

} // namespace ddoq::emulation
