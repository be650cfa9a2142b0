// Warps and blocks as groups of threads that share loops, barriers and sums in a fixed order.
#pragma once

#include "scalar.cuh"

namespace ddoq {

template <class T>
__device__ __forceinline__ T warp_total(T value) {
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2)
        value += __shfl_xor_sync(0xFFFFFFFFu, value, distance);
    return value;
}

template <class T>
__device__ __forceinline__ T warp_maximum(T value) {
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2) {
        const T other = __shfl_xor_sync(0xFFFFFFFFu, value, distance);
        value = other > value ? other : value;
    }
    return value;
}

// The 32 threads of a warp.
struct WarpGroup {
    __device__ __forceinline__ int rank() const { return static_cast<int>(threadIdx.x) & 31; }
    __device__ __forceinline__ int size() const { return 32; }
    __device__ __forceinline__ void sync() const { __syncwarp(); }
    __device__ __forceinline__ double sum(double value) const { return warp_total(value); }
};

// All threads of a block. `scratch` holds a double per warp in shared memory.
template <int Threads>
struct BlockGroup {
    static constexpr int Warps = Threads / 32;
    double* scratch;

    __device__ __forceinline__ int rank() const { return static_cast<int>(threadIdx.x); }
    __device__ __forceinline__ int size() const { return Threads; }
    __device__ __forceinline__ void sync() const { __syncthreads(); }

    // Every thread receives the same sum: a tree in each warp, then the warps in order.
    __device__ __forceinline__ double sum(double value) const {
        value = warp_total(value);
        if ((rank() & 31) == 0)
            scratch[rank() / 32] = value;
        __syncthreads();
        double total = 0.0;
#pragma unroll
        for (int warp = 0; warp < Warps; warp++)
            total += scratch[warp];
        __syncthreads();
        return total;
    }

    __device__ __forceinline__ uint64_t maximum(uint64_t value) const {
        uint64_t* values = reinterpret_cast<uint64_t*>(scratch);
        value = warp_maximum(value);
        if ((rank() & 31) == 0)
            values[rank() / 32] = value;
        __syncthreads();
        uint64_t largest = 0;
#pragma unroll
        for (int warp = 0; warp < Warps; warp++)
            largest = values[warp] > largest ? values[warp] : largest;
        __syncthreads();
        return largest;
    }

    __device__ __forceinline__ bool any(bool value) const {
        return __syncthreads_or(value) != 0;
    }
};

} // namespace ddoq
