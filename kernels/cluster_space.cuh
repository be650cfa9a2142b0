// The centroids of one class in Gram space, and what a block does to them.
//
// With G = Z Z^T and M[k, i] = <c_k, z_i>, the squared distance of row i to centroid k is G_ii - 2 M[k, i] + |c_k|^2,
// and every change of a centroid is a change of M by rows of G. Stored is V = M / scale with a scale per centroid, so
// that the mean of n rows is their sum with scale 1 / n, and shrinking a centroid costs nothing. Norms and scales are
// fp64. Running updates drift: a centroid is summed again after UpdatesBetweenRebuilds of them. The rules (order of
// additions, ties, empty cells) are those of Ddoq.Quantization.Spaces.GramSpace, so that both give the same labels up
// to rounding.
#pragma once

#include "cluster.cuh"
#include "cooperation.cuh"
#include "counter_random.cuh"

namespace ddoq {

constexpr int UpdatesBetweenRebuilds = 50;
constexpr double RelativeZero = 1e-6; // of the mean squared norm: squared distances below it are rounding

// What a centroid is made of.
enum Definition : int32_t { DefinedByRow, DefinedByCell, DefinedByCoefficients };
// What to do with a cell's sum.
enum CellAction : int32_t { KeepSum, AddChanges, SumAgain };

using ClusterBlock = BlockGroup<ClusterThreads>;
constexpr int ClusterWarps = ClusterThreads / 32;

// Shared by the threads of a block: one class.
struct ClusterSpace {
    ClusterArrays a;
    uintptr_t arrays_end; // of the class's working space that the arrays take
    const float* gram;
    const float* row_norms;
    CounterRandom random;         // used by thread 0 alone
    CounterRandom reassignment;   // likewise
    CounterRandom sampling;       // likewise
    double scratch[ClusterWarps]; // of ClusterBlock
    double trial_sums[ClusterMaximumTrials][ClusterWarps];
    double targets[ClusterMaximumTrials];
    double potential;
    int64_t rows_since_reassignment;
    int32_t picked[ClusterMaximumTrials];
    int32_t flag;
    int32_t found;
    int32_t dealt;     // the class that the block takes next
    int32_t rows;      // N
    int32_t centroids; // K
    int32_t stride;
    int32_t trials;
    float zero_distance;

    __device__ __forceinline__ ClusterBlock block() { return {scratch}; }
    __device__ __forceinline__ const float* gram_row(int row) const {
        return gram + static_cast<int64_t>(row) * stride;
    }
    __device__ __forceinline__ float* products(int k) const { return a.products + static_cast<int64_t>(k) * stride; }
    __device__ __forceinline__ float* coefficients(int k) const {
        return a.coefficients + static_cast<int64_t>(k) * stride;
    }
    // Inner product of a centroid and a row.
    __device__ __forceinline__ double product(int k, int row) const {
        return a.scales[k] * static_cast<double>(products(k)[row]);
    }
};
static_assert(sizeof(ClusterSpace) <= ClusterSharedBytes);

// Takes up a class. All threads of the block call every function below, unless it names a group.
__device__ inline void open_space(ClusterSpace& s, const ClusterParameters& p, int c) {
    const ClassRange range = p.classes[c];
    if (threadIdx.x == 0) {
        const ClusterClass cluster_class = p.cluster_classes[c];
        s.rows = range.row_count;
        s.centroids = range.centroid_count;
        s.stride = range.gram_stride;
        s.trials = cluster_class.trials;
        s.gram = p.gram + range.gram_begin;
        s.row_norms = p.row_norms + range.row_begin;
        s.arrays_end = s.a.lay_out(reinterpret_cast<uintptr_t>(p.workspace) +
                                       static_cast<uintptr_t>(cluster_class.workspace_begin),
                                   s.rows, s.centroids, s.stride, s.trials);
    }
    __syncthreads();
    double total = 0.0;
    for (int i = static_cast<int>(threadIdx.x); i < s.rows; i += ClusterThreads) {
        total += static_cast<double>(s.row_norms[i]);
        s.a.cell_labels[i] = -1;
        s.a.labels[i] = -1;
        s.a.previous[i] = -1;
    }
    for (int k = static_cast<int>(threadIdx.x); k < s.centroids; k += ClusterThreads) {
        s.a.updates[k] = 0;
        s.a.running[k] = 0;
        s.a.companion[k] = 0.0;
        s.a.counts[k] = 0;
        s.a.touched[k] = 0;
    }
    total = s.block().sum(total);
    if (threadIdx.x == 0)
        s.zero_distance = static_cast<float>(RelativeZero * total / (s.rows > 0 ? s.rows : 1));
    __syncthreads();
}

// Puts a centroid on a row.
__device__ inline void place(ClusterSpace& s, int k, int row) {
    const float* source = s.gram_row(row);
    float* v = s.products(k);
    for (int i = static_cast<int>(threadIdx.x); i < s.rows; i += ClusterThreads)
        v[i] = source[i];
    if (threadIdx.x == 0) {
        s.a.scales[k] = 1.0;
        s.a.norms[k] = static_cast<double>(s.row_norms[row]);
        s.a.updates[k] = 0;
        s.a.definitions[k] = DefinedByRow;
        s.a.placed_rows[k] = row;
    }
    __syncthreads();
}

// Squared distance of two rows; rows nearer than rounding are equal.
__device__ __forceinline__ float row_distance(const ClusterSpace& s, const float* gram_row, float norm, int row) {
    const float distance = fmaf(-2.0f, gram_row[row], s.row_norms[row] + norm);
    return distance > s.zero_distance ? distance : 0.0f;
}

// Rounds scales and norms once for a pass over all rows.
__device__ inline void prepare_columns(ClusterSpace& s) {
    for (int k = static_cast<int>(threadIdx.x); k < s.centroids; k += ClusterThreads) {
        s.a.slopes[k] = static_cast<float>(-2.0 * s.a.scales[k]);
        s.a.float_norms[k] = static_cast<float>(s.a.norms[k]);
    }
    __syncthreads();
}

// Nearest centroid of every row, to index; squared distance less the row's squared norm, to best.
__device__ inline void find_nearest(ClusterSpace& s) {
    prepare_columns(s);
    for (int i = static_cast<int>(threadIdx.x); i < s.rows; i += ClusterThreads) {
        const float* column = s.a.products + i;
        float best = INFINITY;
        int index = 0;
#pragma unroll 4
        for (int k = 0; k < s.centroids; k++) {
            const float value = fmaf(s.a.slopes[k], column[static_cast<int64_t>(k) * s.stride], s.a.float_norms[k]);
            if (value < best) {
                best = value;
                index = k;
            }
        }
        s.a.best[i] = best;
        s.a.index[i] = index;
    }
    __syncthreads();
}

// Nearest centroid of every row, to labels, and squared distances.
__device__ inline void assign_all(ClusterSpace& s) {
    find_nearest(s);
    for (int i = static_cast<int>(threadIdx.x); i < s.rows; i += ClusterThreads) {
        s.a.labels[i] = s.a.index[i];
        s.a.distances[i] = fmaxf(0.0f, s.a.best[i] + s.row_norms[i]);
    }
    __syncthreads();
}

__device__ inline double sum_distances(ClusterSpace& s, int count) {
    double total = 0.0;
    for (int i = static_cast<int>(threadIdx.x); i < count; i += ClusterThreads)
        total += static_cast<double>(s.a.distances[i]);
    return s.block().sum(total);
}

// Rows of each cell, to counts.
__device__ inline void count_labels(ClusterSpace& s) {
    for (int k = static_cast<int>(threadIdx.x); k < s.centroids; k += ClusterThreads)
        s.a.counts[k] = 0;
    __syncthreads();
    for (int i = static_cast<int>(threadIdx.x); i < s.rows; i += ClusterThreads)
        atomicAdd(&s.a.counts[s.a.labels[i]], 1);
    __syncthreads();
}

// Turns any definition of a centroid into coefficients of rows.
template <class Group>
__device__ inline void use_coefficients(ClusterSpace& s, const Group& group, int k) {
    const int definition = s.a.definitions[k];
    group.sync();
    if (definition == DefinedByCoefficients)
        return;
    float* coefficients = s.coefficients(k);
    const int placed = definition == DefinedByRow ? s.a.placed_rows[k] : -1;
    for (int i = group.rank(); i < s.rows; i += group.size())
        coefficients[i] = (definition == DefinedByCell ? s.a.cell_labels[i] == k : i == placed) ? 1.0f : 0.0f;
    if (group.rank() == 0)
        s.a.definitions[k] = DefinedByCoefficients;
    group.sync();
}

// Exclusive sums of `length(k)` over the centroids, to offsets. One warp works, all threads wait.
template <class Length>
__device__ __forceinline__ void sum_offsets(ClusterSpace& s, Length length) {
    if (threadIdx.x < 32) {
        const int lane = static_cast<int>(threadIdx.x);
        int carried = 0;
        for (int base = 0; base < s.centroids; base += 32) {
            const int own = base + lane < s.centroids ? length(base + lane) : 0;
            int inclusive = own;
            for (unsigned distance = 1; distance < 32; distance *= 2) {
                const int other = __shfl_up_sync(0xFFFFFFFFu, inclusive, distance);
                inclusive += lane >= static_cast<int>(distance) ? other : 0;
            }
            if (base + lane < s.centroids)
                s.a.offsets[base + lane] = carried + inclusive - own;
            carried += __shfl_sync(0xFFFFFFFFu, inclusive, 31);
        }
        if (lane == 0)
            s.a.offsets[s.centroids] = carried;
    }
    __syncthreads();
}

} // namespace ddoq
