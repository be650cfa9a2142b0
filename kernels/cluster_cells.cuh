// Sums of cells in Gram space, and combinations of rows.
#pragma once

#include "cluster_space.cuh"

namespace ddoq {

// |c|^2 of a cell by one warp: the mean over its rows of their products with the centroid.
__device__ __forceinline__ void warp_cell_norm(ClusterSpace& s, int k) {
    const float* v = s.products(k);
    double sum = 0.0;
    for (int i = static_cast<int>(threadIdx.x) & 31; i < s.rows; i += 32)
        if (s.a.labels[i] == k)
            sum += static_cast<double>(v[i]);
    sum = warp_total(sum);
    if ((threadIdx.x & 31) == 0)
        s.a.norms[k] = sum * (s.a.scales[k] * s.a.scales[k]);
}

// Carries out actions: AddChanges adds the rows that came to a cell since cell_labels and subtracts those that left
// (moved[k] in all), SumAgain adds its rows to 0; rows in ascending order. Counts are those of labels.
__device__ inline void update_sums(ClusterSpace& s) {
    sum_offsets(s, [&](int k) {
        return s.a.actions[k] == SumAgain ? s.a.counts[k] : s.a.actions[k] == AddChanges ? s.a.moved[k] : 0;
    });
    const int lane = static_cast<int>(threadIdx.x) & 31, warp = static_cast<int>(threadIdx.x) >> 5;
    for (int k = warp; k < s.centroids; k += ClusterWarps) {
        const int action = s.a.actions[k];
        int at = s.a.offsets[k];
        if (at == s.a.offsets[k + 1])
            continue;
        for (int base = 0; base < s.rows; base += 32) {
            const int row = base + lane;
            const int to = row < s.rows ? s.a.labels[row] : -2, from = row < s.rows ? s.a.cell_labels[row] : -2;
            const bool comes = to == k && (action == SumAgain || from != k);
            const bool goes = action == AddChanges && from == k && to != k;
            const unsigned votes = __ballot_sync(0xFFFFFFFFu, comes || goes);
            if (comes || goes)
                s.a.order[at + __popc(votes & ((1u << lane) - 1))] = comes ? row : ~row;
            at += __popc(votes);
        }
    }
    __syncthreads();
    constexpr int ChunkColumns = 128; // four to a lane
    const int chunks = (s.rows + ChunkColumns - 1) / ChunkColumns;
    for (int task = warp; task < s.centroids * chunks; task += ClusterWarps) {
        const int k = task / chunks, column = task % chunks * ChunkColumns + lane;
        if (s.a.actions[k] == KeepSum)
            continue;
        float* v = s.products(k);
        float sums[4];
#pragma unroll
        for (int e = 0; e < 4; e++)
            sums[e] = s.a.actions[k] == AddChanges && column + e * 32 < s.rows ? v[column + e * 32] : 0.0f;
        const int end = s.a.offsets[k + 1];
#pragma unroll 2
        for (int at = s.a.offsets[k]; at < end; at++) {
            const int entry = s.a.order[at];
            const float* row = s.gram_row(entry < 0 ? ~entry : entry);
#pragma unroll
            for (int e = 0; e < 4; e++) {
                const float value = column + e * 32 < s.rows ? row[column + e * 32] : 0.0f;
                sums[e] += entry < 0 ? -value : value;
            }
        }
#pragma unroll
        for (int e = 0; e < 4; e++)
            if (column + e * 32 < s.rows)
                v[column + e * 32] = sums[e];
    }
    __syncthreads();
}

// Sums again the cells whose action says so, and takes their norms. Labels and cell_labels agree.
__device__ inline void sum_cells(ClusterSpace& s) {
    update_sums(s);
    for (int k = static_cast<int>(threadIdx.x) >> 5; k < s.centroids; k += ClusterWarps) {
        if (s.a.actions[k] != SumAgain)
            continue;
        if ((threadIdx.x & 31) == 0) {
            s.a.scales[k] = 1.0 / s.a.counts[k];
            s.a.updates[k] = 0;
        }
        __syncwarp();
        warp_cell_norm(s, k);
    }
    __syncthreads();
}

// Puts each centroid that has rows on their mean; a centroid without rows stays where it is. Only rows that changed
// their cell are added and subtracted; a cell that changed a lot is summed again.
__device__ inline void move_to_means(ClusterSpace& s) {
    for (int k = static_cast<int>(threadIdx.x); k < s.centroids; k += ClusterThreads)
        s.a.moved[k] = 0;
    __syncthreads();
    for (int i = static_cast<int>(threadIdx.x); i < s.rows; i += ClusterThreads) {
        const int to = s.a.labels[i], from = s.a.cell_labels[i];
        if (to == from)
            continue;
        atomicAdd(&s.a.moved[to], 1);
        if (from >= 0)
            atomicAdd(&s.a.moved[from], 1);
    }
    __syncthreads();
    for (int k = 0; k < s.centroids; k++)
        if (s.a.counts[k] == 0)
            use_coefficients(s, s.block(), k); // its rows are written down before the labels change
    for (int k = static_cast<int>(threadIdx.x); k < s.centroids; k += ClusterThreads) {
        const int count = s.a.counts[k], moved = s.a.moved[k];
        if (count == 0) {
            s.a.actions[k] = KeepSum;
            continue;
        }
        const bool again =
            s.a.definitions[k] != DefinedByCell || s.a.updates[k] + moved > UpdatesBetweenRebuilds || moved >= count;
        s.a.updates[k] = again ? 0 : s.a.updates[k] + moved;
        s.a.actions[k] = again ? SumAgain : AddChanges;
        s.a.definitions[k] = DefinedByCell;
        s.a.scales[k] = 1.0 / count;
    }
    __syncthreads();
    update_sums(s);
    for (int i = static_cast<int>(threadIdx.x); i < s.rows; i += ClusterThreads)
        s.a.cell_labels[i] = s.a.labels[i];
    for (int k = static_cast<int>(threadIdx.x) >> 5; k < s.centroids; k += ClusterWarps)
        if (s.a.counts[k] > 0)
            warp_cell_norm(s, k);
    __syncthreads();
}

// Recomputes a centroid that is a combination from its coefficients, and takes its scale into them.
template <class Group>
__device__ inline void rebuild(ClusterSpace& s, const Group& group, int k) {
    const double fold = s.a.scales[k];
    float* coefficients = s.coefficients(k);
    float* v = s.products(k);
    for (int i = group.rank(); i < s.rows; i += group.size())
        coefficients[i] = static_cast<float>(coefficients[i] * fold);
    group.sync();
    double norm = 0.0;
    for (int column = group.rank(); column < s.rows; column += group.size()) {
        float sum = 0.0f;
        for (int i = 0; i < s.rows; i++)
            if (coefficients[i] != 0.0f)
                sum = fmaf(coefficients[i], s.gram_row(i)[column], sum);
        v[column] = sum;
        norm += static_cast<double>(coefficients[column]) * static_cast<double>(sum);
    }
    norm = group.sum(norm);
    if (group.rank() == 0) {
        s.a.norms[k] = norm;
        s.a.scales[k] = 1.0;
        s.a.updates[k] = 0;
    }
    group.sync();
}

// Notes updates of a centroid that is a combination. Rebuilding costs a row of G per row mixed in: not more often than
// that many updates. A scale near the end of the range of coefficients is taken into them on the way.
template <class Group>
__device__ inline void note_updates(ClusterSpace& s, const Group& group, int k, int updates) {
    const int before = s.a.updates[k], after = before + updates;
    const double scale = s.a.scales[k];
    group.sync();
    bool again = scale < 1e-12;
    if (after / UpdatesBetweenRebuilds != before / UpdatesBetweenRebuilds) {
        const float* coefficients = s.coefficients(k);
        double used = 0.0;
        for (int i = group.rank(); i < s.rows; i += group.size())
            used += coefficients[i] != 0.0f ? 1.0 : 0.0;
        used = group.sum(used);
        again = again || (used > 0.0 && after >= used);
    }
    if (group.rank() == 0)
        s.a.updates[k] = after;
    group.sync();
    if (again)
        rebuild(s, group, k);
}

} // namespace ddoq
