// ddoq_gram_tensor_{f16,bf16}, ddoq_gram_fma_f32: the Gram matrix of every class.
//
// Computes   G[i][j] = <x_i, x_j> - shift_i - shift_j for all rows of a class, both triangles; G[i][i] = row_norms[i]
//            where given. With ddoq_center's shifts and norms this is the Gram matrix of the rows less their mean.
// Inputs     rows (N, D), row-major, any D, any stride; 16-byte aligned rows are copied asynchronously.
// Numerics   fp32 accumulation of exact products. Error against fp64 at most twice that of a plain fp32 loop over the
//            same values: native/tests/gram. Tensor cores may truncate while they add, so the diagonal, which every
//            distance contains, is taken from row_norms (summed outside tensor cores).
// Determinism  each element pair (i, j), (j, i) is written by the one thread that computes it, once: G is exactly
//            symmetric and independent of grid and scheduling.
// Launch     grid: any; blocks stride over the tiles that touch the upper triangle. Shapes: GramTensor, GramFp32.
// Bytes      about N D (1 + N / 256) elements read, mostly from L2; N^2 fp32 written; N^2 D multiply-adds, halved by
//            symmetry.
// Roofline   tensor cores and L2. On paper, H100, 1000 classes of 1300 x 4096 halves: 41 tiles a class are 11
//            Tflop, 18 ms at 600 Tflop/s of mma.sync, and 129 GB of rows from L2; 6.8 GB written are 2.3 ms.
// Versions   1. 128x256 tiles, both triangles stored from registers: stores to the lower triangle cover whole 32-byte
//            sectors, eight rows a quad column.
//            2. A row's shift is loaded once, and a column's once a tile, not both for every element; warps of a tile
//            at the edge that have no rows or columns multiply nothing. Not yet timed on a GPU.
#include "fma_tile.cuh"
#include "gram.cuh"
#include "matrix_tile.cuh"

namespace ddoq {
namespace {

// What is subtracted from every product of a row of the class; 0 past the end.
__device__ __forceinline__ float shift_of(const GramParameters& p, const ClassRange& range, int row) {
    return p.row_shifts != nullptr && row < range.row_count ? p.row_shifts[range.row_begin + row] : 0.0f;
}

template <class Tile>
__device__ __forceinline__ void gram_tiles_of_block(const GramParameters& p, unsigned char* shared) {
    using T = typename Tile::Element;
    const int tiles = p.tile_begin[p.class_count];
    for (int tile = static_cast<int>(blockIdx.x); tile < tiles; tile += static_cast<int>(gridDim.x)) {
        const int c = find_class(p.tile_begin, p.class_count, tile);
        const ClassRange range = p.classes[c];
        int row_of_tiles = 0;
        int left = tile - p.tile_begin[c];
        int width = gram_tiles_of_row(Tile::BlockRows, Tile::BlockColumns, range.row_count, 0);
        while (left >= width) {
            left -= width;
            row_of_tiles++;
            width = gram_tiles_of_row(Tile::BlockRows, Tile::BlockColumns, range.row_count, row_of_tiles);
        }
        const int row_begin = row_of_tiles * Tile::BlockRows;
        const int column_begin = (row_of_tiles * Tile::BlockRows / Tile::BlockColumns + left) * Tile::BlockColumns;
        const T* base = static_cast<const T*>(p.rows) + range.row_begin * p.row_stride;
        Tile products;
        products.multiply(
            shared, {base + row_begin * p.row_stride, p.row_stride, min(range.row_count - row_begin, Tile::BlockRows)},
            {base + column_begin * p.row_stride, p.row_stride, min(range.row_count - column_begin, Tile::BlockColumns)},
            0, 1, p.dimension);
        float* gram = p.gram + range.gram_begin;
        const int64_t stride = range.gram_stride;
        float column_shifts[Tile::ThreadColumns]; // loaded once, not for every row
#pragma unroll
        for (int j = 0; j < Tile::ThreadColumns; j++)
            column_shifts[j] = shift_of(p, range, column_begin + products.column(j));
#pragma unroll
        for (int i = 0; i < Tile::ThreadRows; i++) {
            const int row = row_begin + products.row(i);
            const float row_shift = shift_of(p, range, row);
#pragma unroll
            for (int j = 0; j < Tile::ThreadColumns; j++) {
                const int column = column_begin + products.column(j);
                if (row > column || column >= range.row_count)
                    continue;
                float value = products.value(i, j) - (row_shift + column_shifts[j]);
                if (row == column && p.row_norms != nullptr)
                    value = p.row_norms[range.row_begin + row];
                gram[row * stride + column] = value;
                if (row != column)
                    gram[column * stride + row] = value;
            }
        }
    }
}

template <class T>
using GramTile = MatrixTile<T, GramTensor.block_rows, GramTensor.block_columns, GramTensor.warp_rows,
                            GramTensor.warp_columns, GramTensor.stages>;

} // namespace
} // namespace ddoq

DDOQ_KERNEL(ddoq_gram_tensor_f16, ddoq::GramParameters, ddoq::GramTensor.threads(), 1) {
    DDOQ_SHARED_MEMORY(shared);
    ddoq::gram_tiles_of_block<ddoq::GramTile<ddoq::half_t>>(parameters, shared);
}

DDOQ_KERNEL(ddoq_gram_tensor_bf16, ddoq::GramParameters, ddoq::GramTensor.threads(), 1) {
    DDOQ_SHARED_MEMORY(shared);
    ddoq::gram_tiles_of_block<ddoq::GramTile<ddoq::bfloat16_t>>(parameters, shared);
}

DDOQ_KERNEL(ddoq_gram_fma_f32, ddoq::GramParameters, ddoq::GramFp32.threads(), 1) {
    DDOQ_SHARED_MEMORY(shared);
    ddoq::gram_tiles_of_block<
        ddoq::FmaTile<ddoq::GramFp32.block_rows, ddoq::GramFp32.block_columns, ddoq::GramFp32.stages>>(parameters,
                                                                                                       shared);
}
