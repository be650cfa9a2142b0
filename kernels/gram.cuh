// ddoq_gram_*: parameters and launch shapes. The contract is in gram.cu.
#pragma once

#include "assign.cuh"

namespace ddoq {

struct GramParameters {
    const void* rows;          // (rows, D) elements of the variant's type
    const float* row_norms;    // (rows) squared norms for the diagonal, or null to take the products'
    const float* row_shifts;   // (rows) subtracted from every product of the row, or null; see ddoq_center
    const ClassRange* classes; // (C)
    const int32_t* tile_begin; // (C + 1) tiles before each class, see gram_tiles
    float* gram;               // out: class c at classes[c].gram_begin, N rows of gram_stride elements
    int64_t row_stride;        // elements
    int32_t dimension;         // D
    int32_t class_count;       // C
};
static_assert(sizeof(GramParameters) == 64 && offsetof(GramParameters, row_stride) == 48 &&
              offsetof(GramParameters, dimension) == 56);

constexpr TileShape GramTensor{128, 256, 2, 4, 3, 128};
constexpr TileShape GramFp32{128, 128, 4, 2, 3, 80};

// Tiles of one row of tiles: those that reach the diagonal or lie above it.
DDOQ_HOST_DEVICE constexpr int gram_tiles_of_row(int block_rows, int block_columns, int rows, int row_of_tiles) {
    return ceiling_divide(rows, block_columns) - row_of_tiles * block_rows / block_columns;
}

// Tiles of a class of `rows` rows.
DDOQ_HOST_DEVICE constexpr int gram_tiles(int block_rows, int block_columns, int rows) {
    int tiles = 0;
    for (int i = 0; i < ceiling_divide(rows, block_rows); i++)
        tiles += gram_tiles_of_row(block_rows, block_columns, rows, i);
    return tiles;
}

} // namespace ddoq
