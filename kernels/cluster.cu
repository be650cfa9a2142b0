// ddoq_cluster_{lloyd,batches,clvq,support}_f32: the whole algorithm of a class in Gram space, one block per class.
//
// Computes   lloyd: greedy k-means++ (or random rows), Lloyd's iteration, then with options.refine Hartigan's moves
//            in rounds; batches: D4M's pass or random mini-batches; clvq: one random row per step, with companion
//            weights.
// Inputs     the Gram matrices and squared norms of ddoq_gram_* (rows less the mean of their class), ragged classes.
// Outputs    per row its cell, per centroid the rows of its cell and whether it is their mean or a combination of
//            rows, whose coefficients are written to `combinations`; a report per class. Written only if the
//            distortion is below reports[c].distortion or options.restart is 0: launch once per restart, and the
//            best is kept.
// Numerics   V in fp32, norms and scales in fp64; order of additions, ties, empty cells and random draws are those
//            of the CPU quantiser: from the same Gram matrix the same labels up to rounding. native/tests/cluster
//            holds it to an fp64 reference of the same rules.
// Determinism: sums in a fixed order; the only atomics are integer additions and maxima, whose order makes no
//            difference: a class's result does not depend on the block that takes it.
// Launch     ClusterThreads threads, ClusterSharedBytes, grid: any. Blocks take the next class when they are done
//            with one, by the counter next_class, zeroed before the launch, or without one stride over classes. Put
//            the largest first. Working space in global memory: cluster_workspace_bytes per class. No host
//            synchronisation.
// Limits     1 <= K <= N for a class with rows; a class without rows or centroids is skipped.
// Bytes      per Lloyd iteration K N fp32 of V and the rows of G that changed their cell, mostly from L2.
// Roofline   latency: about 60 MB a class (75 passes over V, G twice, 450 moves of three rows) from L2 or memory,
//            one after the other. On paper, H100, 1000 classes of 1300 rows, K = 50: 60 GB at 3.0 TB/s are 20 ms.
// Versions   1. A move is chosen when it is the best of both of its cells, by 64-bit integer maxima: the matching
//            that a sort would give, without the sort.
//            2. Hartigan's factors n / (n + 1) once a round and cell: version 1 divided in fp64 for every row and
//            cell, more work than all the rest of a round.
//            3. Classes dealt by a counter: with a stride, a launch over several classes a block waits for the block
//            whose classes happen to need the most rounds. Not yet timed on a GPU.
#include "cluster_batches.cuh"
#include "cluster_clvq.cuh"
#include "cluster_hartigan.cuh"
#include "cluster_lloyd.cuh"
#include "cluster_support.cuh"
#include "ptx.cuh"

namespace ddoq {
namespace {

// Ddoq.Numerics.RandomPurpose, and the stream (class, purpose + 16 * restart).
enum RandomPurpose : uint32_t { ForInitialization = 1, ForSampling = 2, ForReassignment = 3 };

__device__ __forceinline__ uint64_t random_stream(const ClusterParameters& p, int c, RandomPurpose purpose) {
    return static_cast<uint64_t>(static_cast<uint32_t>(p.cluster_classes[c].number)) << 32 |
           (purpose + 16u * static_cast<uint32_t>(p.options.restart));
}

struct Outcome {
    int64_t iterations, moves;
    bool centroids_are_means;
    bool by_energy; // restarts are compared by it, not by the distortion
    double energy, energy_distance;
};

__device__ __forceinline__ Outcome outcome_of(int64_t iterations, int64_t moves, bool centroids_are_means) {
    return {iterations, moves, centroids_are_means, false, 0.0, NAN};
}

// Takes up class c, or returns false when there is nothing to do.
__device__ inline bool begin_class(ClusterSpace& s, const ClusterParameters& p, int c) {
    if (p.classes[c].row_count == 0 || p.classes[c].centroid_count == 0)
        return false;
    __syncthreads(); // the last class is written out
    open_space(s, p, c);
    if (threadIdx.x == 0) {
        s.random.open(p.options.seed, random_stream(p, c, ForInitialization));
        s.reassignment.open(p.options.seed, random_stream(p, c, ForReassignment));
        s.sampling.open(p.options.seed, random_stream(p, c, ForSampling));
    }
    __syncthreads();
    return true;
}

// Writes the run out if it is the best so far.
__device__ inline void end_class(ClusterSpace& s, const ClusterParameters& p, int c, const Outcome& outcome) {
    const ClassRange range = p.classes[c];
    find_nearest(s);
    for (int i = static_cast<int>(threadIdx.x); i < s.rows; i += ClusterThreads)
        s.a.distances[i] = fmaxf(0.0f, s.a.best[i] + s.row_norms[i]);
    __syncthreads();
    const double distortion = outcome.by_energy ? outcome.energy : sum_distances(s, s.rows);
    if (p.options.restart > 0 && !(distortion < p.reports[c].distortion))
        return;
    if (!outcome.centroids_are_means) {
        for (int i = static_cast<int>(threadIdx.x); i < s.rows; i += ClusterThreads)
            s.a.labels[i] = s.a.index[i];
        __syncthreads();
        count_labels(s);
    }
    __syncthreads();
    if (threadIdx.x == 0)
        p.reports[c] = {distortion,        outcome.iterations, outcome.moves,
                        p.options.restart, s.zero_distance,    outcome.energy_distance};
    for (int i = static_cast<int>(threadIdx.x); i < s.rows; i += ClusterThreads)
        p.labels[range.row_begin + i] = s.a.labels[i];
    for (int k = static_cast<int>(threadIdx.x); k < s.centroids; k += ClusterThreads) {
        p.counts[range.centroid_begin + k] = s.a.counts[k];
        p.combined[range.centroid_begin + k] = outcome.centroids_are_means && s.a.counts[k] > 0 ? 0 : 1;
        p.running_counts[range.centroid_begin + k] = s.a.running[k];
        p.companion_weights[range.centroid_begin + k] = s.a.companion[k];
    }
    for (int k = 0; k < s.centroids; k++) {
        if (outcome.centroids_are_means && s.a.counts[k] > 0)
            continue;
        use_coefficients(s, s.block(), k);
        const float* coefficients = s.coefficients(k);
        float* written = p.combinations + p.cluster_classes[c].combination_begin + static_cast<int64_t>(k) * s.stride;
        for (int i = static_cast<int>(threadIdx.x); i < s.rows; i += ClusterThreads)
            written[i] = static_cast<float>(s.a.scales[k] * static_cast<double>(coefficients[i]));
    }
}

// The class after c: the next that no block has taken, or without a counter the next of this block's stride.
__device__ inline int class_after(ClusterSpace& s, const ClusterParameters& p, int c) {
    const int grid = static_cast<int>(gridDim.x);
    if (p.next_class == nullptr)
        return c + grid;
    __syncthreads(); // all threads have read the last one
    if (threadIdx.x == 0)
        s.dealt = grid + atomicAdd(p.next_class, 1);
    __syncthreads();
    return s.dealt;
}

template <class Algorithm>
__device__ __forceinline__ void run_classes(const ClusterParameters& p, unsigned char* shared, Algorithm algorithm) {
    ClusterSpace& s = *reinterpret_cast<ClusterSpace*>(shared);
    for (int c = static_cast<int>(blockIdx.x); c < p.class_count; c = class_after(s, p, c))
        if (begin_class(s, p, c))
            end_class(s, p, c, algorithm(s, c));
}

} // namespace
} // namespace ddoq

DDOQ_KERNEL(ddoq_cluster_lloyd_f32, ddoq::ClusterParameters, ddoq::ClusterThreads, 2) {
    DDOQ_SHARED_MEMORY(shared);
    ddoq::run_classes(parameters, shared, [&](ddoq::ClusterSpace& s, int) {
        const ddoq::ClusterOptions& o = parameters.options;
        ddoq::place_first(s, o, s.rows);
        const int64_t iterations = ddoq::iterate_lloyd(s, o);
        ddoq::RefinementCounts refined{0, 0};
        if (o.refine != 0)
            refined = ddoq::refine_cells(s, static_cast<int64_t>(o.max_iterations) * s.rows);
        return ddoq::outcome_of(iterations + refined.rounds, refined.moves, true);
    });
}

DDOQ_KERNEL(ddoq_cluster_batches_f32, ddoq::ClusterParameters, ddoq::ClusterThreads, 1) {
    DDOQ_SHARED_MEMORY(shared);
    ddoq::run_classes(parameters, shared, [&](ddoq::ClusterSpace& s, int) {
        const ddoq::ClusterOptions& o = parameters.options;
        if (o.batches == ddoq::ClusterBatches::D4m)
            return ddoq::outcome_of(ddoq::run_d4m(s, o), 0, false);
        return ddoq::outcome_of(ddoq::run_random_batches(s, o), 0, false);
    });
}

DDOQ_KERNEL(ddoq_cluster_clvq_f32, ddoq::ClusterParameters, ddoq::ClusterThreads, 2) {
    DDOQ_SHARED_MEMORY(shared);
    ddoq::run_classes(parameters, shared, [&](ddoq::ClusterSpace& s, int c) {
        const ddoq::ClusterOptions& o = parameters.options;
        return ddoq::outcome_of(ddoq::run_clvq(s, o, ddoq::random_stream(parameters, c, ddoq::ForSampling)), 0, false);
    });
}

DDOQ_KERNEL(ddoq_cluster_support_f32, ddoq::ClusterParameters, ddoq::ClusterThreads, 1) {
    DDOQ_SHARED_MEMORY(shared);
    ddoq::SupportMixture& mixture = *reinterpret_cast<ddoq::SupportMixture*>(shared + ddoq::SupportMixtureOffset);
    ddoq::run_classes(parameters, shared, [&](ddoq::ClusterSpace& s, int) {
        ddoq::SupportArrays arrays;
        arrays.lay_out(s.arrays_end, s.centroids, s.stride);
        const ddoq::SupportOutcome reached = ddoq::run_support(s, arrays, mixture, parameters.options);
        return ddoq::Outcome{reached.rounds, 0, false, true, reached.energy, reached.energy_distance};
    });
}
