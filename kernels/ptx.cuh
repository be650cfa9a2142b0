// Every PTX instruction of the project, each with the emulation's form of it beside.
#pragma once

#include "scalar.cuh"

#include <cstdint>

#ifdef __CUDACC__

#define DDOQ_KERNEL(symbol, Parameters, threads, blocks)                                                               \
    extern "C" __global__ void __launch_bounds__(threads, blocks) symbol(const __grid_constant__ Parameters parameters)
#define DDOQ_SHARED_MEMORY(name) extern __shared__ __align__(1024) unsigned char name[]

namespace ddoq {

__device__ __forceinline__ uint32_t shared_address(const void* pointer) {
    return static_cast<uint32_t>(__cvta_generic_to_shared(pointer));
}

// Starts a copy of `bytes` (0 to 16) from global to shared memory and zeroes the rest of the 16. Both 16-byte aligned.
__device__ __forceinline__ void copy_async_16(void* destination, const void* source, int bytes) {
    asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;\n" ::"r"(shared_address(destination)),
                 "l"(source), "r"(bytes)
                 : "memory");
}

// Closes the group of the copies started since the last commit.
__device__ __forceinline__ void copy_async_commit() {
    asm volatile("cp.async.commit_group;\n" ::: "memory");
}

// Waits until at most `Groups` of this thread's latest groups are still on their way.
template <int Groups>
__device__ __forceinline__ void copy_async_wait() {
    asm volatile("cp.async.wait_group %0;\n" ::"n"(Groups) : "memory");
}

// 2^x to two units in the last place; results below the smallest normal number are 0.
__device__ __forceinline__ float approximate_exp2(float x) {
    float value;
    asm("ex2.approx.ftz.f32 %0, %1;\n" : "=f"(value) : "f"(x));
    return value;
}

// log2(x): relative error 2^-22, absolute error 2^-22 for x in (1/2, 2).
__device__ __forceinline__ float approximate_log2(float x) {
    float value;
    asm("lg2.approx.ftz.f32 %0, %1;\n" : "=f"(value) : "f"(x));
    return value;
}

// Four 8x8 matrices of 16-bit elements; lane l gives the address of row l % 8 of matrix l / 8.
__device__ __forceinline__ void load_matrix_x4(uint32_t (&registers)[4], const void* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];\n"
                 : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
                 : "r"(shared_address(row))
                 : "memory");
}

// accumulator += a (16x16) b (16x8), fp32 accumulation on tensor cores.
template <class T>
__device__ __forceinline__ void multiply_accumulate(float (&c)[4], const uint32_t (&a)[4], const uint32_t* b);

template <>
__device__ __forceinline__ void multiply_accumulate<half_t>(float (&c)[4], const uint32_t (&a)[4], const uint32_t* b) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
                 "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};\n"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

template <>
__device__ __forceinline__ void multiply_accumulate<bfloat16_t>(float (&c)[4], const uint32_t (&a)[4],
                                                                const uint32_t* b) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
                 "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};\n"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

} // namespace ddoq

#else

#include "../native/emulation/matrix.h"

namespace ddoq {

// With errors of the size that the instructions may have, up or down by the bits of x.
inline float approximation_error(float x) {
    const uint32_t mixed = __float_as_uint(x) * 2654435761u;
    return (mixed & 0x80000000u) != 0 ? 0x1p-22f : -0x1p-22f;
}
inline float approximate_exp2(float x) {
    return x == 0.0f ? 1.0f : std::exp2(x) * (1.0f + approximation_error(x));
}
inline float approximate_log2(float x) {
    const float value = std::log2(x);
    const float size = x > 0.5f && x < 2.0f ? 1.0f : std::fabs(value);
    return x == 1.0f || size > 1e30f ? value : value + size * approximation_error(x);
}
inline void copy_async_16(void* destination, const void* source, int bytes) {
    emulation::issue_copy(destination, source, bytes);
}
inline void copy_async_commit() {
    emulation::commit_copies();
}
template <int Groups>
inline void copy_async_wait() {
    emulation::wait_for_copies(Groups);
}
inline void load_matrix_x4(uint32_t (&registers)[4], const void* row) {
    emulation::load_matrix_x4(registers, row);
}
template <class T>
inline void multiply_accumulate(float (&c)[4], const uint32_t (&a)[4], const uint32_t* b) {
    emulation::multiply_accumulate<T>(c, a, b);
}

} // namespace ddoq

#endif
