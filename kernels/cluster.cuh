// ddoq_cluster_*: parameters, options and the working space of a class. The contract is in cluster.cu.
#pragma once

#include "classes.cuh"

namespace ddoq {

enum class ClusterInitialization : int32_t { Greedy = 0, Random = 1 };
enum class ClusterBatches : int32_t { D4m = 0, Random = 1 };

// The settings of Ddoq.Quantization.QuantizerOptions that an algorithm needs, the same for all classes.
struct ClusterOptions {
    uint64_t seed;
    double tolerance;          // Lloyd
    double reassignment_ratio; // batches
    double clvq_scale;         // 0: steps by the centroid's wins
    double clvq_offset;
    ClusterInitialization initialization;
    ClusterBatches batches;
    int32_t restart;             // part of the names of the random streams
    int32_t requested_centroids; // K before it is limited by N; D4m's buffer is km_expand times as large
    int32_t max_iterations;
    int32_t refine; // Lloyd: whether Hartigan's moves follow
    int32_t batch_size;
    int32_t passes;
    int32_t km_expand;
    int32_t max_no_improvement;
};
static_assert(sizeof(ClusterOptions) == 80 && offsetof(ClusterOptions, initialization) == 40);

struct ClusterClass {
    int64_t workspace_begin;   // bytes, a multiple of 16
    int64_t combination_begin; // elements: K rows of gram_stride
    int32_t number;            // the class's index in the whole data set, which names its random streams
    int32_t trials; // candidates per centroid of greedy k-means++: 2 + floor(ln K), at most ClusterMaximumTrials
};
static_assert(sizeof(ClusterClass) == 24);

struct ClusterReport {
    double distortion;  // in, out: sum of squared distances of the kept run, support: the energy that falls; set to
                        // infinity before the first restart
    int64_t iterations; // of the kept run
    int64_t moves;
    int32_t restart;        // the kept run
    float zero_distance;    // squared distances below it are rounding
    double energy_distance; // support: of the rows and the points, else NaN
};
static_assert(sizeof(ClusterReport) == 40);

struct ClusterParameters {
    const float* gram;                   // class c at classes[c].gram_begin
    const float* row_norms;              // (rows) the diagonal
    const ClassRange* classes;           // (C)
    const ClusterClass* cluster_classes; // (C)
    unsigned char* workspace;            // cluster_workspace_bytes for every class
    int32_t* labels;                     // (rows) out
    int32_t* counts;                     // (centroids) out: rows of each cell
    int32_t* combined;                   // (centroids) out: 0 for the mean of its cell, 1 for a combination of rows
    float* combinations;                 // out: coefficients of the rows, for centroids that are combinations
    int64_t* running_counts;             // (centroids) out: batches and CLVQ, else 0
    double* companion_weights;           // (centroids) out: CLVQ, else 0
    ClusterReport* reports;              // (C) in, out
    int32_t* next_class;                 // (1) in: 0, out; or null
    int32_t class_count;                 // C
    int32_t reserved;
    ClusterOptions options;
};
static_assert(sizeof(ClusterParameters) == 192 && offsetof(ClusterParameters, class_count) == 104 &&
              offsetof(ClusterParameters, options) == 112);

constexpr int ClusterThreads =
    384; // two blocks to a multiprocessor leave 80 registers a thread; 512 would leave 64 and spill
constexpr int ClusterMaximumTrials = 16;
constexpr int ClusterSharedBytes = 4096;

// Where the arrays of one class lie. Only in device code are the pointers ever followed.
struct ClusterArrays {
    float* products;       // (K, stride) V: inner products of centroid and rows, divided by the centroid's scale
    float* coefficients;   // (K, stride) of centroids that are combinations, divided by the scale
    double* scales;        // (K)
    double* norms;         // (K) |c|^2
    double* companion;     // (K)
    float* slopes;         // (K) -2 * scale
    float* float_norms;    // (K)
    float* factors;        // (K) n / (n + 1): the part of a distance that joining the cell costs
    double* block_sums;    // (N / 64)
    int64_t* running;      // (K)
    uint64_t* proposals;   // (N)
    uint64_t* cell_best;   // (K)
    float* nearest;        // (N)
    float* best;           // (N)
    float* distances;      // (N)
    float* candidates;     // (trials, N)
    int32_t* labels;       // (N)
    int32_t* previous;     // (N)
    int32_t* cell_labels;  // (N)
    int32_t* index;        // (N)
    int32_t* batch;        // (N)
    int32_t* batch_labels; // (N)
    int32_t* order;        // (2 N)
    int32_t* counts;       // (K)
    int32_t* updates;      // (K)
    int32_t* definitions;  // (K)
    int32_t* placed_rows;  // (K)
    int32_t* moved;        // (K)
    int32_t* actions;      // (K)
    int32_t* offsets;      // (K + 1)
    int32_t* touched;      // (K)
    int32_t* moves;        // (K)

    // Lays the arrays out from `base`; returns the end.
    DDOQ_HOST_DEVICE uintptr_t lay_out(uintptr_t base, int64_t rows, int64_t centroids, int64_t stride,
                                       int64_t trials) {
        uintptr_t at = base;
        take(at, products, centroids * stride);
        take(at, coefficients, centroids * stride);
        take(at, scales, centroids);
        take(at, norms, centroids);
        take(at, companion, centroids);
        take(at, slopes, centroids);
        take(at, float_norms, centroids);
        take(at, factors, centroids);
        take(at, block_sums, (rows + 63) / 64);
        take(at, running, centroids);
        take(at, proposals, rows);
        take(at, cell_best, centroids);
        take(at, nearest, rows);
        take(at, best, rows);
        take(at, distances, rows);
        take(at, candidates, trials * rows);
        take(at, labels, rows);
        take(at, previous, rows);
        take(at, cell_labels, rows);
        take(at, index, rows);
        take(at, batch, rows);
        take(at, batch_labels, rows);
        take(at, order, 2 * rows);
        take(at, counts, centroids);
        take(at, updates, centroids);
        take(at, definitions, centroids);
        take(at, placed_rows, centroids);
        take(at, moved, centroids);
        take(at, actions, centroids);
        take(at, offsets, centroids + 1);
        take(at, touched, centroids);
        take(at, moves, centroids);
        return at;
    }

    template <class T>
    DDOQ_HOST_DEVICE static void take(uintptr_t& at, T*& array, int64_t count) {
        array = reinterpret_cast<T*>(at);
        at += (static_cast<uintptr_t>(count) * sizeof(T) + 15) / 16 * 16;
    }
};

constexpr int ClusterSupportHistory = 4; // rounds that Anderson's mixture is made of

// Where the arrays of support points lie, behind the others: positions, each coefficients and then products (K,
// stride).
struct SupportArrays {
    float* positions;
    float* shares;     // (K, stride) 1 / distance of point and row
    double* pairs;     // (K, K) 1 / distance of two points
    double* pulls;     // (K) sums of shares
    double* distances; // (K) sums of distances to the rows
    double* ties;      // (K)
    int64_t stride;
    int64_t position; // elements of one of the two arrays of a position

    DDOQ_HOST_DEVICE float* coefficients(int slot) const { return positions + slot * 2 * position; }
    DDOQ_HOST_DEVICE float* products(int slot) const { return coefficients(slot) + position; }

    DDOQ_HOST_DEVICE uintptr_t lay_out(uintptr_t base, int64_t centroids, int64_t gram_stride) {
        uintptr_t at = base;
        stride = gram_stride;
        position = centroids * gram_stride;
        ClusterArrays::take(at, positions, (1 + 2 * ClusterSupportHistory) * 2 * position);
        ClusterArrays::take(at, shares, position);
        ClusterArrays::take(at, pairs, centroids * centroids);
        ClusterArrays::take(at, pulls, centroids);
        ClusterArrays::take(at, distances, centroids);
        ClusterArrays::take(at, ties, centroids);
        return at;
    }
};

// Working space of one class, a multiple of 16 bytes.
inline int64_t cluster_workspace_bytes(const ClassRange& range, int32_t trials, bool support = false) {
    ClusterArrays arrays;
    SupportArrays more;
    const uintptr_t end = arrays.lay_out(0, range.row_count, range.centroid_count, range.gram_stride, trials);
    return static_cast<int64_t>(support ? more.lay_out(end, range.centroid_count, range.gram_stride) : end);
}

} // namespace ddoq
