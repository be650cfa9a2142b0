// Lloyd's iteration in Gram space (Algorithm 3 of the DDOQ paper).
#pragma once

#include "cluster_cells.cuh"

namespace ddoq {

// Gives each cell without rows the row with the largest distance to its centroid from the cells of two rows or more,
// the lowest row among equals; stops when no row lies off its centroid.
__device__ inline void fill_empty_cells(ClusterSpace& s) {
    for (int k = 0; k < s.centroids; k++) {
        if (s.a.counts[k] > 0)
            continue;
        uint64_t farthest = 0; // the distance's bits, which order as the distances do, then the row reversed
        for (int i = static_cast<int>(threadIdx.x); i < s.rows; i += ClusterThreads) {
            const float distance = s.a.distances[i];
            if (distance > s.zero_distance && s.a.counts[s.a.labels[i]] > 1) {
                const uint64_t key = static_cast<uint64_t>(__float_as_uint(distance)) << 32 | ~static_cast<uint32_t>(i);
                farthest = key > farthest ? key : farthest;
            }
        }
        farthest = s.block().maximum(farthest);
        if (farthest == 0)
            return;
        if (threadIdx.x == 0) {
            const int row = static_cast<int>(~static_cast<uint32_t>(farthest));
            s.a.counts[s.a.labels[row]]--;
            s.a.labels[row] = k;
            s.a.counts[k] = 1;
            s.a.distances[row] = 0.0f;
        }
        __syncthreads();
    }
}

// Iterates until no label changes, the distortion stops falling, or max_iterations; returns the iterations. Labels,
// cell_labels and counts are those of the centroids at the end.
__device__ inline int64_t iterate_lloyd(ClusterSpace& s, const ClusterOptions& o) {
    double last_distortion = INFINITY;
    int64_t iterations = 0;
    while (iterations < o.max_iterations) {
        assign_all(s);
        count_labels(s);
        fill_empty_cells(s);
        bool changed = false;
        for (int i = static_cast<int>(threadIdx.x); i < s.rows; i += ClusterThreads)
            changed = changed || s.a.labels[i] != s.a.previous[i];
        if (!s.block().any(changed))
            break;
        move_to_means(s);
        iterations++;
        for (int i = static_cast<int>(threadIdx.x); i < s.rows; i += ClusterThreads)
            s.a.previous[i] = s.a.labels[i];
        if (o.tolerance > 0.0) {
            const double distortion = sum_distances(s, s.rows);
            if (last_distortion - distortion < o.tolerance * last_distortion)
                break;
            last_distortion = distortion;
        }
    }
    __syncthreads();
    return iterations;
}

} // namespace ddoq
