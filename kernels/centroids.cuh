// ddoq_centroids_*, ddoq_class_mean_*, ddoq_distances_*: parameters and launch shapes. The contracts are in
// centroids.cu.
#pragma once

#include "classes.cuh"

namespace ddoq {

// One tile is one centroid and one chunk of columns; a class has centroid_count * column_chunks(D) tiles.
struct CentroidsParameters {
    const void* rows;          // (rows, D) elements of the variant's type
    const ClassRange* classes; // (C)
    const int32_t* tile_begin; // (C + 1) tiles before each class
    const int32_t* labels;     // (rows) 0-based within the class; negative for rows that count nowhere
    float* centroids;          // (centroids, D) out
    int32_t* counts;           // (centroids) out, or null
    int64_t row_stride;        // elements
    int64_t centroid_stride;   // elements
    int32_t dimension;         // D
    int32_t class_count;       // C
};
static_assert(sizeof(CentroidsParameters) == 72 && offsetof(CentroidsParameters, row_stride) == 48 &&
              offsetof(CentroidsParameters, dimension) == 64);

struct CombineParameters {
    const void* rows;                 // (rows, D) elements of the variant's type
    const float* means;               // (C, D) the origin of each class, or null for 0
    const ClassRange* classes;        // (C)
    const int32_t* tile_begin;        // (C + 1) tiles before each class
    const float* coefficients;        // class c at coefficient_begin[c]: K rows of gram_stride elements
    const int64_t* coefficient_begin; // (C)
    const int32_t* selected;          // (centroids) 0 for centroids to leave alone, or null for all
    float* centroids;                 // (centroids, D) out
    int64_t row_stride;               // elements
    int64_t centroid_stride;          // elements
    int32_t dimension;                // D
    int32_t class_count;              // C
};
static_assert(sizeof(CombineParameters) == 88 && offsetof(CombineParameters, dimension) == 80);

struct ClassMeanParameters {
    const void* rows;          // (rows, D) elements of the variant's type
    const ClassRange* classes; // (C)
    float* means;              // (C, D) out: the mean of each class rounded to fp16; 0 for a class without rows
    int64_t row_stride;        // elements
    int32_t dimension;         // D
    int32_t class_count;       // C
};
static_assert(sizeof(ClassMeanParameters) == 40 && offsetof(ClassMeanParameters, dimension) == 32);

struct DistancesParameters {
    const void* rows;          // (rows, D) elements of the variant's type
    const float* centroids;    // (centroids, D)
    const ClassRange* classes; // (C)
    const int32_t* tile_begin; // (C + 1) tiles of DistancesRows rows before each class
    const int32_t* labels;     // (rows)
    double* distances;         // (rows) out: squared distance to the row's centroid; 0 for a negative label
    int64_t row_stride;        // elements
    int64_t centroid_stride;   // elements
    int32_t dimension;         // D
    int32_t class_count;       // C
};
static_assert(sizeof(DistancesParameters) == 72 && offsetof(DistancesParameters, dimension) == 64);

constexpr int CentroidsThreads = 256;
constexpr int ThreadColumns = 8; // 16 bytes of fp16
constexpr int ChunkColumns = CentroidsThreads * ThreadColumns;
// A list of rows, and each warp's part of it while it is made.
constexpr int CentroidsSharedBytes = (CentroidsThreads + CentroidsThreads / 32) * 4;
// Centroids that one walk over the rows serves in ddoq_centroids_combine.
constexpr int CombineCentroids = 8;
constexpr int DistancesThreads = 256; // one warp per row
constexpr int DistancesRows = DistancesThreads / 32;

DDOQ_HOST_DEVICE constexpr int column_chunks(int dimension) {
    return ceiling_divide(dimension, ChunkColumns);
}

// Tiles of a class in ddoq_centroids_combine.
DDOQ_HOST_DEVICE constexpr int combine_tiles(int centroids, int dimension) {
    return ceiling_divide(centroids, CombineCentroids) * column_chunks(dimension);
}

} // namespace ddoq
