// A block's tile of A B^T by fp32 multiply-adds, for fp32 rows, which tensor cores would round to tf32.
//
// Same interface as MatrixTile. 16x16 threads; thread (ty, tx) owns rows ty + 16 i and columns tx + 16 j, so the rows
// that a quarter warp reads together lie at a stride of 80 bytes and touch all 32 banks. Each sum runs over the
// elements in order, one fused multiply-add each: the same value as a plain sequential loop.
#pragma once

#include "matrix_tile.cuh"

namespace ddoq {

template <int Rows, int Columns, int Stages>
class FmaTile {
  public:
    using Element = float;
    static constexpr int BlockRows = Rows;
    static constexpr int BlockColumns = Columns;
    static constexpr int Threads = 256;
    static constexpr int ThreadRows = Rows / 16;
    static constexpr int ThreadColumns = Columns / 16;
    static constexpr int RowLanes = 16;
    static constexpr int Groups = 1;

    __device__ __forceinline__ int row(int i) const { return static_cast<int>(threadIdx.x) / 16 + 16 * i; }
    __device__ __forceinline__ int column(int j) const { return static_cast<int>(threadIdx.x) % 16 + 16 * j; }
    __device__ __forceinline__ int group() const { return 0; }
    __device__ __forceinline__ float value(int i, int j) const { return accumulators_[i][j]; }

    __device__ __forceinline__ void multiply(unsigned char* shared, const RowBlock<float>& a, const RowBlock<float>& b,
                                             int64_t, int, int dimension) {
        const bool aligned = rows_are_aligned(a.first, a.stride) && rows_are_aligned(b.first, b.stride);
        const int steps = (dimension + StepElements - 1) / StepElements;
        const auto load = [&](int step) {
            unsigned char* stage = shared + step % Stages * StageBytes;
            load_rows<Rows>(stage, a, step * StepElements, dimension, aligned);
            load_rows<Columns>(stage + Rows * RowBytes, b, step * StepElements, dimension, aligned);
        };
#pragma unroll
        for (int i = 0; i < ThreadRows; i++)
#pragma unroll
            for (int j = 0; j < ThreadColumns; j++)
                accumulators_[i][j] = 0.0f;
#pragma unroll
        for (int step = 0; step < Stages - 1; step++) {
            if (step < steps)
                load(step);
            copy_async_commit();
        }
        for (int step = 0; step < steps; step++) {
            copy_async_wait<Stages - 2>();
            __syncthreads();
            if (step + Stages - 1 < steps)
                load(step + Stages - 1);
            copy_async_commit();
            multiply_stage(shared + step % Stages * StageBytes);
        }
        copy_async_wait<0>();
        __syncthreads();
    }

  private:
    static constexpr int StepElements = 16;
    static constexpr int RowBytes = StepElements * 4 + 16;
    static constexpr int StageBytes = (Rows + Columns) * RowBytes;

    template <int Count>
    static __device__ __forceinline__ void load_rows(unsigned char* stage, const RowBlock<float>& rows, int column,
                                                     int dimension, bool aligned) {
        load_chunks<Count * 4, Threads>(stage, rows, dimension, aligned, [&](int chunk) {
            return ChunkPlace{(chunk >> 2) * RowBytes + (chunk & 3) * 16, chunk >> 2, column + (chunk & 3) * 4};
        });
    }

    __device__ __forceinline__ void multiply_stage(const unsigned char* stage) {
#pragma unroll
        for (int k = 0; k < StepElements; k += 4) {
            float4 b[ThreadColumns];
#pragma unroll
            for (int j = 0; j < ThreadColumns; j++)
                b[j] = *reinterpret_cast<const float4*>(stage + (Rows + column(j)) * RowBytes + k * 4);
#pragma unroll
            for (int i = 0; i < ThreadRows; i++) {
                const float4 a = *reinterpret_cast<const float4*>(stage + row(i) * RowBytes + k * 4);
#pragma unroll
                for (int j = 0; j < ThreadColumns; j++) {
                    float sum = accumulators_[i][j];
                    sum = fmaf(a.x, b[j].x, sum);
                    sum = fmaf(a.y, b[j].y, sum);
                    sum = fmaf(a.z, b[j].z, sum);
                    accumulators_[i][j] = fmaf(a.w, b[j].w, sum);
                }
            }
        }
    }

    float accumulators_[ThreadRows][ThreadColumns];
};

} // namespace ddoq
