#include "device.h"

#include <cstdlib>

namespace ddoq::emulation {

Device& Device::instance() {
    static Device device;
    return device;
}

Device::Device() {
    configure();
}

// Environment: DDOQ_EMULATION_SEED, DDOQ_EMULATION_DEVICES, DDOQ_EMULATION_MEMORY (bytes), and DDOQ_EMULATION_FAIL as
// call:nth:result, for example cuMemAlloc_v2:3:2, several separated by commas.
void Device::configure() {
    const auto number = [](const char* name, uint64_t otherwise) {
        const char* text = std::getenv(name);
        return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
    };
    random_state_ = number("DDOQ_EMULATION_SEED", 1) * 0x9E3779B97F4A7C15ull | 1;
    contexts.assign(number("DDOQ_EMULATION_DEVICES", 1), CUctx_st{});
    for (size_t i = 0; i < contexts.size(); i++)
        contexts[i].device = static_cast<CUdevice>(i);
    memory.set_capacity(number("DDOQ_EMULATION_MEMORY", uint64_t{4} << 30));
    const char* failures = std::getenv("DDOQ_EMULATION_FAIL");
    for (std::string rest = failures == nullptr ? "" : failures; !rest.empty();) {
        const size_t end = rest.find(',');
        const std::string one = rest.substr(0, end);
        rest = end == std::string::npos ? "" : rest.substr(end + 1);
        const size_t first = one.find(':'), second = one.find(':', first + 1);
        if (first != std::string::npos && second != std::string::npos)
            inject(one.substr(0, first), std::atoi(one.c_str() + first + 1),
                   static_cast<CUresult>(std::atoi(one.c_str() + second + 1)));
    }
}

void Device::reset(uint64_t seed) {
    for (CUstream stream : streams)
        delete stream;
    for (CUevent event : events)
        delete event;
    for (CUmodule module : modules)
        delete module;
    for (CUgraph graph : graphs)
        delete graph;
    for (CUgraphExec executable : executables)
        delete executable;
    streams.clear();
    staged_.queue.clear();
    events.clear();
    modules.clear();
    graphs.clear();
    executables.clear();
    memory.clear();
    failures_.clear();
    initialized = false;
    current() = nullptr;
    sticky = CUDA_SUCCESS;
    fault.clear();
    launches = 0;
    calls.clear();
    operations_done_ = 0;
    configure();
    random_state_ = seed * 0x9E3779B97F4A7C15ull | 1;
}

CUresult Device::injected(const char* call) {
    calls[call]++;
    for (InjectedFailure& failure : failures_)
        if (failure.countdown > 0 && failure.call == call && --failure.countdown == 0)
            return failure.result;
    return CUDA_SUCCESS;
}

CUcontext& Device::current() {
    static thread_local CUcontext context = nullptr;
    return context;
}

CUresult Device::ready() const {
    if (!initialized)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (sticky != CUDA_SUCCESS)
        return sticky;
    return current() == nullptr || current()->retained == 0 ? CUDA_ERROR_INVALID_CONTEXT : CUDA_SUCCESS;
}

uint64_t Device::random() {
    random_state_ ^= random_state_ << 13;
    random_state_ ^= random_state_ >> 7;
    random_state_ ^= random_state_ << 17;
    return random_state_ >> 1;
}

CUresult Device::fail(const std::string& message) {
    if (fault.empty())
        fault = message;
    return sticky = CUDA_ERROR_LAUNCH_FAILED;
}

CUresult Device::enqueue(CUstream stream, Operation operation) {
    if (stream != nullptr && stream->capturing) {
        stream->captured.push_back(std::move(operation));
        return CUDA_SUCCESS;
    }
    if (stream == nullptr) {
        const CUresult before = synchronize_all();
        if (before != CUDA_SUCCESS)
            return before;
        operations_done_++;
        return operation.run ? operation.run() : CUDA_SUCCESS;
    }
    stream->queue.push_back(std::move(operation));
    return CUDA_SUCCESS;
}

CUresult Device::enqueue_staged(Operation operation) {
    const CUresult before = synchronize_all();
    if (before == CUDA_SUCCESS)
        staged_.queue.push_back(std::move(operation));
    return before;
}

// Does the operation at the head of a random stream that can go on. False when no stream can.
bool Device::step() {
    std::vector<CUstream> able;
    for (CUstream stream : streams)
        if (!stream->queue.empty() && (!stream->queue.front().is_reached || stream->queue.front().is_reached()))
            able.push_back(stream);
    if (!staged_.queue.empty())
        able.push_back(&staged_);
    if (able.empty())
        return false;
    CUstream stream = able[random() % able.size()];
    Operation operation = std::move(stream->queue.front());
    stream->queue.pop_front();
    operations_done_++;
    if (operation.run) {
        const CUresult result = operation.run();
        if (result != CUDA_SUCCESS && sticky == CUDA_SUCCESS)
            sticky = result;
    }
    return true;
}

CUresult Device::work_until(const std::function<bool()>& done) {
    while (sticky == CUDA_SUCCESS && !done())
        if (!step())
            return fail("deadlock: a stream waits for an event that nothing records");
    return sticky;
}

CUresult Device::synchronize(CUstream stream) {
    if (stream == nullptr)
        return synchronize_all();
    return work_until([&] { return stream->queue.empty(); });
}

CUresult Device::synchronize_all() {
    return work_until([&] {
        for (CUstream stream : streams)
            if (!stream->queue.empty())
                return false;
        return staged_.queue.empty();
    });
}

void Device::advance() {
    if (sticky == CUDA_SUCCESS)
        step();
}

std::string Device::describe_leaks() const {
    std::string text;
    const auto note = [&](size_t count, const char* what) {
        if (count != 0)
            text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + what;
    };
    note(memory.live(MemoryKind::Device), "device allocations");
    note(memory.live(MemoryKind::Pinned), "pinned host allocations");
    note(memory.live(MemoryKind::Registered), "registered host ranges");
    note(streams.size(), "streams");
    note(events.size(), "events");
    note(modules.size(), "modules");
    note(graphs.size() + executables.size(), "graphs");
    size_t retained = 0;
    for (const CUctx_st& context : contexts)
        retained += context.retained;
    note(retained, "primary context references");
    return text;
}

} // namespace ddoq::emulation
