// A block's tile of A B^T on tensor cores, for 16-bit rows: fp32 accumulators in registers.
//
// Rows come through a ring of `Stages` buffers in shared memory, 64 elements (128 bytes) of every row at a time. A
// row's eight 16-byte chunks are permuted by XOR with the row number, so that ldmatrix and the copies touch all 32
// banks. Every row of A and B is read once per tile. Elements past D, and rows past the end, are zero.
//
// B may come in two parts, high and low, whose products go to the same accumulators: the products of an unsplit B to
// about 22 bits (fp16) or 16 bits (bf16).
#pragma once

#include "ptx.cuh"

namespace ddoq {

// Consecutive rows of a row-major matrix in global memory.
template <class T>
struct RowBlock {
    const T* first;
    int64_t stride; // elements
    int count;
};

// True when every row of the matrix begins at a multiple of 16 bytes.
template <class T>
__device__ __forceinline__ bool rows_are_aligned(const T* first, int64_t stride) {
    return reinterpret_cast<uintptr_t>(first) % 16 == 0 && stride * static_cast<int64_t>(sizeof(T)) % 16 == 0;
}

// Starts a copy of elements [column, column + 16 bytes) of an aligned row to 16 aligned bytes of shared memory;
// elements past the end arrive as zero.
template <class T>
__device__ __forceinline__ void copy_chunk(unsigned char* destination, const RowBlock<T>& rows, int row, int column,
                                           int dimension) {
    constexpr int Count = Vector<T>::Count;
    const int left = row < rows.count ? dimension - column : 0;
    const int elements = left < 0 ? 0 : left > Count ? Count : left;
    const T* source = elements > 0 ? rows.first + row * rows.stride + column : rows.first;
    copy_async_16(destination, source, elements * static_cast<int>(sizeof(T)));
}

// The same through registers, for rows that are not aligned.
template <class T>
__device__ __forceinline__ void store_chunk(unsigned char* destination, const RowBlock<T>& rows, int row, int column,
                                            int dimension) {
    constexpr int Count = Vector<T>::Count;
    const int left = row < rows.count ? dimension - column : 0;
    const T* source = rows.first + row * rows.stride + column;
    Vector<T> chunk;
#pragma unroll
    for (int i = 0; i < Count; i++)
        chunk.values[i] = i < left ? source[i] : from_float<T>(0.0f);
    *reinterpret_cast<Vector<T>*>(destination) = chunk;
}

// Brings Chunks chunks of rows to shared memory; place(chunk) gives each chunk's destination, row and column.
struct ChunkPlace {
    int offset, row, column;
};

template <int Chunks, int Threads, class T, class Place>
__device__ __forceinline__ void load_chunks(unsigned char* stage, const RowBlock<T>& rows, int dimension, bool aligned,
                                            Place place) {
    const int thread = static_cast<int>(threadIdx.x);
    if (aligned) {
#pragma unroll
        for (int index = 0; index < Chunks; index += Threads) {
            if (Chunks % Threads == 0 || index + thread < Chunks) {
                const ChunkPlace to = place(index + thread);
                copy_chunk(stage + to.offset, rows, to.row, to.column, dimension);
            }
        }
    } else {
#pragma unroll 1 // rare, and large when unrolled
        for (int index = thread; index < Chunks; index += Threads) {
            const ChunkPlace to = place(index);
            store_chunk(stage + to.offset, rows, to.row, to.column, dimension);
        }
    }
}

template <class T, int Rows, int Columns, int WarpRows, int WarpColumns, int Stages>
class MatrixTile {
  public:
    using Element = T;
    static constexpr int BlockRows = Rows;
    static constexpr int BlockColumns = Columns;
    static constexpr int Threads = WarpRows * WarpColumns * 32;
    static constexpr int ThreadRows = Rows / WarpRows / 8;          // rows of the tile that a thread has a share in
    static constexpr int ThreadColumns = Columns / WarpColumns / 4; // its columns in each of them
    static constexpr int RowLanes = 4;                              // neighbouring lanes that share a row
    static constexpr int Groups = WarpColumns;                      // warps that share a row
    static_assert(Rows % (WarpRows * 16) == 0 && Columns % (WarpColumns * 16) == 0, "whole mma fragments per warp");

    __device__ __forceinline__ int row(int i) const {
        return warp_row() * (Rows / WarpRows) + (i >> 1) * 16 + (lane() >> 2) + (i & 1) * 8;
    }
    __device__ __forceinline__ int column(int j) const {
        return group() * (Columns / WarpColumns) + (j >> 1) * 8 + (lane() & 3) * 2 + (j & 1);
    }
    __device__ __forceinline__ int group() const { return warp() % WarpColumns; }
    __device__ __forceinline__ float value(int i, int j) const {
        return accumulators_[i >> 1][j >> 1][(i & 1) * 2 + (j & 1)];
    }

    // Fills the accumulators with a b^T over `dimension` elements. All threads of the block call it; on return the
    // shared memory is free for other use by any thread.
    __device__ __forceinline__ void multiply(unsigned char* shared, const RowBlock<T>& a, const RowBlock<T>& b,
                                             int64_t b_part_stride, int b_parts, int dimension) {
        const bool aligned = rows_are_aligned(a.first, a.stride) && rows_are_aligned(b.first, b.stride) &&
                             (b_parts == 1 || b_part_stride % Vector<T>::Count == 0);
        const int stage_bytes = (Rows + b_parts * Columns) * RowBytes;
        const int steps = (dimension + StepElements - 1) / StepElements;
        // A warp whose rows or columns all lie past the end copies with the others and multiplies nothing.
        const bool has_work = warp_row() * (Rows / WarpRows) < a.count && group() * (Columns / WarpColumns) < b.count;
        const auto load = [&](int step) {
            unsigned char* stage = shared + step % Stages * stage_bytes;
            load_rows<Rows>(stage, a, step * StepElements, dimension, aligned);
            for (int part = 0; part < b_parts; part++)
                load_rows<Columns>(stage + (Rows + part * Columns) * RowBytes,
                                   {b.first + part * b_part_stride, b.stride, b.count}, step * StepElements, dimension,
                                   aligned);
        };
#pragma unroll
        for (int i = 0; i < FragmentRows; i++)
#pragma unroll
            for (int j = 0; j < FragmentColumns; j++)
#pragma unroll
                for (int e = 0; e < 4; e++)
                    accumulators_[i][j][e] = 0.0f;
#pragma unroll
        for (int step = 0; step < Stages - 1; step++) {
            if (step < steps)
                load(step);
            copy_async_commit();
        }
        for (int step = 0; step < steps; step++) {
            copy_async_wait<Stages - 2>();
            __syncthreads(); // this step's rows have arrived for all threads, and the stage refilled next is read out
            if (step + Stages - 1 < steps)
                load(step + Stages - 1);
            copy_async_commit();
            if (has_work)
                multiply_stage(shared + step % Stages * stage_bytes, b_parts);
        }
        copy_async_wait<0>();
        __syncthreads();
    }

  private:
    static constexpr int StepElements = 64;
    static constexpr int RowBytes = StepElements * 2;
    static constexpr int FragmentRows = Rows / WarpRows / 16;
    static constexpr int FragmentColumns = Columns / WarpColumns / 8;

    static __device__ __forceinline__ int lane() {
        return static_cast<int>(threadIdx.x) & 31;
    }
    static __device__ __forceinline__ int warp() {
        return static_cast<int>(threadIdx.x) >> 5;
    }
    static __device__ __forceinline__ int warp_row() {
        return warp() / WarpColumns;
    }

    // Where chunk c (16 bytes) of row r lies.
    static __device__ __forceinline__ int chunk_offset(int row, int chunk) {
        return row * RowBytes + ((chunk ^ (row & 7)) << 4);
    }

    template <int Count>
    static __device__ __forceinline__ void load_rows(unsigned char* stage, const RowBlock<T>& rows, int column,
                                                     int dimension, bool aligned) {
        load_chunks<Count * 8, Threads>(stage, rows, dimension, aligned, [&](int chunk) {
            return ChunkPlace{chunk_offset(chunk >> 3, chunk & 7), chunk >> 3, column + (chunk & 7) * 8};
        });
    }

    __device__ __forceinline__ void multiply_stage(const unsigned char* stage, int b_parts) {
#pragma unroll
        for (int k = 0; k < StepElements / 16; k++) {
            uint32_t a[FragmentRows][4];
#pragma unroll
            for (int i = 0; i < FragmentRows; i++)
                load_matrix_x4(a[i], stage + chunk_offset(warp_row() * (Rows / WarpRows) + i * 16 + (lane() & 15),
                                                          k * 2 + (lane() >> 4)));
            for (int part = 0; part < b_parts; part++) {
                const unsigned char* columns = stage + (Rows + part * Columns) * RowBytes;
#pragma unroll
                for (int j = 0; j < FragmentColumns; j += 2) {
                    uint32_t b[4]; // columns j*8..+7 for k 0..7 and 8..15, then the next eight columns
                    load_matrix_x4(b, columns + chunk_offset(group() * (Columns / WarpColumns) + j * 8 + (lane() & 7) +
                                                                 ((lane() >> 4) << 3),
                                                             k * 2 + ((lane() >> 3) & 1)));
#pragma unroll
                    for (int i = 0; i < FragmentRows; i++) {
                        multiply_accumulate<T>(accumulators_[i][j], a[i], b);
                        multiply_accumulate<T>(accumulators_[i][j + 1], a[i], b + 2);
                    }
                }
            }
        }
    }

    float accumulators_[FragmentRows][FragmentColumns][4];
};

} // namespace ddoq
