// Hartigan's moves in rounds (J. A. Hartigan, "Clustering Algorithms", 1975, chapter 4).
//
// Leaving a cell of n rows saves n / (n - 1) * d and joining one costs n / (n + 1) * d, d the squared distance to the
// mean, because both means move with the row. In a round every row finds the cell it would gain most by moving to, all
// from the same centroids; moves are taken in falling order of gain, the lower row first among equals, each only if
// both of its cells are untouched in the round. So every move gains what it promised. That order needs no sort: a move
// is taken when it is the best proposal left of both of its cells, until no proposal has two untouched cells.
#pragma once

#include "cluster_cells.cuh"

namespace ddoq {

// Each row's best move with a gain above rounding, to proposals (0 for none) and index. Returns whether there is one.
__device__ inline bool propose_moves(ClusterSpace& s) {
    for (int k = static_cast<int>(threadIdx.x); k < s.centroids; k += ClusterThreads)
        s.a.factors[k] = static_cast<float>(s.a.counts[k] / (s.a.counts[k] + 1.0));
    prepare_columns(s); // ends with a barrier
    bool any = false;
    for (int i = static_cast<int>(threadIdx.x); i < s.rows; i += ClusterThreads) {
        const float* column = s.a.products + i;
        const float row_norm = s.row_norms[i];
        const int from = s.a.labels[i];
        float best = INFINITY;
        int to = 0;
#pragma unroll 4
        for (int k = 0; k < s.centroids; k++) {
            const float cost =
                s.a.factors[k] *
                (row_norm + fmaf(s.a.slopes[k], column[static_cast<int64_t>(k) * s.stride], s.a.float_norms[k]));
            if (k != from && cost < best) {
                best = cost;
                to = k;
            }
        }
        const int count = s.a.counts[from];
        uint64_t proposal = 0;
        if (count > 1) {
            const double distance = static_cast<double>(row_norm) + s.a.norms[from] - 2.0 * s.product(from, i);
            const float gain = static_cast<float>(count / (count - 1.0) * distance - static_cast<double>(best));
            if (gain > s.zero_distance)
                proposal = static_cast<uint64_t>(__float_as_uint(gain)) << 32 | ~static_cast<uint32_t>(i);
        }
        s.a.proposals[i] = proposal;
        s.a.index[i] = to;
        any = any || proposal != 0;
    }
    return s.block().any(any);
}

// Chooses this round's moves, to moves (their rows); returns their number.
__device__ inline int choose_moves(ClusterSpace& s, int round) {
    if (threadIdx.x == 0)
        s.found = 0;
    while (true) {
        for (int k = static_cast<int>(threadIdx.x); k < s.centroids; k += ClusterThreads)
            s.a.cell_best[k] = 0;
        __syncthreads();
        bool any = false;
        for (int i = static_cast<int>(threadIdx.x); i < s.rows; i += ClusterThreads) {
            const uint64_t proposal = s.a.proposals[i];
            if (proposal == 0)
                continue;
            const int from = s.a.labels[i], to = s.a.index[i];
            if (s.a.touched[from] == round || s.a.touched[to] == round) {
                s.a.proposals[i] = 0;
                continue;
            }
            any = true;
            atomicMax(reinterpret_cast<unsigned long long*>(&s.a.cell_best[from]),
                      static_cast<unsigned long long>(proposal));
            atomicMax(reinterpret_cast<unsigned long long*>(&s.a.cell_best[to]),
                      static_cast<unsigned long long>(proposal));
        }
        if (!s.block().any(any))
            return s.found;
        for (int i = static_cast<int>(threadIdx.x); i < s.rows; i += ClusterThreads) {
            const uint64_t proposal = s.a.proposals[i];
            if (proposal == 0)
                continue;
            const int from = s.a.labels[i], to = s.a.index[i];
            if (s.a.cell_best[from] != proposal || s.a.cell_best[to] != proposal)
                continue;
            s.a.touched[from] = round;
            s.a.touched[to] = round;
            s.a.proposals[i] = 0;
            s.a.moves[atomicAdd(&s.found, 1)] = i; // in any order: no two moves share a cell
        }
        __syncthreads();
    }
}

// Moves rows between cells: sums, norms, counts and labels.
__device__ inline void carry_out_moves(ClusterSpace& s, int moves) {
    // Norms first, from the sums before the moves; the thread of a move owns both of its cells.
    for (int m = static_cast<int>(threadIdx.x); m < moves; m += ClusterThreads) {
        const int row = s.a.moves[m], from = s.a.labels[row], to = s.a.index[row];
        const double own = static_cast<double>(s.row_norms[row]);
        const double left = s.a.counts[from], joined = s.a.counts[to];
        s.a.norms[from] =
            (left * left * s.a.norms[from] - 2.0 * left * s.product(from, row) + own) / ((left - 1.0) * (left - 1.0));
        s.a.norms[to] = joined == 0.0 ? own
                                      : (joined * joined * s.a.norms[to] + 2.0 * joined * s.product(to, row) + own) /
                                            ((joined + 1.0) * (joined + 1.0));
    }
    __syncthreads();
    constexpr int ChunkColumns = 128;
    const int lane = static_cast<int>(threadIdx.x) & 31;
    const int chunks = (s.rows + ChunkColumns - 1) / ChunkColumns;
    for (int task = static_cast<int>(threadIdx.x) >> 5; task < moves * chunks; task += ClusterWarps) {
        const int row = s.a.moves[task / chunks], from = s.a.labels[row], to = s.a.index[row];
        const float* source = s.gram_row(row);
        float* left = s.products(from);
        float* joined = s.products(to);
        const bool joins_rows = s.a.counts[to] > 0;
        const int first = task % chunks * ChunkColumns;
        for (int column = first + lane; column < min(s.rows, first + ChunkColumns); column += 32) {
            left[column] -= source[column];
            joined[column] = joins_rows ? joined[column] + source[column] : source[column];
        }
    }
    __syncthreads();
    for (int m = static_cast<int>(threadIdx.x); m < moves; m += ClusterThreads) {
        const int row = s.a.moves[m], from = s.a.labels[row], to = s.a.index[row];
        s.a.updates[from]++;
        s.a.updates[to] = s.a.counts[to] == 0 ? 0 : s.a.updates[to] + 1;
        s.a.counts[from]--;
        s.a.counts[to]++;
        s.a.scales[from] = 1.0 / s.a.counts[from];
        s.a.scales[to] = 1.0 / s.a.counts[to];
        s.a.definitions[to] = DefinedByCell;
        s.a.labels[row] = to;
        s.a.cell_labels[row] = to;
    }
    __syncthreads();
}

// Sums again the cells with at least `updates` updates; returns whether there are any.
__device__ inline bool sum_updated_cells(ClusterSpace& s, int updates) {
    bool any = false;
    for (int k = static_cast<int>(threadIdx.x); k < s.centroids; k += ClusterThreads) {
        const bool again = s.a.updates[k] >= updates && s.a.counts[k] > 0;
        s.a.actions[k] = again ? SumAgain : KeepSum;
        any = any || again;
    }
    if (!s.block().any(any))
        return false;
    sum_cells(s);
    return true;
}

struct RefinementCounts {
    int64_t rounds, moves;
};

// Moves rows while a move gains more than rounding with all sums fresh. Centroids are the means of labels before and
// after.
__device__ inline RefinementCounts refine_cells(ClusterSpace& s, int64_t move_limit) {
    RefinementCounts counts{0, 0};
    while (counts.moves < move_limit) {
        counts.rounds++;
        if (!propose_moves(s)) {
            if (!sum_updated_cells(s, 1))
                break;
            continue;
        }
        const int moves = choose_moves(s, static_cast<int>(counts.rounds));
        carry_out_moves(s, moves);
        sum_updated_cells(s, UpdatesBetweenRebuilds);
        counts.moves += moves;
    }
    return counts;
}

} // namespace ddoq
