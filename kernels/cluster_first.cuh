// First centroids: greedy k-means++ (Arthur and Vassilvitskii, "k-means++", SODA 2007, with several candidates), or
// rows drawn uniformly. The draws are those of Ddoq.Quantization.Algorithms.FirstCentroids.
#pragma once

#include "cluster_space.cuh"

namespace ddoq {

constexpr int SamplerRows = 64; // rows per block of the sampler's sums

// The first row at which the running sum of the nearest distances exceeds `target`. One thread; the sums are
// sequential.
__device__ inline int first_reaching(const ClusterSpace& s, int row_limit, double target) {
    const int blocks = ceiling_divide(row_limit, SamplerRows);
    double sum = 0.0;
    for (int block = 0; block < blocks; block++) {
        if (block < blocks - 1 && sum + s.a.block_sums[block] <= target) {
            sum += s.a.block_sums[block];
            continue;
        }
        const int end = min(row_limit, (block + 1) * SamplerRows);
        for (int i = block * SamplerRows; i < end; i++) {
            if (s.a.nearest[i] <= 0.0f)
                continue;
            sum += static_cast<double>(s.a.nearest[i]);
            if (sum > target)
                return i;
        }
    }
    for (int i = row_limit - 1; i >= 0; i--) // the running sum fell short by rounding
        if (s.a.nearest[i] > 0.0f)
            return i;
    return 0;
}

// Sums of the nearest distances, by blocks and in all, to potential.
__device__ inline void sum_nearest(ClusterSpace& s, int row_limit) {
    const int blocks = ceiling_divide(row_limit, SamplerRows);
    for (int block = static_cast<int>(threadIdx.x); block < blocks; block += ClusterThreads) {
        const int end = min(row_limit, (block + 1) * SamplerRows);
        double sum = 0.0;
        for (int i = block * SamplerRows; i < end; i++)
            sum += static_cast<double>(s.a.nearest[i]);
        s.a.block_sums[block] = sum;
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        double total = 0.0;
        for (int block = 0; block < blocks; block++)
            total += s.a.block_sums[block];
        s.potential = total;
    }
    __syncthreads();
}

__device__ inline void place_greedy(ClusterSpace& s, int row_limit) {
    const int thread = static_cast<int>(threadIdx.x), lane = thread & 31, warp = thread >> 5;
    if (thread == 0)
        s.picked[0] = s.random.next_below(row_limit);
    __syncthreads();
    const int first = s.picked[0];
    place(s, 0, first);
    for (int i = thread; i < row_limit; i += ClusterThreads)
        s.a.nearest[i] = row_distance(s, s.gram_row(first), s.row_norms[first], i);
    __syncthreads();
    for (int k = 1; k < s.centroids; k++) {
        sum_nearest(s, row_limit);
        if (!(s.potential > 0.0)) { // every row lies on a centroid already: any row does, and later cells stay empty
            place(s, k, k);
            continue;
        }
        if (thread == 0)
            for (int trial = 0; trial < s.trials; trial++)
                s.targets[trial] = s.random.next_double() * s.potential;
        __syncthreads();
        if (thread < s.trials)
            s.picked[thread] = first_reaching(s, row_limit, s.targets[thread]);
        __syncthreads();
        for (int trial = 0; trial < s.trials; trial++) {
            const int row = s.picked[trial];
            const float norm = s.row_norms[row];
            const float* gram_row = s.gram_row(row);
            float* candidates = s.a.candidates + static_cast<int64_t>(trial) * s.rows;
            double sum = 0.0;
            for (int i = thread; i < row_limit; i += ClusterThreads) {
                const float distance = fminf(s.a.nearest[i], row_distance(s, gram_row, norm, i));
                candidates[i] = distance;
                sum += static_cast<double>(distance);
            }
            sum = warp_total(sum);
            if (lane == 0)
                s.trial_sums[trial][warp] = sum;
        }
        __syncthreads();
        int best = 0;
        double best_sum = INFINITY;
        for (int trial = 0; trial < s.trials; trial++) {
            double sum = 0.0;
            for (int w = 0; w < ClusterWarps; w++)
                sum += s.trial_sums[trial][w];
            if (sum < best_sum) {
                best_sum = sum;
                best = trial;
            }
        }
        const float* candidates = s.a.candidates + static_cast<int64_t>(best) * s.rows;
        for (int i = thread; i < row_limit; i += ClusterThreads)
            s.a.nearest[i] = candidates[i];
        place(s, k, s.picked[best]); // ends with a barrier
    }
}

__device__ inline void place_random(ClusterSpace& s, int row_limit) {
    if (threadIdx.x == 0) {
        for (int i = 0; i < row_limit; i++)
            s.a.order[i] = i;
        for (int k = 0; k < s.centroids; k++) {
            const int drawn = k + s.random.next_below(row_limit - k);
            const int32_t row = s.a.order[drawn];
            s.a.order[drawn] = s.a.order[k];
            s.a.order[k] = row;
        }
    }
    __syncthreads();
    for (int k = 0; k < s.centroids; k++)
        place(s, k, s.a.order[k]);
}

// Places all centroids on rows below `row_limit`, which is at least K.
__device__ inline void place_first(ClusterSpace& s, const ClusterOptions& o, int row_limit) {
    if (o.initialization == ClusterInitialization::Random)
        place_random(s, row_limit);
    else
        place_greedy(s, row_limit);
}

} // namespace ddoq
