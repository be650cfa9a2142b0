// Competitive learning vector quantisation in Gram space (Algorithm 2 of the DDOQ paper), one random row per step.
// Rules and draws of Ddoq.Quantization.Algorithms.ClvqSteps.
#pragma once

#include "cluster_cells.cuh"
#include "cluster_first.cuh"

namespace ddoq {

// The nearest centroid of one row, the lowest among equals.
__device__ inline int nearest_of_row(ClusterSpace& s, int row) {
    const bool most = s.rows < 4; // then in fp32, as all rows at once
    double best = INFINITY;
    int index = 0;
    for (int k = static_cast<int>(threadIdx.x); k < s.centroids; k += ClusterThreads) {
        const float product = s.products(k)[row];
        const double value = most ? static_cast<double>(fmaf(static_cast<float>(-2.0 * s.a.scales[k]), product,
                                                             static_cast<float>(s.a.norms[k])))
                                  : s.a.norms[k] - 2.0 * s.a.scales[k] * static_cast<double>(product);
        if (value < best) {
            best = value;
            index = k;
        }
    }
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2) {
        const double other = __shfl_xor_sync(0xFFFFFFFFu, best, distance);
        const int other_index = __shfl_xor_sync(0xFFFFFFFFu, index, distance);
        if (other < best || (other == best && other_index < index)) {
            best = other;
            index = other_index;
        }
    }
    const int warp = static_cast<int>(threadIdx.x) >> 5;
    if ((threadIdx.x & 31) == 0) {
        s.scratch[warp] = best;
        s.trial_sums[0][warp] = static_cast<double>(index);
    }
    __syncthreads();
    best = s.scratch[0];
    index = static_cast<int>(s.trial_sums[0][0]);
    for (int w = 1; w < ClusterWarps; w++) {
        const double other = s.scratch[w];
        const int other_index = static_cast<int>(s.trial_sums[0][w]);
        if (other < best || (other == best && other_index < index)) {
            best = other;
            index = other_index;
        }
    }
    __syncthreads();
    return index;
}

// centroid = (1 - rate) * centroid + rate * row.
__device__ inline void step_towards(ClusterSpace& s, int k, int row, double rate) {
    if (rate >= 1.0) {
        place(s, k, row);
        return;
    }
    use_coefficients(s, s.block(), k);
    const double kept = 1.0 - rate, norm = s.a.norms[k], product = s.product(k, row);
    const double scale = kept * s.a.scales[k];
    const float coefficient = static_cast<float>(rate / scale);
    __syncthreads();
    const float* source = s.gram_row(row);
    float* v = s.products(k);
    for (int i = static_cast<int>(threadIdx.x); i < s.rows; i += ClusterThreads)
        v[i] = fmaf(coefficient, source[i], v[i]);
    if (threadIdx.x == 0) {
        s.coefficients(k)[row] += coefficient;
        s.a.scales[k] = scale;
        s.a.norms[k] =
            kept * kept * norm + 2.0 * rate * kept * product + rate * rate * static_cast<double>(s.row_norms[row]);
    }
    __syncthreads();
    note_updates(s, s.block(), k, 1);
}

// Passes * N steps; returns them. running counts wins, companion holds the companion weights.
__device__ inline int64_t run_clvq(ClusterSpace& s, const ClusterOptions& o, uint64_t stream) {
    place_first(s, o, s.rows);
    for (int k = static_cast<int>(threadIdx.x); k < s.centroids; k += ClusterThreads)
        s.a.companion[k] = 1.0 / s.centroids;
    __syncthreads();
    double factor = 1.0; // all companion weights shrink at every step: their common factor is kept apart
    const int64_t steps = static_cast<int64_t>(o.passes) * s.rows;
    for (int64_t t = 0; t < steps; t++) {
        const uint64_t drawn = random_block(o.seed, stream, static_cast<uint64_t>(t)).words[0];
        const int row = static_cast<int>(drawn * static_cast<uint64_t>(s.rows) >> 32);
        const int winner = nearest_of_row(s, row);
        const int64_t wins = s.a.running[winner] + 1;
        double rate, companion_rate;
        if (o.clvq_scale == 0.0) {
            rate = 1.0 / static_cast<double>(wins + 1);
            companion_rate = 1.0 / static_cast<double>(s.centroids + t + 1);
        } else {
            rate = companion_rate = o.clvq_scale / (o.clvq_offset + static_cast<double>(t) + 1.0);
        }
        __syncthreads();
        if (threadIdx.x == 0)
            s.a.running[winner] = wins;
        step_towards(s, winner, row, rate);
        const bool restart = companion_rate >= 1.0;
        factor = restart ? 1.0 : factor * (1.0 - companion_rate);
        const bool fold = factor < 1e-100;
        if (restart || fold) {
            for (int k = static_cast<int>(threadIdx.x); k < s.centroids; k += ClusterThreads) {
                const double own = k == winner ? companion_rate / factor : 0.0;
                s.a.companion[k] = restart ? (k == winner ? 1.0 : 0.0) : (s.a.companion[k] + own) * factor;
            }
            factor = 1.0;
            __syncthreads();
        } else if (threadIdx.x == 0) {
            s.a.companion[winner] += companion_rate / factor;
        }
    }
    __syncthreads();
    for (int k = static_cast<int>(threadIdx.x); k < s.centroids; k += ClusterThreads)
        s.a.companion[k] *= factor;
    __syncthreads();
    return steps;
}

} // namespace ddoq
