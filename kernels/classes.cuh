// Ragged classes in one launch: where each class lies in the row, centroid and Gram arrays, and which tile is whose.
#pragma once

#include <cstddef>
#include <cstdint>

#ifndef __CUDACC__
#define DDOQ_HOST_DEVICE
#else
#define DDOQ_HOST_DEVICE __host__ __device__
#endif

namespace ddoq {

// One class. Offsets count rows, centroids or fp32 elements from the start of the arrays that a kernel is given.
struct ClassRange {
    int64_t row_begin;
    int64_t centroid_begin;
    int64_t gram_begin;
    int32_t row_count;      // N
    int32_t centroid_count; // K
    int32_t gram_stride;    // elements from one row of the class's Gram matrix to the next, at least N
    int32_t reserved;
};
static_assert(sizeof(ClassRange) == 40 && offsetof(ClassRange, row_count) == 24 &&
              offsetof(ClassRange, gram_stride) == 32);

DDOQ_HOST_DEVICE constexpr int ceiling_divide(int value, int divisor) {
    return (value + divisor - 1) / divisor;
}

// The tile of a block in wave `wave` of a grid that strides over all tiles: each wave is dealt to the blocks turned by
// one, so that where the tiles of a class divide the grid, the short last one of every class does not always fall to
// the same blocks. Every number from wave * grid to wave * grid + grid - 1 once.
DDOQ_HOST_DEVICE constexpr int dealt_tile(int wave, int block, int grid) {
    return wave * grid + (block + wave) % grid;
}

// The class whose tiles begin at or before `tile`: the last c with begin[c] <= tile. `begin` has classes + 1 entries.
// Classes without tiles are passed over.
DDOQ_HOST_DEVICE inline int find_class(const int32_t* begin, int classes, int tile) {
    int low = 0, high = classes;
    while (high - low > 1) {
        const int middle = (low + high) >> 1;
        if (begin[middle] <= tile)
            low = middle;
        else
            high = middle;
    }
    return low;
}

} // namespace ddoq
