// The part of the CUDA language that the kernels use, for g++ and clang++: qualifiers, built-in variables and types,
// barriers, shuffles, votes, integer atomics. Each kernel is an ordinary function that one fiber per thread runs.
// It proves logic, not speed: nothing measured here says anything about a GPU.
#pragma once

#include "block.h"
#include "half.h"
#include "registry.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __restrict__ __restrict
#define __launch_bounds__(...)

#define threadIdx (::ddoq::emulation::running_block->current().thread_index)
#define blockIdx (::ddoq::emulation::running_block->index())
#define blockDim (::ddoq::emulation::running_block->shape().block)
#define gridDim (::ddoq::emulation::running_block->shape().grid)

// A kernel: C linkage, one plain parameter struct, found by its symbol.
#define DDOQ_KERNEL(symbol, Parameters, threads, blocks)                                                               \
    extern "C" void symbol(const Parameters parameters);                                                               \
    static const ::ddoq::emulation::Registration registration_of_##symbol(#symbol, &symbol, threads);                  \
    extern "C" void symbol(const Parameters parameters)

#define DDOQ_SHARED_MEMORY(name) unsigned char* name = ::ddoq::emulation::running_block->shared()

struct alignas(8) float2 {
    float x, y;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
struct alignas(8) uint2 {
    unsigned x, y;
};
struct alignas(16) uint4 {
    unsigned x, y, z, w;
};

inline float2 make_float2(float x, float y) {
    return {x, y};
}
inline float4 make_float4(float x, float y, float z, float w) {
    return {x, y, z, w};
}
inline uint2 make_uint2(unsigned x, unsigned y) {
    return {x, y};
}
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) {
    return {x, y, z, w};
}

inline void __syncthreads() {
    ::ddoq::emulation::running_block->synchronize();
}
inline int __syncthreads_or(int predicate) {
    return ::ddoq::emulation::running_block->synchronize(predicate != 0);
}

namespace ddoq::emulation {

inline void check_mask(unsigned mask) {
    if (mask != 0xFFFFFFFFu)
        running_block->fault("a warp operation with a partial mask, which the emulation does not support");
}

template <class T>
T shuffle(unsigned mask, T value, unsigned source) {
    static_assert(sizeof(T) <= 8 && std::is_trivially_copyable_v<T>);
    check_mask(mask);
    Block& block = *running_block;
    Warp& warp = block.warp();
    const unsigned lane = block.lane();
    warp.in[lane][0] = 0;
    std::memcpy(&warp.in[lane][0], &value, sizeof value);
    warp.in[lane][1] = source & 31u;
    block.meet(WarpOperation::Shuffle, [](Warp& w) {
        for (unsigned i = 0; i < 32; i++)
            w.out[i][0] = w.in[w.in[i][1]][0];
    });
    T result;
    std::memcpy(&result, &warp.out[lane][0], sizeof result);
    return result;
}

inline unsigned ballot(unsigned mask, bool predicate) {
    check_mask(mask);
    Block& block = *running_block;
    Warp& warp = block.warp();
    const unsigned lane = block.lane();
    warp.in[lane][0] = predicate;
    block.meet(WarpOperation::Vote, [](Warp& w) {
        unsigned bits = 0;
        for (unsigned i = 0; i < 32; i++)
            bits |= static_cast<unsigned>(w.in[i][0]) << i;
        for (unsigned i = 0; i < 32; i++)
            w.out[i][0] = bits;
    });
    return static_cast<unsigned>(warp.out[lane][0]);
}

} // namespace ddoq::emulation

inline void __syncwarp(unsigned mask = 0xFFFFFFFFu) {
    ddoq::emulation::check_mask(mask);
    ddoq::emulation::running_block->meet(ddoq::emulation::WarpOperation::Synchronize, [](ddoq::emulation::Warp&) {});
}

template <class T>
T __shfl_sync(unsigned mask, T value, int source) {
    return ddoq::emulation::shuffle(mask, value, static_cast<unsigned>(source));
}

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits) {
    return ddoq::emulation::shuffle(mask, value, ddoq::emulation::running_block->lane() ^ static_cast<unsigned>(bits));
}

template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta) {
    const unsigned lane = ddoq::emulation::running_block->lane();
    return ddoq::emulation::shuffle(mask, value, lane >= delta ? lane - delta : lane);
}

template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta) {
    const unsigned lane = ddoq::emulation::running_block->lane();
    return ddoq::emulation::shuffle(mask, value, lane + delta < 32 ? lane + delta : lane);
}

inline unsigned __ballot_sync(unsigned mask, int predicate) {
    return ddoq::emulation::ballot(mask, predicate != 0);
}
inline int __any_sync(unsigned mask, int predicate) {
    return ddoq::emulation::ballot(mask, predicate != 0) != 0;
}
inline int __all_sync(unsigned mask, int predicate) {
    return ddoq::emulation::ballot(mask, predicate != 0) == 0xFFFFFFFFu;
}

inline int min(int a, int b) {
    return a < b ? a : b;
}
inline int max(int a, int b) {
    return a > b ? a : b;
}
inline unsigned __float_as_uint(float value) {
    unsigned bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
}
inline int __popc(unsigned value) {
    return __builtin_popcount(value);
}
inline int __ffs(int value) {
    return __builtin_ffs(value);
}
inline unsigned __umulhi(unsigned a, unsigned b) {
    return static_cast<unsigned>((static_cast<uint64_t>(a) * b) >> 32);
}

// Fibers are never preempted between the read and the write.
template <class T>
T atomicAdd(T* address, T value) {
    static_assert(std::is_integral_v<T>, "floating-point atomics would make results depend on the order of threads");
    const T old = *address;
    *address = static_cast<T>(old + value);
    return old;
}

template <class T>
T atomicMax(T* address, T value) {
    static_assert(std::is_integral_v<T>);
    const T old = *address;
    *address = value > old ? value : old;
    return old;
}
