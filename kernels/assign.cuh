// ddoq_assign_*: parameters and launch shapes. The contract is in assign.cu.
#pragma once

#include "classes.cuh"

namespace ddoq {

struct AssignParameters {
    const void* rows;             // (rows, D) elements of the variant's type
    const void* centroids;        // (parts, centroids, D) of the same type: high part, then low part
    const float* centroid_norms;  // (centroids) squared norm of high + low
    const float* row_norms;       // (rows) squared norms, or null
    const ClassRange* classes;    // (C)
    const int32_t* tile_begin;    // (C + 1) tiles of BlockRows rows before each class
    int32_t* labels;              // (rows) out: 0-based within the class
    float* distances;             // (rows) out, or null
    int64_t row_stride;           // elements
    int64_t centroid_stride;      // elements
    int64_t centroid_part_stride; // elements from the high part of a centroid to its low part
    int32_t dimension;            // D
    int32_t class_count;          // C
    int32_t parts;                // 1 or 2; always 1 for fp32
    int32_t reserved;
};
static_assert(sizeof(AssignParameters) == 104 && offsetof(AssignParameters, labels) == 48 &&
              offsetof(AssignParameters, row_stride) == 64 && offsetof(AssignParameters, dimension) == 88);

// What a caller needs to launch a tiled kernel. Dynamic shared memory: stages * (rows + parts * columns) * row_bytes.
struct TileShape {
    int32_t block_rows;
    int32_t block_columns;
    int32_t warp_rows;
    int32_t warp_columns;
    int32_t stages;
    int32_t row_bytes;

    constexpr int32_t threads() const { return warp_rows * warp_columns * 32; }
    constexpr int32_t shared_bytes(int32_t parts) const {
        return stages * (block_rows + parts * block_columns) * row_bytes;
    }
};

// All fit the 163 KiB of shared memory that an sm_80 block may use, with both parts.
constexpr TileShape AssignK16{256, 16, 8, 1, 4, 128};
constexpr TileShape AssignK64{256, 64, 8, 1, 3, 128};
constexpr TileShape AssignK128{256, 128, 4, 2, 2, 128};
constexpr TileShape AssignK256{128, 256, 2, 4, 2, 128};
constexpr TileShape AssignFp32{128, 64, 4, 2, 3, 80};

// The narrowest shape whose columns hold K centroids; above 256 the rows are read once per 256 centroids.
constexpr const TileShape& assign_shape(int32_t centroids) {
    return centroids <= 16 ? AssignK16 : centroids <= 64 ? AssignK64 : centroids <= 128 ? AssignK128 : AssignK256;
}

constexpr int32_t assign_tiles(const TileShape& shape, int32_t rows) {
    return ceiling_divide(rows, shape.block_rows);
}

} // namespace ddoq
