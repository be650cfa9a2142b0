// Row element types: fp16, bf16 and fp32, and their conversions. Arithmetic is always fp32 or wider.
#pragma once

#include <cmath>
#include <cstdint>

#ifdef __CUDACC__
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#else
#include "../native/emulation/intrinsics.h"
#endif

namespace ddoq {

#ifdef __CUDACC__
using half_t = __half;
using bfloat16_t = __nv_bfloat16;
__device__ __forceinline__ float to_float(half_t value) {
    return __half2float(value);
}
__device__ __forceinline__ float to_float(bfloat16_t value) {
    return __bfloat162float(value);
}
__device__ __forceinline__ half_t to_half(float value) {
    return __float2half_rn(value);
}
__device__ __forceinline__ bfloat16_t to_bfloat16(float value) {
    return __float2bfloat16_rn(value);
}
#else
using emulation::bfloat16_t;
using emulation::half_t;
using emulation::to_bfloat16;
using emulation::to_float;
using emulation::to_half;
#endif

__device__ __forceinline__ float to_float(float value) {
    return value;
}

// The nearest value of type T, ties to even.
template <class T>
__device__ __forceinline__ T from_float(float value);
template <>
__device__ __forceinline__ half_t from_float<half_t>(float value) {
    return to_half(value);
}
template <>
__device__ __forceinline__ bfloat16_t from_float<bfloat16_t>(float value) {
    return to_bfloat16(value);
}
template <>
__device__ __forceinline__ float from_float<float>(float value) {
    return value;
}

// 16 bytes of row elements.
template <class T>
struct alignas(16) Vector {
    static constexpr int Count = 16 / sizeof(T);
    T values[Count];
};

} // namespace ddoq
