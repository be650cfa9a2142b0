// ddoq_clvq_update_*: parameters and launch shape. The contract is in clvq_update.cu.
#pragma once

#include "centroids.cuh"

namespace ddoq {

// One tile is one centroid and one chunk of columns; a class has centroid_count * column_chunks(D) tiles. The ranges'
// rows are the batch of each class.
struct ClvqUpdateParameters {
    const void* rows;          // (rows, D) elements of the variant's type, in the order of the steps
    const ClassRange* classes; // (C)
    const int32_t* tile_begin; // (C + 1) tiles before each class
    const int32_t* labels;     // (rows) the nearest centroid of each row; negative for rows that are passed over
    const int64_t* step_begin; // (C) steps taken before this batch
    float* centroids;          // (centroids, D) in, out
    const int64_t* counts;     // (centroids) rows won before this batch
    int64_t* counts_after;     // (centroids) out; another array than counts
    double* companion_weights; // (centroids) in, out, or null
    double scale;              // 0: steps by the centroid's wins, else step i (from 1) is scale / (offset + i)
    double offset;
    int64_t row_stride;      // elements
    int64_t centroid_stride; // elements
    int32_t dimension;       // D
    int32_t class_count;     // C
    int32_t prior; // rows that the starting point of a centroid stands for: 1 for CLVQ, 0 for mini-batch k-means
    int32_t reserved;
};
static_assert(sizeof(ClvqUpdateParameters) == 120 && offsetof(ClvqUpdateParameters, scale) == 72 &&
              offsetof(ClvqUpdateParameters, dimension) == 104);

} // namespace ddoq
