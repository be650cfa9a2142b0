// A block whose threads own columns of a row-major matrix and walk its rows in order.
#pragma once

#include "matrix_tile.cuh"
#include "rows.cuh"

namespace ddoq {

// The columns that a thread owns in one chunk: Count neighbours where rows are aligned, so that a row is read 16 bytes
// (fp16) at a time, else every Threads-th, so that neighbouring threads read neighbouring elements.
template <int Threads, int Count>
class OwnedColumns {
  public:
    __device__ __forceinline__ OwnedColumns(int chunk, int dimension, bool aligned)
        : first_(chunk * Threads * Count + static_cast<int>(threadIdx.x) * (aligned ? Count : 1)),
          step_(aligned ? 1 : Threads), dimension_(dimension), vectors_(aligned && first_ + Count <= dimension) {}

    __device__ __forceinline__ int column(int i) const { return first_ + i * step_; }
    __device__ __forceinline__ bool owns(int i) const { return column(i) < dimension_; }

    // The thread's elements of one row; 0 past the end.
    template <class T>
    __device__ __forceinline__ void read(const T* row, float (&values)[Count]) const {
        constexpr int Width = Vector<T>::Count;
        if (vectors_) {
#pragma unroll
            for (int i = 0; i < Count; i += Width) {
                const Vector<T> vector = *reinterpret_cast<const Vector<T>*>(row + first_ + i);
#pragma unroll
                for (int e = 0; e < Width; e++)
                    values[i + e] = to_float(vector.values[e]);
            }
        } else {
#pragma unroll
            for (int i = 0; i < Count; i++)
                values[i] = owns(i) ? to_float(row[column(i)]) : 0.0f;
        }
    }

  private:
    int first_, step_, dimension_;
    bool vectors_;
};

// Lists, in ascending order, the indexes in [base, base + Threads) below `end` for which wanted(index), and returns
// their number to every thread. `list` holds Threads entries, `warp_counts` one per warp. All threads of the block
// call.
template <int Threads, class Wanted>
__device__ __forceinline__ int list_indexes(int base, int end, int* list, int* warp_counts, Wanted wanted) {
    const int index = base + static_cast<int>(threadIdx.x);
    const int lane = static_cast<int>(threadIdx.x) & 31, warp = static_cast<int>(threadIdx.x) >> 5;
    const bool is_wanted = index < end && wanted(index);
    const unsigned votes = __ballot_sync(0xFFFFFFFFu, is_wanted);
    if (lane == 0)
        warp_counts[warp] = __popc(votes);
    __syncthreads(); // and the last list has been read out
    int before = 0, total = 0;
#pragma unroll
    for (int w = 0; w < Threads / 32; w++) {
        before += w < warp ? warp_counts[w] : 0;
        total += warp_counts[w];
    }
    if (is_wanted)
        list[before + __popc(votes & ((1u << lane) - 1))] = index;
    __syncthreads();
    return total;
}

} // namespace ddoq
