// The emulated driver, through its exported functions only: work happens late and in its order, misuse is refused,
// faults and leaks are seen, failures are injected.
#include "../../kernels/norms.cuh"
#include "check.h"

#include <cstring>
#include <cuda.h>

using namespace ddoq;
using namespace ddoq::tests;

extern "C" {
void ddoqEmulationReset(uint64_t);
void ddoqEmulationFail(const char*, int, int);
int ddoqEmulationFault(char*, int);
int ddoqEmulationLeaks(char*, int);
uint64_t ddoqEmulationLaunches();
}

namespace {

const char Image[] = "DDOQ emulated kernels: test\n";

void expect(CUresult expected, CUresult result, const char* what) {
    const char* name = nullptr;
    cuGetErrorName(result, &name);
    check(result == expected, what, " gives ", name == nullptr ? "an unknown result" : name, ", expected ",
          static_cast<int>(expected));
}
#define EXPECT(expected, call) expect(expected, call, #call)
#define OK(call) expect(CUDA_SUCCESS, call, #call)

std::string fault_text() {
    char text[512];
    ddoqEmulationFault(text, sizeof text);
    return text;
}

std::string leak_text() {
    char text[512];
    ddoqEmulationLeaks(text, sizeof text);
    return text;
}

// A fresh device with its context current, and a module.
struct Session {
    explicit Session(uint64_t seed = 1) {
        ddoqEmulationReset(seed);
        OK(cuInit(0));
        CUcontext context;
        OK(cuDevicePrimaryCtxRetain(&context, 0));
        OK(cuCtxSetCurrent(context));
        OK(cuModuleLoadData(&module, Image));
    }
    CUfunction function(const char* name) const {
        CUfunction found;
        OK(cuModuleGetFunction(&found, module, name));
        return found;
    }
    CUdeviceptr allocate(size_t bytes) const {
        CUdeviceptr pointer;
        OK(cuMemAlloc_v2(&pointer, bytes));
        return pointer;
    }
    CUstream stream() const {
        CUstream created;
        OK(cuStreamCreate(&created, 1));
        return created;
    }
    CUmodule module = nullptr;
};

CUresult launch_norms(CUfunction function, CUdeviceptr rows, CUdeviceptr norms, int count, int dimension,
                      CUstream stream, unsigned threads = NormsThreads) {
    NormsParameters p{
        reinterpret_cast<const void*>(rows), reinterpret_cast<float*>(norms), dimension, count, dimension, 0};
    void* parameters[] = {&p};
    const CUresult result = cuLaunchKernel(function, 2, 1, 1, threads, 1, 1, 0, stream, parameters, nullptr);
    std::memset(&p, 0xEE, sizeof p); // the launch has its own copy
    return result;
}

void order_of_states() {
    ddoqEmulationReset(1);
    int count;
    CUdeviceptr pointer;
    EXPECT(CUDA_ERROR_NOT_INITIALIZED, cuDeviceGetCount(&count));
    EXPECT(CUDA_ERROR_INVALID_VALUE, cuInit(1));
    OK(cuInit(0));
    OK(cuDeviceGetCount(&count));
    check(count == 1, "devices");
    CUdevice device;
    OK(cuDeviceGet(&device, 0));
    EXPECT(CUDA_ERROR_INVALID_DEVICE, cuDeviceGet(&device, 1));
    EXPECT(CUDA_ERROR_INVALID_CONTEXT, cuMemAlloc_v2(&pointer, 16));
    CUcontext context;
    OK(cuDevicePrimaryCtxRetain(&context, 0));
    OK(cuCtxSetCurrent(context));
    OK(cuMemAlloc_v2(&pointer, 16));
    OK(cuMemFree_v2(pointer));
    OK(cuDevicePrimaryCtxRelease_v2(0));
    EXPECT(CUDA_ERROR_INVALID_CONTEXT, cuMemAlloc_v2(&pointer, 16));
    EXPECT(CUDA_ERROR_INVALID_CONTEXT, cuDevicePrimaryCtxRelease_v2(0));
    int value;
    OK(cuDeviceGetAttribute(&value, 10, 0));
    check(value == 32, "warp size");
    EXPECT(CUDA_ERROR_INVALID_VALUE, cuDeviceGetAttribute(&value, 9999, 0));
}

void kernels_run_late() {
    Session s;
    const CUstream stream = s.stream();
    const CUdeviceptr rows = s.allocate(4 * 6), norms = s.allocate(4 * 2);
    float* pinned;
    OK(cuMemHostAlloc(reinterpret_cast<void**>(&pinned), 4 * 8, 0));
    const float source[6] = {1, 2, 3, 4, 5, 6};
    std::memcpy(pinned, source, sizeof source);
    OK(cuMemcpyHtoDAsync_v2(rows, pinned, sizeof source, stream));
    OK(launch_norms(s.function("ddoq_norms_f32"), rows, norms, 2, 3, stream));
    OK(cuMemcpyDtoHAsync_v2(pinned + 6, norms, 8, stream));
    check(std::isnan(pinned[6]) && ddoqEmulationLaunches() == 0, "results before anything waited");
    EXPECT(CUDA_ERROR_NOT_READY, cuStreamQuery(stream));
    OK(cuStreamSynchronize(stream));
    OK(cuStreamQuery(stream));
    check(pinned[6] == 14 && pinned[7] == 77, "norms ", pinned[6], " ", pinned[7]);

    // A pinned source that is reused too early: the copy sees what it holds when its turn comes.
    OK(cuMemcpyHtoDAsync_v2(rows, pinned, sizeof source, stream));
    pinned[0] = 100;
    OK(cuStreamSynchronize(stream));
    float back[6];
    OK(cuMemcpyDtoHAsync_v2(back, rows, sizeof back, stream)); // pageable: done when the call returns
    check(back[0] == 100 && back[5] == 6, "pinned sources are read late");
    float pageable[6] = {9, 9, 9, 9, 9, 9};
    OK(cuMemcpyHtoDAsync_v2(rows, pageable, sizeof pageable, stream));
    pageable[0] = 100;
    OK(cuMemcpyDtoHAsync_v2(back, rows, sizeof back, stream));
    check(back[0] == 9, "pageable sources are staged");

    OK(cuMemsetD32Async(rows, 0x3F800000, 3, stream));
    OK(cuMemcpyDtoDAsync_v2(norms, rows, 8, stream));
    OK(cuMemcpyDtoHAsync_v2(back, norms, 8, stream));
    check(back[0] == 1 && back[1] == 1, "fill and copy within the device");
    OK(cuMemFreeHost(pinned));
}

// A small copy from pageable memory may reach its place after the call has returned: a stream that does not wait for
// the default stream sees either. In the order of one stream it is there.
void small_copies_arrive_late() {
    int early = 0, ordered = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        Session s(seed);
        const CUstream stream = s.stream();
        const CUdeviceptr memory = s.allocate(8);
        int* pinned;
        OK(cuMemHostAlloc(reinterpret_cast<void**>(&pinned), 8, 0));
        const int values[2] = {7, 8}, zeros[2] = {0, 0};
        OK(cuMemcpyHtoDAsync_v2(memory, zeros, 8, stream));
        OK(cuStreamSynchronize(stream));
        OK(cuMemcpyHtoD_v2(memory, values, 8));
        OK(cuMemcpyDtoHAsync_v2(pinned, memory, 8, stream));
        OK(cuStreamSynchronize(stream));
        early += pinned[0] == 0;
        OK(cuMemcpyHtoDAsync_v2(memory, zeros, 8, stream));
        OK(cuMemcpyHtoDAsync_v2(memory, values, 8, stream));
        OK(cuMemcpyDtoHAsync_v2(pinned, memory, 8, stream));
        OK(cuStreamSynchronize(stream));
        ordered += pinned[0] == 7;
        OK(cuMemFreeHost(pinned));
    }
    check(early > 0 && early < 40, early, " of 40 orders read before a copy of the default stream");
    check(ordered == 40, ordered, " of 40 orders keep the order of one stream");
}

// A copy to the host of memory that nothing wrote is made, and told of.
void unwritten_memory_is_told() {
    Session s;
    const CUdeviceptr memory = s.allocate(32);
    unsigned char back[32];
    OK(cuMemsetD8Async(memory, 1, 16, nullptr));
    OK(cuMemcpyDtoH_v2(back, memory, 16));
    check(fault_text().empty(), "written memory: ", fault_text());
    OK(cuMemcpyDtoH_v2(back, memory, 32));
    check(fault_text().find("bytes 16 to 23 of 32 were never written") != std::string::npos, "the fault says '",
          fault_text(), "'");
}

// Two streams without an event between them run in either order; with one, in the order asked for.
void streams_and_events() {
    int without_event[2] = {}, with_event[2] = {};
    for (uint64_t seed = 1; seed <= 40; seed++)
        for (const bool ordered : {false, true}) {
            Session s(seed);
            const CUstream first = s.stream(), second = s.stream();
            const CUdeviceptr value = s.allocate(4);
            CUevent event;
            OK(cuEventCreate(&event, 0));
            OK(cuMemsetD32Async(value, 1, 1, first));
            OK(cuEventRecord(event, first));
            if (ordered)
                OK(cuStreamWaitEvent(second, event, 0));
            OK(cuMemsetD32Async(value, 2, 1, second));
            OK(cuCtxSynchronize());
            unsigned result;
            OK(cuMemcpyDtoHAsync_v2(&result, value, 4, nullptr));
            (ordered ? with_event : without_event)[result == 2]++;
            OK(cuEventQuery(event));
        }
    check(with_event[1] == 40, "an event was not waited for");
    check(without_event[0] > 5 && without_event[1] > 5, "streams always run in one order: ", without_event[0], " and ",
          without_event[1]);
}

void graphs() {
    Session s;
    const CUstream stream = s.stream();
    const CUdeviceptr rows = s.allocate(16), norms = s.allocate(4);
    float host[4] = {1, 2, 3, 4}, result = 0;
    CUgraph graph;
    CUgraphExec executable;
    OK(cuStreamBeginCapture_v2(stream, 0));
    OK(cuMemcpyHtoDAsync_v2(rows, host, sizeof host, stream));
    OK(launch_norms(s.function("ddoq_norms_f32"), rows, norms, 1, 4, stream));
    OK(cuMemcpyDtoHAsync_v2(&result, norms, 4, stream));
    EXPECT(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuStreamSynchronize(stream));
    OK(cuStreamEndCapture(stream, &graph));
    OK(cuGraphInstantiateWithFlags(&executable, graph, 0));
    OK(cuGraphDestroy(graph));
    check(ddoqEmulationLaunches() == 0, "capturing ran the kernel");
    for (const float first : {1.0f, 10.0f}) {
        host[0] = first;
        OK(cuGraphLaunch(executable, stream));
        OK(cuStreamSynchronize(stream));
        check(result == first * first + 29, "graph gives ", result);
    }
    OK(cuGraphExecDestroy(executable));
}

void misuse_is_refused() {
    Session s;
    const CUstream stream = s.stream();
    const CUdeviceptr memory = s.allocate(100);
    float host[64] = {};
    EXPECT(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoDAsync_v2(memory, host, 101, stream));
    EXPECT(CUDA_ERROR_INVALID_VALUE, cuMemcpyDtoHAsync_v2(host, memory + 60, 41, stream));
    EXPECT(CUDA_ERROR_INVALID_VALUE, cuMemsetD32Async(memory + 2, 0, 1, stream));
    EXPECT(CUDA_ERROR_INVALID_VALUE, cuMemFree_v2(memory + 4));
    OK(cuMemFree_v2(memory));
    EXPECT(CUDA_ERROR_INVALID_VALUE, cuMemFree_v2(memory));
    EXPECT(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoDAsync_v2(memory, host, 4, stream));
    check(fault_text().find("has been freed") != std::string::npos, fault_text());
    CUfunction function;
    EXPECT(CUDA_ERROR_NOT_FOUND, cuModuleGetFunction(&function, s.module, "ddoq_no_such_kernel"));
    CUmodule module;
    EXPECT(CUDA_ERROR_INVALID_IMAGE, cuModuleLoadData(&module, "not an image"));
    function = s.function("ddoq_assign_k64_f16");
    void* parameters[] = {host};
    EXPECT(CUDA_ERROR_INVALID_VALUE, cuLaunchKernel(function, 1, 1, 1, 256, 1, 1, 100000, stream, parameters, nullptr));
    EXPECT(CUDA_ERROR_INVALID_VALUE, cuFuncSetAttribute(function, 8, 228 * 1024));
    OK(cuFuncSetAttribute(function, 8, 160 * 1024));
    EXPECT(CUDA_ERROR_INVALID_VALUE, cuLaunchKernel(function, 0, 1, 1, 256, 1, 1, 0, stream, parameters, nullptr));
    EXPECT(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES,
           cuLaunchKernel(function, 1, 1, 1, 512, 1, 1, 0, stream, parameters, nullptr));
    OK(cuStreamDestroy_v2(stream));
    EXPECT(CUDA_ERROR_INVALID_HANDLE, cuStreamSynchronize(stream));
    EXPECT(CUDA_ERROR_INVALID_HANDLE, cuMemsetD8Async(memory, 0, 1, stream));
    size_t available, total;
    CUdeviceptr large;
    OK(cuMemGetInfo_v2(&available, &total));
    EXPECT(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc_v2(&large, available + 1));
    EXPECT(CUDA_ERROR_INVALID_VALUE, cuMemAlloc_v2(&large, 0));
    int registered[4];
    OK(cuMemHostRegister_v2(registered, sizeof registered, 0));
    EXPECT(CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED, cuMemHostRegister_v2(registered, sizeof registered, 0));
    OK(cuMemHostUnregister(registered));
    EXPECT(CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED, cuMemHostUnregister(registered));
}

void faults_are_sticky() {
    Session s;
    const CUstream stream = s.stream();
    const CUdeviceptr rows = s.allocate(64), norms = s.allocate(64);
    OK(launch_norms(s.function("ddoq_norms_f32"), rows, norms, 1, 4, stream,
                    33)); // not whole warps: fails when it runs
    EXPECT(CUDA_ERROR_LAUNCH_FAILED, cuStreamSynchronize(stream));
    EXPECT(CUDA_ERROR_LAUNCH_FAILED, cuMemsetD8Async(rows, 0, 1, stream));
    check(fault_text().find("ddoq_norms_f32") != std::string::npos, fault_text());
    Session again; // a reset heals it
    OK(cuCtxSynchronize());
}

// A kernel that writes past an allocation is found by the guard bytes (AddressSanitizer would stop the program there).
void damage_is_found() {
#if !defined(__SANITIZE_ADDRESS__)
    for (const bool freed : {false, true}) {
        Session s;
        const CUstream stream = s.stream();
        const CUdeviceptr rows = s.allocate(256), norms = s.allocate(4);
        OK(cuMemsetD8Async(rows, 0, 256, stream));
        if (freed)
            OK(cuMemFree_v2(norms));
        OK(launch_norms(s.function("ddoq_norms_f32"), rows, norms, freed ? 1 : 2, 4, stream));
        EXPECT(CUDA_ERROR_LAUNCH_FAILED, cuStreamSynchronize(stream));
        check(fault_text().find(freed ? "after it was freed" : "past the end") != std::string::npos, fault_text());
    }
#endif
}

void failures_are_injected() {
    Session s;
    CUdeviceptr pointer;
    ddoqEmulationFail("cuMemAlloc_v2", 2, CUDA_ERROR_OUT_OF_MEMORY);
    OK(cuMemAlloc_v2(&pointer, 16));
    EXPECT(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc_v2(&pointer, 16));
    OK(cuMemAlloc_v2(&pointer, 16));
    ddoqEmulationFail("cuLaunchKernel", 1, CUDA_ERROR_LAUNCH_FAILED);
    EXPECT(CUDA_ERROR_LAUNCH_FAILED, launch_norms(s.function("ddoq_norms_f32"), pointer, pointer, 0, 0, nullptr));
    OK(launch_norms(s.function("ddoq_norms_f32"), pointer, pointer, 0, 0, nullptr));
}

void leaks_are_named() {
    Session s;
    check(leak_text() == "1 modules, 1 primary context references", leak_text());
    const CUstream stream = s.stream();
    const CUdeviceptr memory = s.allocate(8);
    check(leak_text() == "1 device allocations, 1 streams, 1 modules, 1 primary context references", leak_text());
    OK(cuMemFree_v2(memory));
    OK(cuStreamDestroy_v2(stream));
    OK(cuModuleUnload(s.module));
    OK(cuDevicePrimaryCtxRelease_v2(0));
    check(leak_text().empty() && fault_text().empty(), leak_text(), fault_text());
}

} // namespace

int main(int argc, char** argv) {
    const int result = run_cases(argc, argv,
                                 {{"order of states", order_of_states},
                                  {"kernels run late", kernels_run_late},
                                  {"small copies arrive late", small_copies_arrive_late},
                                  {"unwritten memory is told", unwritten_memory_is_told},
                                  {"streams and events", streams_and_events},
                                  {"graphs", graphs},
                                  {"misuse is refused", misuse_is_refused},
                                  {"faults are sticky", faults_are_sticky},
                                  {"damage is found", damage_is_found},
                                  {"failures are injected", failures_are_injected},
                                  {"leaks are named", leaks_are_named}});
    ddoqEmulationReset(1);
    return result;
}
