// The emulated device: contexts, streams whose work is done as late as an observer allows, modules, injected failures.
//
// Nothing that is enqueued on a stream happens until something waits for it. Then the heads of the streams run in a
// random order (from the seed), so a missing wait, event or synchronisation shows: results are still poison, or a host
// buffer has been reused before its copy was made. A pinned buffer that is a copy's destination is overwritten with NaN
// patterns when the copy is enqueued.
#pragma once

#include "../registry.h"
#include "memory.h"
#include <cuda.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

struct CUctx_st {
    CUdevice device = 0;
    unsigned retained = 0;
};

struct CUfunc_st {
    std::string name;
    const ddoq::emulation::Kernel* kernel = nullptr;
    int maximum_dynamic_shared = 48 * 1024;
};

struct CUmod_st {
    CUcontext context = nullptr;
    std::map<std::string, std::unique_ptr<CUfunc_st>> functions;
};

struct CUevent_st {
    CUcontext context = nullptr;
    uint64_t recorded = 0;  // how often cuEventRecord was called
    uint64_t completed = 0; // how many of those have been reached
    uint64_t time = 0;      // operations done when the last was reached
};

namespace ddoq::emulation {

struct Operation {
    std::function<CUresult()> run;    // the work; empty for a wait
    std::function<bool()> is_reached; // for a wait: whether the stream may go on
};

} // namespace ddoq::emulation

struct CUstream_st {
    CUcontext context = nullptr;
    std::deque<ddoq::emulation::Operation> queue;
    bool capturing = false;
    std::vector<ddoq::emulation::Operation> captured;
};

struct CUgraph_st {
    std::vector<ddoq::emulation::Operation> operations;
};

struct CUgraphExec_st {
    CUcontext context = nullptr;
    std::vector<ddoq::emulation::Operation> operations;
};

namespace ddoq::emulation {

struct InjectedFailure {
    std::string call;
    int countdown; // 1: the next call
    CUresult result;
};

// Everything behind the exported functions. One lock guards it all.
class Device {
  public:
    static Device& instance();

    std::recursive_mutex lock;
    bool initialized = false;
    std::vector<CUctx_st> contexts;
    Memory memory;
    std::set<CUstream> streams;
    std::set<CUevent> events;
    std::set<CUmodule> modules;
    std::set<CUgraph> graphs;
    std::set<CUgraphExec> executables;
    CUresult sticky = CUDA_SUCCESS; // after a fault every call fails with it, as on a device
    std::string fault;
    uint64_t launches = 0;
    std::map<std::string, uint64_t> calls; // of exported functions since the last reset

    // Starts anew with another seed. Objects of before are gone.
    void reset(uint64_t seed);
    void configure();

    void inject(const std::string& call, int nth, CUresult result) { failures_.push_back({call, nth, result}); }
    CUresult injected(const char* call);

    // Checks shared by calls that need a context: initialised, no sticky error, a context current on this thread.
    CUresult ready() const;
    static CUcontext& current();

    bool knows(CUstream stream) const { return stream == nullptr || streams.count(stream) != 0; }
    // A handle of this context; the null stream is every context's.
    bool owns(CUstream stream) const { return stream == nullptr || (knows(stream) && stream->context == current()); }

    // Enqueues work, or records it while the stream captures. The null stream waits for all others and works at once.
    CUresult enqueue(CUstream stream, Operation operation);
    // Enqueues a copy that neither the caller nor a stream waits for, until everything is synchronised.
    CUresult enqueue_staged(Operation operation);
    // Does work, in random order among streams, until `done` says so.
    CUresult work_until(const std::function<bool()>& done);
    CUresult synchronize(CUstream stream);
    CUresult synchronize_all();
    // Does one ready operation of any stream, so that a program that polls gets on.
    void advance();
    uint64_t operations_done() const { return operations_done_; }
    uint64_t next_order() { return random(); }

    CUresult fail(const std::string& message);
    std::string describe_leaks() const;

  private:
    Device();
    uint64_t random();
    bool step();

    std::vector<InjectedFailure> failures_;
    uint64_t random_state_ = 1;
    uint64_t operations_done_ = 0;
    CUstream_st staged_;
};

// Runs the body of an exported function under the lock, unless a failure is injected into this call.
template <class Body>
CUresult guarded(const char* call, Body body) {
    Device& device = Device::instance();
    const std::lock_guard<std::recursive_mutex> hold(device.lock);
    if (const CUresult injected = device.injected(call); injected != CUDA_SUCCESS)
        return injected;
    return body(device);
}

// The same for calls that need a current context.
template <class Body>
CUresult guarded_in_context(const char* call, Body body) {
    return guarded(call, [&](Device& device) {
        const CUresult state = device.ready();
        return state != CUDA_SUCCESS ? state : body(device);
    });
}

} // namespace ddoq::emulation

#define DDOQ_EXPORT extern "C" __attribute__((visibility("default")))
