// Mini-batch k-means in Gram space: D4M's pass over the rows in order, and random batches with early stopping as
// scikit-learn's MiniBatchKMeans.fit. Rules and draws of Ddoq.Quantization.Algorithms.{D4mPass, MiniBatchFit,
// MiniBatchStep}.
#pragma once

#include "cluster_cells.cuh"
#include "cluster_first.cuh"

namespace ddoq {

// Nearest centroid of the rows of a batch, in their order, to batch_labels and distances.
__device__ inline void assign_batch(ClusterSpace& s, int size) {
    const bool most = 4 * static_cast<int64_t>(size) > s.rows; // then in fp32, as all rows at once
    prepare_columns(s);
    for (int i = static_cast<int>(threadIdx.x); i < size; i += ClusterThreads) {
        const int row = s.a.batch[i];
        const float* column = s.a.products + row;
        double best = INFINITY;
        int label = 0;
        for (int k = 0; k < s.centroids; k++) {
            const float product = column[static_cast<int64_t>(k) * s.stride];
            const double value = most ? static_cast<double>(fmaf(s.a.slopes[k], product, s.a.float_norms[k]))
                                      : s.a.norms[k] - 2.0 * s.a.scales[k] * static_cast<double>(product);
            if (value < best) {
                best = value;
                label = k;
            }
        }
        s.a.batch_labels[i] = label;
        const float norm = s.row_norms[row];
        s.a.distances[i] = most ? fmaxf(0.0f, static_cast<float>(best) + norm)
                                : static_cast<float>(fmax(0.0, best + static_cast<double>(norm)));
    }
    __syncthreads();
}

// centroid = (weight * centroid + sum of the rows) / (weight + number of rows), by one warp; a row may occur twice.
__device__ inline void absorb(ClusterSpace& s, int k, int64_t weight, const int32_t* members, int size) {
    const WarpGroup group;
    const int lane = group.rank();
    use_coefficients(s, group, k);
    float* coefficients = s.coefficients(k);
    float* v = s.products(k);
    if (weight == 0) {
        for (int i = lane; i < s.rows; i += 32) {
            v[i] = 0.0f;
            coefficients[i] = 0.0f;
        }
    }
    group.sync();
    double before = 0.0;
    for (int m = lane; m < size; m += 32)
        before += static_cast<double>(v[members[m]]);
    before = group.sum(before);
    const double scale = weight == 0 ? 1.0 : s.a.scales[k], norm = s.a.norms[k];
    const double coefficient = weight == 0 ? 1.0 : 1.0 / (scale * static_cast<double>(weight));
    const float rounded = static_cast<float>(coefficient);
    group.sync();
    for (int column = lane; column < s.rows; column += 32) {
        float sum = v[column];
        for (int m = 0; m < size; m++)
            sum = fmaf(rounded, s.gram_row(members[m])[column], sum);
        v[column] = sum;
    }
    for (int m = 0; m < size; m++)
        if (members[m] % 32 == lane)
            coefficients[members[m]] += rounded;
    group.sync();
    double after = 0.0;
    for (int m = lane; m < size; m += 32)
        after += static_cast<double>(v[members[m]]);
    after = group.sum(after);
    // |w c + t|^2 = w^2 |c|^2 + 2 w <c, t> + <t, t>, where V grew by coefficient * (products with t).
    if (lane == 0) {
        const double w = static_cast<double>(weight), total = w + size;
        const double own = (after - before) / coefficient;
        s.a.norms[k] = (w * w * norm + 2.0 * w * scale * before + own) / (total * total);
        s.a.scales[k] = 1.0 / (coefficient * total);
    }
    group.sync();
    note_updates(s, group, k, size);
}

// Moves centroids that have seen few rows onto distinct random rows of the batch. Thread 0 chooses, at most half a
// batch of them (the lowest counts, then the lowest indices); order holds the pool, moved the centroids.
__device__ inline void reassign(ClusterSpace& s, const ClusterOptions& o, int size) {
    if (threadIdx.x == 0) {
        int64_t largest = 0;
        for (int k = 0; k < s.centroids; k++)
            largest = s.a.running[k] > largest ? s.a.running[k] : largest;
        const double threshold = o.reassignment_ratio * static_cast<double>(largest);
        int found = 0;
        for (int k = 0; k < s.centroids; k++) {
            const bool few = static_cast<double>(s.a.running[k]) < threshold;
            s.a.actions[k] = few ? 1 : 0;
            found += few ? 1 : 0;
        }
        for (const int most = size / 2; found > most;
             found--) { // spare the centroid with the highest count, then index
            int spared = -1;
            for (int k = 0; k < s.centroids; k++)
                if (s.a.actions[k] != 0 && (spared < 0 || s.a.running[k] >= s.a.running[spared]))
                    spared = k;
            s.a.actions[spared] = 0;
        }
        int64_t lowest = INT64_MAX;
        for (int k = 0; k < s.centroids; k++)
            if (s.a.actions[k] == 0 && s.a.running[k] < lowest)
                lowest = s.a.running[k];
        for (int i = 0; i < size; i++)
            s.a.order[i] = s.a.batch[i];
        int taken = 0;
        for (int k = 0; k < s.centroids; k++) {
            if (s.a.actions[k] == 0)
                continue;
            const int drawn = taken + s.reassignment.next_below(size - taken);
            const int32_t row = s.a.order[drawn];
            s.a.order[drawn] = s.a.order[taken];
            s.a.order[taken] = row;
            s.a.moved[taken++] = k;
            s.a.running[k] = lowest;
        }
        s.found = taken;
    }
    __syncthreads();
    const int taken = s.found;
    for (int r = 0; r < taken; r++)
        place(s, s.a.moved[r], s.a.order[r]);
    __syncthreads();
}

// One step on batch[0..size); returns the sum of squared distances to the centroids before it.
__device__ inline double step_batch(ClusterSpace& s, const ClusterOptions& o, int size) {
    if (threadIdx.x == 0) {
        s.rows_since_reassignment += size;
        bool due = s.rows_since_reassignment >= 10 * static_cast<int64_t>(s.centroids);
        for (int k = 0; k < s.centroids && !due; k++)
            due = s.a.running[k] == 0;
        if (due)
            s.rows_since_reassignment = 0;
        s.flag = due && o.reassignment_ratio > 0.0;
    }
    assign_batch(s, size);
    const bool due = s.flag != 0;
    const double distortion = sum_distances(s, size);
    for (int k = static_cast<int>(threadIdx.x); k < s.centroids; k += ClusterThreads)
        s.a.moved[k] = 0;
    __syncthreads();
    for (int i = static_cast<int>(threadIdx.x); i < size; i += ClusterThreads)
        atomicAdd(&s.a.moved[s.a.batch_labels[i]], 1);
    __syncthreads();
    sum_offsets(s, [&](int k) { return s.a.moved[k]; });
    const int lane = static_cast<int>(threadIdx.x) & 31;
    for (int k = static_cast<int>(threadIdx.x) >> 5; k < s.centroids; k += ClusterWarps) {
        const int first = s.a.offsets[k], members = s.a.offsets[k + 1] - first;
        if (members == 0)
            continue;
        int at = first;
        for (int base = 0; base < size; base += 32) { // the rows of the cell together, in batch order
            const bool mine = base + lane < size && s.a.batch_labels[base + lane] == k;
            const unsigned votes = __ballot_sync(0xFFFFFFFFu, mine);
            if (mine)
                s.a.order[at + __popc(votes & ((1u << lane) - 1))] = s.a.batch[base + lane];
            at += __popc(votes);
        }
        const int64_t weight = s.a.running[k];
        __syncwarp();
        absorb(s, k, weight, s.a.order + first, members);
        if (lane == 0)
            s.a.running[k] = weight + members;
    }
    __syncthreads();
    if (due)
        reassign(s, o, size);
    return distortion;
}

__device__ inline void begin_batches(ClusterSpace& s) {
    if (threadIdx.x == 0)
        s.rows_since_reassignment = 0;
    __syncthreads();
}

// D4M: buffers of km_expand * K rows in order; first centroids from the first buffer alone; rows that do not fill a
// buffer are not used. Returns the batches.
__device__ inline int64_t run_d4m(ClusterSpace& s, const ClusterOptions& o) {
    const int64_t wanted = static_cast<int64_t>(o.km_expand) * o.requested_centroids;
    const int buffer = static_cast<int>(wanted < s.rows ? wanted : s.rows);
    place_first(s, o, buffer);
    begin_batches(s);
    int64_t batches = 0;
    for (int pass = 0; pass < o.passes; pass++)
        for (int first = 0; first <= s.rows - buffer; first += buffer) {
            for (int i = static_cast<int>(threadIdx.x); i < buffer; i += ClusterThreads)
                s.a.batch[i] = first + i;
            __syncthreads();
            step_batch(s, o, buffer);
            batches++;
        }
    return batches;
}

// Batches drawn with replacement until the smoothed distortion stops improving. Returns the batches.
__device__ inline int64_t run_random_batches(ClusterSpace& s, const ClusterOptions& o) {
    const int size = min(o.batch_size, s.rows);
    place_first(s, o, s.rows);
    begin_batches(s);
    const int64_t limit = static_cast<int64_t>(o.max_iterations) * s.rows / size;
    const double newest = fmin(1.0, 2.0 * size / (s.rows + 1));
    double smoothed = 0.0, lowest = INFINITY;
    int without_improvement = 0;
    int64_t taken = 0;
    while (taken < limit) {
        if (threadIdx.x == 0)
            for (int i = 0; i < size; i++)
                s.a.batch[i] = s.sampling.next_below(s.rows);
        __syncthreads();
        const double distortion = step_batch(s, o, size) / size;
        if (++taken == 1)
            continue; // the first batch measures the first centroids
        smoothed = taken == 2 ? distortion : smoothed * (1.0 - newest) + distortion * newest;
        if (smoothed < lowest) {
            lowest = smoothed;
            without_improvement = 0;
        } else if (++without_improvement >= o.max_no_improvement) {
            break;
        }
    }
    return taken;
}

} // namespace ddoq
