// ddoq_assign_k{16,64,128,256}_{f16,bf16}, ddoq_assign_fma_f32: the nearest centroid of every row.
//
// Computes   labels[i] = argmin_k |c_k|^2 - 2 <c_k, x_i> over the centroids of row i's class, the lowest k among
//            equal values; distances[i] = max(0, |x_i|^2 + that minimum), or the bare minimum where row_norms is
//            null.
// Inputs     rows (N, D) and centroids (K, D), row-major, any D, any stride; 16-byte aligned rows are copied
//            asynchronously, others through registers. Centroids in one part, or two (high + low) whose sum is used.
//            Centroid norms are those of the rounded centroids. Ragged classes: one launch for all, found by
//            tile_begin.
// Numerics   fp32 accumulation; values per element as in the type. With two parts the products carry about 22 bits
//            (fp16). Error against fp64 at most twice that of a plain fp32 loop over the same values:
//            native/tests/assign. A score that is NaN is never chosen; a row with no other gets label -1, as does a
//            class without centroids.
// Determinism  every row's result is computed by one block in a fixed order; independent of grid and scheduling.
// Launch     grid: any; blocks stride over tiles. Threads and shared memory: TileShape in assign.cuh.
// Bytes      N D read once per 256 centroids, K D once per tile (from L2), N labels written.
// Roofline   memory for K <= 64, and for K <= 128 in one part. On paper, H100, 1000 classes of 1300 x 4096 halves,
//            K = 50 in two parts: 10.7 GB at 3.0 TB/s are 3.6 ms, 1.4 Tflop of padded products at 600 Tflop/s 2.3
//            ms.
// Versions   1. K_pad of 16/64/128/256, all accumulators in registers, argmin in the epilogue.
//            2. A warp without rows multiplies nothing (the sixth tile of 1300 rows has 20 of 256), and each wave of
//            tiles is dealt turned by one: six tiles a class divide 132 multiprocessors, which always gave the short
//            ones to the same 22. Not yet timed on a GPU.
#include "assign.cuh"
#include "fma_tile.cuh"
#include "matrix_tile.cuh"

namespace ddoq {
namespace {

constexpr int NoIndex = 0x7FFFFFFF;

__device__ __forceinline__ bool is_better(float value, int index, float best, int best_index) {
    return value < best || (value == best && index < best_index);
}

template <class Tile>
__device__ __forceinline__ void assign_rows(const AssignParameters& p, unsigned char* shared) {
    using T = typename Tile::Element;
    float* scratch_values = reinterpret_cast<float*>(shared); // (BlockRows, Groups)
    int* scratch_indexes = reinterpret_cast<int*>(shared) + Tile::BlockRows * Tile::Groups;
    const int thread = static_cast<int>(threadIdx.x);
    const int tiles = p.tile_begin[p.class_count];
    const int grid = static_cast<int>(gridDim.x);
    for (int wave = 0; wave <= (tiles - 1) / grid; wave++) {
        const int tile = dealt_tile(wave, static_cast<int>(blockIdx.x), grid);
        if (tile >= tiles)
            break; // of the last wave
        const int c = find_class(p.tile_begin, p.class_count, tile);
        const ClassRange range = p.classes[c];
        const int first = (tile - p.tile_begin[c]) * Tile::BlockRows;
        const int64_t row_begin = range.row_begin + first;
        const int row_count = min(range.row_count - first, Tile::BlockRows);
        const RowBlock<T> rows{static_cast<const T*>(p.rows) + row_begin * p.row_stride, p.row_stride, row_count};
        float best = INFINITY; // of row `thread` of this tile
        int best_index = NoIndex;
        for (int k = 0; k < range.centroid_count; k += Tile::BlockColumns) {
            const int64_t centroid_begin = range.centroid_begin + k;
            const int centroid_count = min(range.centroid_count - k, Tile::BlockColumns);
            Tile products;
            products.multiply(shared, rows,
                              {static_cast<const T*>(p.centroids) + centroid_begin * p.centroid_stride,
                               p.centroid_stride, centroid_count},
                              p.centroid_part_stride, p.parts, p.dimension);
#pragma unroll
            for (int i = 0; i < Tile::ThreadRows; i++) {
                float value = INFINITY;
                int index = NoIndex;
#pragma unroll
                for (int j = 0; j < Tile::ThreadColumns; j++) {
                    const int column = products.column(j);
                    if (column < centroid_count) {
                        const float score = p.centroid_norms[centroid_begin + column] - 2.0f * products.value(i, j);
                        if (is_better(score, k + column, value, index)) {
                            value = score;
                            index = k + column;
                        }
                    }
                }
#pragma unroll
                for (int distance = 1; distance < Tile::RowLanes; distance *= 2) {
                    const float other = __shfl_xor_sync(0xFFFFFFFFu, value, distance);
                    const int other_index = __shfl_xor_sync(0xFFFFFFFFu, index, distance);
                    if (is_better(other, other_index, value, index)) {
                        value = other;
                        index = other_index;
                    }
                }
                if (thread % Tile::RowLanes == 0) {
                    const int slot = products.row(i) * Tile::Groups + products.group();
                    scratch_values[slot] = value;
                    scratch_indexes[slot] = index;
                }
            }
            __syncthreads();
            if (thread < Tile::BlockRows) {
#pragma unroll
                for (int group = 0; group < Tile::Groups; group++) {
                    const float value = scratch_values[thread * Tile::Groups + group];
                    const int index = scratch_indexes[thread * Tile::Groups + group];
                    if (is_better(value, index, best, best_index)) {
                        best = value;
                        best_index = index;
                    }
                }
            }
            __syncthreads(); // the next rows overwrite the scratch
        }
        if (thread < row_count) {
            p.labels[row_begin + thread] = best_index == NoIndex ? -1 : best_index;
            if (p.distances != nullptr)
                p.distances[row_begin + thread] =
                    p.row_norms == nullptr ? best : fmaxf(0.0f, p.row_norms[row_begin + thread] + best);
        }
    }
}

template <class T, const TileShape& Shape>
using AssignTile =
    MatrixTile<T, Shape.block_rows, Shape.block_columns, Shape.warp_rows, Shape.warp_columns, Shape.stages>;

} // namespace
} // namespace ddoq

#define DDOQ_ASSIGN(width, Shape, name, T)                                                                             \
    DDOQ_KERNEL(ddoq_assign_k##width##_##name, ddoq::AssignParameters, ddoq::Shape.threads(), 1) {                     \
        DDOQ_SHARED_MEMORY(shared);                                                                                    \
        ddoq::assign_rows<ddoq::AssignTile<T, ddoq::Shape>>(parameters, shared);                                       \
    }

DDOQ_ASSIGN(16, AssignK16, f16, ddoq::half_t)
DDOQ_ASSIGN(64, AssignK64, f16, ddoq::half_t)
DDOQ_ASSIGN(128, AssignK128, f16, ddoq::half_t)
DDOQ_ASSIGN(256, AssignK256, f16, ddoq::half_t)
DDOQ_ASSIGN(16, AssignK16, bf16, ddoq::bfloat16_t)
DDOQ_ASSIGN(64, AssignK64, bf16, ddoq::bfloat16_t)
DDOQ_ASSIGN(128, AssignK128, bf16, ddoq::bfloat16_t)
DDOQ_ASSIGN(256, AssignK256, bf16, ddoq::bfloat16_t)

DDOQ_KERNEL(ddoq_assign_fma_f32, ddoq::AssignParameters, 256, 1) {
    DDOQ_SHARED_MEMORY(shared);
    ddoq::assign_rows<
        ddoq::FmaTile<ddoq::AssignFp32.block_rows, ddoq::AssignFp32.block_columns, ddoq::AssignFp32.stages>>(parameters,
                                                                                                             shared);
}
