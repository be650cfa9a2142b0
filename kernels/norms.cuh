// ddoq_norms_*, ddoq_center_*, ddoq_centroid_parts_*: parameters. The contracts are in norms.cu.
#pragma once

#include "classes.cuh"

namespace ddoq {

struct NormsParameters {
    const void* rows;   // (N, D) elements of the variant's type
    float* norms;       // (N) out
    int64_t row_stride; // elements
    int64_t row_count;  // N
    int32_t dimension;  // D
    int32_t reserved;
};
static_assert(sizeof(NormsParameters) == 40 && offsetof(NormsParameters, dimension) == 32);

struct CenterParameters {
    const void* rows;          // (rows, D) elements of the variant's type
    const float* means;        // (C, D) the shift of each class
    const ClassRange* classes; // (C)
    const int32_t* tile_begin; // (C + 1) tiles of CenterRows rows before each class
    float* norms;              // (rows) out: |x - m|^2
    float* shifts;             // (rows) out: <x, m> - |m|^2 / 2
    int64_t row_stride;        // elements
    int32_t dimension;         // D
    int32_t class_count;       // C
};
static_assert(sizeof(CenterParameters) == 64 && offsetof(CenterParameters, dimension) == 56);

struct CentroidPartsParameters {
    const float* centroids; // (K, D)
    void* parts;            // (parts, K, D) out, elements of the variant's type: high, then low when parts is 2
    float* norms;           // (K) out: squared norm of high + low
    int64_t centroid_stride;
    int64_t part_row_stride; // elements from one row of `parts` to the next
    int64_t part_stride;     // elements from the high rows to the low rows
    int64_t centroid_count;  // K, all classes together
    int32_t dimension;       // D
    int32_t part_count;      // 1 or 2
};
static_assert(sizeof(CentroidPartsParameters) == 64 && offsetof(CentroidPartsParameters, dimension) == 56);

constexpr int NormsThreads = 256; // one warp per row
constexpr int CenterRows = NormsThreads / 32;

} // namespace ddoq
