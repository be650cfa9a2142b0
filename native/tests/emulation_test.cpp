// The emulation itself: it computes what PTX documents, and it sees the faults it is there to see.
#include "../../kernels/ptx.cuh"
#include "check.h"

#include <set>

using namespace ddoq;
using namespace ddoq::tests;

struct ProbeParameters {
    int mode;
    int* output;
    const half_t* source;
};

DDOQ_KERNEL(probe_threads, ProbeParameters, 1024, 1) {
    DDOQ_SHARED_MEMORY(shared);
    int* values = reinterpret_cast<int*>(shared);
    const int thread = static_cast<int>(threadIdx.x);
    const int threads = static_cast<int>(blockDim.x);
    int* out = parameters.output + blockIdx.x * blockDim.x;
    switch (parameters.mode) {
    case 0: // a neighbour's value through shared memory
        values[thread] = thread * 3;
        __syncthreads();
        out[thread] = values[(thread + 1) % threads];
        break;
    case 1: // the same without the barrier
        values[thread] = thread * 3;
        out[thread] = values[(thread + 1) % threads];
        break;
    case 2: // half of the threads leave before the barrier
        if (thread < threads / 2)
            __syncthreads();
        break;
    case 3: // lanes of a warp meet at different operations
        if (thread % 2 == 0)
            __syncwarp();
        else
            __shfl_xor_sync(0xFFFFFFFFu, thread, 1);
        break;
    case 4: // one lane never comes
        if (thread != 5)
            __syncwarp();
        else
            __syncthreads();
        break;
    case 5: // writes one past the end of shared memory
        if (thread == 0)
            values[threads] = 1;
        break;
    case 6:
        out[thread] = __shfl_sync(0xFFFFFFFFu, thread, 7) * 1000 + __shfl_down_sync(0xFFFFFFFFu, thread, 3u);
        break;
    case 7:
        out[thread] = static_cast<int>(__ballot_sync(0xFFFFFFFFu, thread % 3 == 0));
        break;
    case 8: // uninitialised shared memory
        out[thread] = values[thread];
        break;
    }
}

DDOQ_KERNEL(probe_copies, ProbeParameters, 32, 1) {
    DDOQ_SHARED_MEMORY(shared);
    const int thread = static_cast<int>(threadIdx.x);
    copy_async_16(shared + thread * 16, parameters.source + thread * 8, thread == 31 ? 6 : 16);
    copy_async_commit();
    if (parameters.mode != 1)
        copy_async_wait<0>();
    if (parameters.mode != 2)
        __syncthreads();
    const uint16_t* values = reinterpret_cast<const uint16_t*>(shared);
    for (int i = 0; i < 8; i++)
        parameters.output[thread * 8 + i] = values[((thread + 1) % 32) * 8 + i];
    if (parameters.mode == 1)
        return;
    copy_async_wait<0>();
}

namespace {

std::vector<int> threads_probe(int mode, unsigned threads, uint64_t order, unsigned blocks = 1) {
    std::vector<int> out(threads * blocks, -7);
    const ProbeParameters p{mode, out.data(), nullptr};
    emulation::launch("probe_threads", {{blocks, 1, 1}, {threads, 1, 1}, threads * sizeof(int), order}, &p);
    return out;
}

void check_fault(const std::function<void()>& body, const std::string& expected) {
    try {
        body();
    } catch (const emulation::KernelFault& fault) {
        check(std::string(fault.what()).find(expected) != std::string::npos, "fault '", fault.what(), "' instead of '",
              expected, "'");
        return;
    }
    fail("no fault; '", expected, "' was expected");
}

void barrier() {
    for (uint64_t order = 0; order < FiberOrders; order++) {
        const auto out = threads_probe(0, 96, order, 3);
        for (int i = 0; i < 96 * 3; i++)
            check(out[static_cast<size_t>(i)] == (i % 96 + 1) % 96 * 3, "order ", order, " thread ", i);
    }
}

void missing_barrier() {
    std::set<std::vector<int>> outcomes;
    for (uint64_t order = 0; order < FiberOrders; order++)
        outcomes.insert(threads_probe(1, 64, order));
    check(outcomes.size() > 5, "a missing barrier gave only ", outcomes.size(), " outcomes");
    check(threads_probe(1, 64, 3) == threads_probe(1, 64, 3), "one seed is not one order");
}

void faults() {
    for (uint64_t order = 0; order < FiberOrders; order++) {
        check_fault([&] { threads_probe(2, 64, order); }, "__syncthreads");
        check_fault([&] { threads_probe(3, 32, order); }, "its warp waits at");
        check_fault([&] { threads_probe(4, 32, order); }, "deadlock");
    }
#if !defined(__SANITIZE_ADDRESS__)
    check_fault([&] { threads_probe(5, 32, 0); }, "outside its 128 bytes");
#endif
    check_fault([&] { threads_probe(0, 33, 0); }, "multiple of 32");
    check_fault([] { emulation::launch("no_such_kernel", {}, nullptr); }, "no kernel is named");
    barrier(); // and the emulation still works afterwards
}

void warp_operations() {
    const auto shuffled = threads_probe(6, 64, 1);
    const auto voted = threads_probe(7, 64, 1);
    for (int i = 0; i < 64; i++) {
        const int lane = i % 32, warp = i / 32 * 32;
        const int expected = (warp + 7) * 1000 + (lane < 29 ? i + 3 : i);
        check(shuffled[static_cast<size_t>(i)] == expected, "shuffle ", i);
        unsigned bits = 0;
        for (int l = 0; l < 32; l++)
            bits |= static_cast<unsigned>((warp + l) % 3 == 0) << l;
        check(static_cast<unsigned>(voted[static_cast<size_t>(i)]) == bits, "vote ", i);
    }
    for (int value : threads_probe(8, 32, 1))
        check(value == -1, "shared memory does not start poisoned");
}

void asynchronous_copies() {
    Source source(1);
    std::vector<half_t> data(32 * 8);
    for (half_t& value : data)
        value.bits = static_cast<uint16_t>(source.integer(1, 0x7BFF));
    const auto probe = [&](int mode, uint64_t order) {
        std::vector<int> out(256, -7);
        const ProbeParameters p{mode, out.data(), data.data()};
        emulation::launch("probe_copies", {{1, 1, 1}, {32, 1, 1}, 512, order}, &p);
        return out;
    };
    int seen_missing_barrier = 0;
    for (uint64_t order = 0; order < FiberOrders; order++) {
        const auto out = probe(0, order);
        for (int t = 0; t < 32; t++)
            for (int i = 0; i < 8; i++) {
                const int owner = (t + 1) % 32;
                const int expected = owner == 31 && i >= 3 ? 0 : data[static_cast<size_t>(owner * 8 + i)].bits;
                check(out[static_cast<size_t>(t * 8 + i)] == expected, "copy, thread ", t, " element ", i);
            }
        seen_missing_barrier += probe(2, order) != out;
        check_fault([&] { probe(1, order); }, "nothing waited for");
    }
    check(seen_missing_barrier == static_cast<int>(FiberOrders), "a missing barrier after a wait was seen in ",
          seen_missing_barrier, " orders");
}

void half_precision() {
    for (uint32_t bits = 0; bits < 65536; bits++) {
        const half_t half{static_cast<uint16_t>(bits)};
        const float wide = emulation::to_float(half);
        if (std::isnan(wide))
            continue;
        check(emulation::to_half(wide).bits == bits, "half ", bits, " does not survive");
        if ((bits & 0x7FFF) >= 0x7BFF)
            continue;
        // Half-way to the neighbour rounds to even, anything nearer to the nearer one.
        const float next = emulation::to_float(half_t{static_cast<uint16_t>(bits + 1)});
        const float middle = (wide + next) / 2;
        check(emulation::to_half(middle).bits == bits + (bits & 1), "half-way above ", bits);
        check(emulation::to_half(std::nextafter(middle, wide)).bits == bits, "below half-way above ", bits);
        check(emulation::to_half(std::nextafter(middle, next)).bits == bits + 1, "above half-way above ", bits);
    }
    check(emulation::to_half(65519.99f).bits == 0x7BFF && emulation::to_half(65520.0f).bits == 0x7C00, "overflow");
    check(std::isnan(emulation::to_float(emulation::to_half(NAN))), "NaN");
    check(emulation::to_bfloat16(1.00390625f).bits == 0x3F80 && emulation::to_bfloat16(1.01171875f).bits == 0x3F82,
          "bf16 ties to even");
}

} // namespace

int main(int argc, char** argv) {
    return run_cases(argc, argv,
                     {{"barrier", barrier},
                      {"missing barrier", missing_barrier},
                      {"faults", faults},
                      {"warp operations", warp_operations},
                      {"asynchronous copies", asynchronous_copies},
                      {"half precision", half_precision}});
}
