// ddoq_weighted_ce_{warp,block}_{f16,bf16,f32}: cross-entropy with a weight per image, and its gradient.
// ddoq_loss_sum_f32: the sums of the losses and of the weights of a batch.
//
// Computes   x = z / T, S = sum p, loss = w (S log sum e^x - sum p x), less the entropy of p on request (then it is the
//            Kullback-Leibler divergence of distillation); dz = w g / T (S softmax(x) - p).
//            p: given probabilities, softmax of teacher logits t / T_t, or one label.
// Inputs     (B, C) row-major, any C, any stride; 16 bytes at a time where all rows are aligned.
// Numerics   fp32; logits less their maximum, so e^x cannot overflow and large logits lose no digits. Gradients rounded
//            once. Error against fp64 at most twice that of the plain fp32 formula: native/tests/weighted_ce.
// Determinism: a row belongs to one warp or block, which sums in a fixed order; losses are summed by one block in fp64.
// Launch     warp: WeightedCeWarpThreads threads, a warp per row, up to WeightedCeWarpClasses classes; block:
//            WeightedCeBlockThreads threads, a row per block, WeightedCeSharedBytes; grid: any. loss_sum: one block of
//            LossSumThreads, LossSumSharedBytes.
// Bytes      logits and targets from memory once (a row stays in the first cache for its further passes), gradients
//            written once.
// Versions   1. Maximum, sums, gradient: three passes over a cached row, the kind of target asked for at every element.
//            2. The kind of target is a template argument, and exponentials and logarithms are the instructions of base
//            2: see README.md for the instructions that an element takes. Not yet timed on a GPU.
//            Rejected: holding the row in registers (32 elements of both arrays a thread) spills on sm_90, or unrolls
//            to 10,000 instructions, more than the instruction caches hold.
#include "cooperation.cuh"
#include "ptx.cuh"
#include "weighted_ce.cuh"

namespace ddoq {
namespace {

constexpr float Log2E = 1.4426950408889634f, Ln2 = 0.6931471805599453f;

template <class T>
__device__ __forceinline__ bool is_aligned(const T* first, int64_t stride) {
    return reinterpret_cast<uintptr_t>(first) % 16 == 0 && stride * static_cast<int64_t>(sizeof(T)) % 16 == 0;
}

// A row of logits and, where HasTargets, the targets beside it. A group's threads take its vectors in turn, then the
// elements behind the last whole vector.
template <class T, bool HasTargets>
struct PairedRow {
    static constexpr int Width = Vector<T>::Count;
    const T* logits;
    const T* targets;
    int count;
    bool aligned;

    // Calls visit(index, logit, target) for the thread's elements, always in the same order; target 0 without any.
    template <class Group, class Visit>
    __device__ __forceinline__ void visit(const Group& group, Visit visit) const {
        walk(
            group, aligned,
            [&](int i, const Vector<T>& z, const Vector<T>& t) {
#pragma unroll
                for (int e = 0; e < Width; e++)
                    visit(i + e, to_float(z.values[e]), HasTargets ? to_float(t.values[e]) : 0.0f);
            },
            visit);
    }

    // Writes value(index, logit, target) for the thread's elements; `written` may be the logits' array.
    template <class Group, class Value>
    __device__ __forceinline__ void write(const Group& group, T* written, bool written_aligned, Value value) const {
        walk(
            group, aligned && written_aligned,
            [&](int i, const Vector<T>& z, const Vector<T>& t) {
                Vector<T> vector;
#pragma unroll
                for (int e = 0; e < Width; e++)
                    vector.values[e] =
                        from_float<T>(value(i + e, to_float(z.values[e]), HasTargets ? to_float(t.values[e]) : 0.0f));
                *reinterpret_cast<Vector<T>*>(written + i) = vector;
            },
            [&](int i, float z, float t) { written[i] = from_float<T>(value(i, z, t)); });
    }

  private:
    template <class Group, class VisitVector, class VisitElement>
    __device__ __forceinline__ void walk(const Group& group, bool by_vectors, VisitVector visit_vector,
                                         VisitElement visit_element) const {
        const int whole = by_vectors ? count / Width * Width : 0;
#pragma unroll 2
        for (int i = group.rank() * Width; i < whole; i += group.size() * Width) {
            const Vector<T> z = *reinterpret_cast<const Vector<T>*>(logits + i);
            Vector<T> t{};
            if constexpr (HasTargets)
                t = *reinterpret_cast<const Vector<T>*>(targets + i);
            visit_vector(i, z, t);
        }
#pragma unroll 1
        for (int i = whole + group.rank(); i < count; i += group.size())
            visit_element(i, to_float(logits[i]), HasTargets ? to_float(targets[i]) : 0.0f);
    }
};

template <class T, TargetKind Kind, class Group>
__device__ __forceinline__ void row_loss(const WeightedCeParameters& p, const Group& group, int64_t row) {
    constexpr bool Hard = Kind == TargetKind::Labels, Teacher = Kind == TargetKind::TeacherLogits;
    const T* logits = static_cast<const T*>(p.logits) + row * p.logit_stride;
    const T* targets = Hard ? nullptr : static_cast<const T*>(p.targets) + row * p.target_stride;
    T* gradients = p.gradients == nullptr ? nullptr : static_cast<T*>(p.gradients) + row * p.gradient_stride;
    const int label = Hard ? p.labels[row] : -1;
    const int count = p.class_count;
    if (Hard && label < 0) {
        if (group.rank() == 0)
            p.losses[row] = 0.0f;
        for (int i = group.rank(); i < count && gradients != nullptr; i += group.size())
            gradients[i] = from_float<T>(0.0f);
        return;
    }
    const bool aligned = is_aligned(static_cast<const T*>(p.logits), p.logit_stride) &&
                         (Hard || is_aligned(static_cast<const T*>(p.targets), p.target_stride));
    const PairedRow<T, !Hard> pairs{logits, targets, count, aligned};
    const PairedRow<T, Teacher> row_of_maxima{logits, targets, count, aligned};
    // In powers of two, whose exponential is one instruction: x2 = (z - the largest) a, a = log2(e) / T.
    const float a = Log2E / p.temperature, target_a = Log2E / p.target_temperature;
    float largest = -INFINITY, target_largest = -INFINITY;
    row_of_maxima.visit(group, [&](int, float z, float t) {
        largest = fmaxf(largest, z);
        if (Teacher)
            target_largest = fmaxf(target_largest, t);
    });
    largest = group.largest(largest);
    if (Teacher)
        target_largest = group.largest(target_largest);
    const auto logit_log2 = [&](float z) { return (z - largest) * a; };
    const auto target_log2 = [&](float t) { return (t - target_largest) * target_a; };

    // p, or p times the teacher's sum.
    const auto target = [&](int i, float t) {
        return Teacher ? approximate_exp2(target_log2(t)) : Hard ? (i == label ? 1.0f : 0.0f) : t;
    };
    // The entropy is taken off term by term: the divergence may be much smaller than either of its parts.
    const bool subtract = !Hard && p.subtract_entropy != 0;
    float exponentials = 0.0f, mass = 0.0f, products = 0.0f;
    const auto add = [&](float x2, float q, float q_log2) {
        exponentials += approximate_exp2(x2);
        mass += q;
        if (q > 0.0f) // 0 times the -infinity of a masked class is 0
            products = fmaf(q, x2 - q_log2, products);
    };
    if (!subtract)
        pairs.visit(group, [&](int i, float z, float t) { add(logit_log2(z), target(i, t), 0.0f); });
    else
        pairs.visit(group, [&](int i, float z, float t) {
            const float q = target(i, t);
            add(logit_log2(z), q, Teacher ? target_log2(t) : approximate_log2(q));
        });
    exponentials = group.sum(exponentials);
    mass = group.sum(mass);
    products = group.sum(products) * Ln2;

    float logarithm = logf(exponentials), target_scale = 1.0f;
    if (Teacher) {
        target_scale = 1.0f / mass;
        products *= target_scale;
        if (subtract)
            logarithm -= logf(mass);
        mass = 1.0f;
    }
    const float weight = p.weights == nullptr ? 1.0f : p.weights[row];
    if (group.rank() == 0)
        p.losses[row] = weight * (mass * logarithm - products);
    if (gradients == nullptr)
        return;
    group.sync(); // the gradients may take the place of the logits, whose sums all threads have by now
    const float scale = weight * p.gradient_scale / p.temperature, softmax_scale = scale * mass / exponentials;
    target_scale *= scale;
    const bool all_aligned = aligned && is_aligned(static_cast<const T*>(p.gradients), p.gradient_stride);
    pairs.write(group, gradients, all_aligned, [&](int i, float z, float t) {
        return fmaf(approximate_exp2(logit_log2(z)), softmax_scale, -target_scale * target(i, t));
    });
}

struct RowWarp : WarpGroup {
    using WarpGroup::sum;
    __device__ __forceinline__ float sum(float value) const { return warp_total(value); }
    __device__ __forceinline__ float largest(float value) const { return warp_maximum(value); }
};

struct RowBlockGroup {
    float* scratch;
    static constexpr int Warps = WeightedCeBlockThreads / 32;

    __device__ __forceinline__ int rank() const { return static_cast<int>(threadIdx.x); }
    __device__ __forceinline__ int size() const { return WeightedCeBlockThreads; }
    __device__ __forceinline__ void sync() const { __syncthreads(); }
    __device__ __forceinline__ float sum(float value) const {
        share(warp_total(value));
        float total = 0.0f;
#pragma unroll
        for (int warp = 0; warp < Warps; warp++)
            total += scratch[warp];
        __syncthreads();
        return total;
    }
    __device__ __forceinline__ float largest(float value) const {
        share(warp_maximum(value));
        float found = scratch[0];
#pragma unroll
        for (int warp = 1; warp < Warps; warp++)
            found = fmaxf(found, scratch[warp]);
        __syncthreads();
        return found;
    }

  private:
    __device__ __forceinline__ void share(float value) const {
        if ((rank() & 31) == 0)
            scratch[rank() / 32] = value;
        __syncthreads();
    }
};

template <class T, TargetKind Kind>
__device__ __forceinline__ void warp_per_row(const WeightedCeParameters& p) {
    constexpr int Rows = WeightedCeWarpThreads / 32;
    for (int64_t row = static_cast<int64_t>(blockIdx.x) * Rows + threadIdx.x / 32; row < p.row_count;
         row += static_cast<int64_t>(gridDim.x) * Rows)
        row_loss<T, Kind>(p, RowWarp{}, row);
}

template <class T, TargetKind Kind>
__device__ __forceinline__ void block_per_row(const WeightedCeParameters& p, unsigned char* shared) {
    for (int64_t row = blockIdx.x; row < p.row_count; row += gridDim.x)
        row_loss<T, Kind>(p, RowBlockGroup{reinterpret_cast<float*>(shared)}, row);
}

} // namespace
} // namespace ddoq

#define DDOQ_FOR_TARGET_KIND(function, T, ...)                                                                         \
    switch (parameters.target_kind) {                                                                                  \
    case ddoq::TargetKind::Labels:                                                                                     \
        return ddoq::function<T, ddoq::TargetKind::Labels>(__VA_ARGS__);                                               \
    case ddoq::TargetKind::TeacherLogits:                                                                              \
        return ddoq::function<T, ddoq::TargetKind::TeacherLogits>(__VA_ARGS__);                                        \
    default:                                                                                                           \
        return ddoq::function<T, ddoq::TargetKind::Probabilities>(__VA_ARGS__);                                        \
    }
#define DDOQ_WEIGHTED_CE(name, T)                                                                                      \
    DDOQ_KERNEL(ddoq_weighted_ce_warp_##name, ddoq::WeightedCeParameters, ddoq::WeightedCeWarpThreads,                 \
                2){DDOQ_FOR_TARGET_KIND(warp_per_row, T, parameters)} DDOQ_KERNEL(ddoq_weighted_ce_block_##name,       \
                                                                                  ddoq::WeightedCeParameters,          \
                                                                                  ddoq::WeightedCeBlockThreads, 2) {   \
        DDOQ_SHARED_MEMORY(shared);                                                                                    \
        DDOQ_FOR_TARGET_KIND(block_per_row, T, parameters, shared)                                                     \
    }

DDOQ_WEIGHTED_CE(f16, ddoq::half_t)
DDOQ_WEIGHTED_CE(bf16, ddoq::bfloat16_t)
DDOQ_WEIGHTED_CE(f32, float)

DDOQ_KERNEL(ddoq_loss_sum_f32, ddoq::LossSumParameters, ddoq::LossSumThreads, 1) {
    DDOQ_SHARED_MEMORY(shared);
    const ddoq::BlockGroup<ddoq::LossSumThreads> block{reinterpret_cast<double*>(shared)};
    double losses = 0.0, weights = 0.0;
    for (int64_t i = block.rank(); i < parameters.row_count; i += block.size()) {
        losses += static_cast<double>(parameters.losses[i]);
        weights += parameters.weights == nullptr ? 1.0 : static_cast<double>(parameters.weights[i]);
    }
    losses = block.sum(losses);
    weights = block.sum(weights);
    if (block.rank() == 0) {
        parameters.sums[0] = losses;
        parameters.sums[1] = weights;
    }
}
