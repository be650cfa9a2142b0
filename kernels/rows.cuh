// Walks the elements of a row by one warp, 16 bytes a lane where the row is aligned.
#pragma once

#include "scalar.cuh"

namespace ddoq {

// Calls visit(index, value) for the lane's share of a row's elements, in ascending order of index.
template <class T, class Visit>
__device__ __forceinline__ void visit_row(const T* row, int dimension, int lane, Visit visit) {
    constexpr int Count = Vector<T>::Count;
    int done = 0; // elements that whole vectors cover
    if (reinterpret_cast<uintptr_t>(row) % 16 == 0) {
        done = dimension / Count * Count;
        for (int i = lane * Count; i < done; i += 32 * Count) {
            const Vector<T> vector = *reinterpret_cast<const Vector<T>*>(row + i);
#pragma unroll
            for (int e = 0; e < Count; e++)
                visit(i + e, to_float(vector.values[e]));
        }
    }
    for (int i = done + lane; i < dimension; i += 32)
        visit(i, to_float(row[i]));
}

// The same beside an fp32 vector: visit(value, other). Where both are aligned both are loaded 16 bytes at a time.
template <class T, class Visit>
__device__ __forceinline__ void visit_row_beside(const T* row, const float* other, int dimension, int lane,
                                                 Visit visit) {
    constexpr int Count = Vector<T>::Count;
    if ((reinterpret_cast<uintptr_t>(row) | reinterpret_cast<uintptr_t>(other)) % 16 != 0) {
        visit_row(row, dimension, lane, [&](int i, float value) { visit(value, other[i]); });
        return;
    }
    const int done = dimension / Count * Count;
    for (int i = lane * Count; i < done; i += 32 * Count) {
        const Vector<T> vector = *reinterpret_cast<const Vector<T>*>(row + i);
        Vector<float> beside[Count / 4];
#pragma unroll
        for (int e = 0; e < Count / 4; e++)
            beside[e] = *reinterpret_cast<const Vector<float>*>(other + i + e * 4);
#pragma unroll
        for (int e = 0; e < Count; e++)
            visit(to_float(vector.values[e]), beside[e / 4].values[e % 4]);
    }
    for (int i = done + lane; i < dimension; i += 32)
        visit(to_float(row[i]), other[i]);
}

// The sum of `value` over the lanes of a warp, by a tree; every lane receives it.
__device__ __forceinline__ float sum_over_warp(float value) {
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2)
        value += __shfl_xor_sync(0xFFFFFFFFu, value, distance);
    return value;
}

} // namespace ddoq
