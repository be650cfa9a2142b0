// ddoq_weighted_ce_{warp,block}_{f16,bf16,f32}: cross-entropy with a weight per image, and its gradient.
// ddoq_loss_sum_f32: the sums of the losses and of the weights of a batch.
//
// Computes   x = z / T, S = sum p, loss = w (S log sum e^x - sum p x), less the entropy of p on request (then it is the
//            Kullback-Leibler divergence of distillation); dz = w g / T (S softmax(x) - p).
//            p: given probabilities, softmax of teacher logits t / T_t, or one label.
// Inputs     (B, C) row-major, any C, any stride; 16 bytes at a time where all rows are aligned.
// Numerics   fp32; logits less their maximum, so e^x cannot overflow and large logits lose no digits. Gradients rounded
//            once. Error against fp64 at most twice that of the plain fp32 formula: native/tests/weighted_ce.
// Determinism  a row belongs to one warp or block, which sums in a fixed order; losses are summed by one block in fp64.
// Launch     warp: WeightedCeWarpThreads threads, a warp per row, up to WeightedCeWarpClasses classes; block:
//            WeightedCeBlockThreads threads, a row per block, WeightedCeSharedBytes; grid: any. loss_sum: one block of
//            LossSumThreads, LossSumSharedBytes.
// Bytes      logits and targets from memory once (a row stays in the first cache for its two further passes), gradients
//            written once.
// Versions   1. Maximum, sums, gradient: three passes over a cached row. Holding the row in registers would save the
// cache
//            reads, but needs a kernel per class count. Not yet timed on a GPU.
#include "cooperation.cuh"
#include "ptx.cuh"
#include "weighted_ce.cuh"

namespace ddoq {
namespace {

// Visits the group's share of a row of logits, and of targets beside it (0 where `targets` is null).
template <class T, class Group, class Visit>
__device__ __forceinline__ void visit_pairs(const Group& group, const T* logits, const T* targets, int count,
                                            bool aligned, Visit visit) {
    constexpr int Width = Vector<T>::Count;
    const int whole = aligned ? count / Width * Width : 0;
    for (int i = group.rank() * Width; i < whole; i += group.size() * Width) {
        const Vector<T> z = *reinterpret_cast<const Vector<T>*>(logits + i);
        Vector<T> t{};
        if (targets != nullptr)
            t = *reinterpret_cast<const Vector<T>*>(targets + i);
#pragma unroll
        for (int e = 0; e < Width; e++)
            visit(i + e, to_float(z.values[e]), targets != nullptr ? to_float(t.values[e]) : 0.0f);
    }
    for (int i = whole + group.rank(); i < count; i += group.size())
        visit(i, to_float(logits[i]), targets != nullptr ? to_float(targets[i]) : 0.0f);
}

template <class T>
__device__ __forceinline__ bool is_aligned(const T* first, int64_t stride) {
    return reinterpret_cast<uintptr_t>(first) % 16 == 0 && stride * static_cast<int64_t>(sizeof(T)) % 16 == 0;
}

template <class T, class Group>
__device__ __forceinline__ void row_loss(const WeightedCeParameters& p, const Group& group, int64_t row) {
    const T* logits = static_cast<const T*>(p.logits) + row * p.logit_stride;
    const T* targets =
        p.target_kind == TargetKind::Labels ? nullptr : static_cast<const T*>(p.targets) + row * p.target_stride;
    T* gradients = p.gradients == nullptr ? nullptr : static_cast<T*>(p.gradients) + row * p.gradient_stride;
    const bool aligned = is_aligned(static_cast<const T*>(p.logits), p.logit_stride) &&
                         (targets == nullptr || is_aligned(static_cast<const T*>(p.targets), p.target_stride));
    const bool teacher = p.target_kind == TargetKind::TeacherLogits, hard = p.target_kind == TargetKind::Labels;
    const int label = hard ? p.labels[row] : -1;
    const int count = p.class_count;
    if (hard && label < 0) {
        if (group.rank() == 0)
            p.losses[row] = 0.0f;
        for (int i = group.rank(); i < count && gradients != nullptr; i += group.size())
            gradients[i] = from_float<T>(0.0f);
        return;
    }
    const float inverse = 1.0f / p.temperature, target_inverse = 1.0f / p.target_temperature;

    float largest = -INFINITY, target_largest = -INFINITY;
    visit_pairs(group, logits, targets, count, aligned, [&](int, float z, float t) {
        largest = fmaxf(largest, z * inverse);
        target_largest = fmaxf(target_largest, t * target_inverse);
    });
    largest = group.largest(largest);
    if (teacher)
        target_largest = group.largest(target_largest);

    // The entropy is taken off term by term: the divergence may be much smaller than either of its parts.
    float exponentials = 0.0f, mass = 0.0f, products = 0.0f;
    visit_pairs(group, logits, targets, count, aligned, [&](int i, float z, float t) {
        const float x = z * inverse - largest;
        exponentials += expf(x);
        const float y = t * target_inverse - target_largest;
        const float q = teacher ? expf(y) : hard ? (i == label ? 1.0f : 0.0f) : t; // p, or p times the teacher's sum
        mass += q;
        if (q > 0.0f) // 0 times the -infinity of a masked class is 0
            products += q * (p.subtract_entropy == 0 || hard ? x : teacher ? x - y : x - logf(q));
    });
    exponentials = group.sum(exponentials);
    mass = group.sum(mass);
    products = group.sum(products);

    float logarithm = logf(exponentials), target_scale = 1.0f;
    if (teacher) {
        target_scale = 1.0f / mass;
        products *= target_scale;
        if (p.subtract_entropy != 0)
            logarithm -= logf(mass);
        mass = 1.0f;
    }
    const float weight = p.weights == nullptr ? 1.0f : p.weights[row];
    if (group.rank() == 0)
        p.losses[row] = weight * (mass * logarithm - products);
    if (gradients == nullptr)
        return;
    group.sync(); // the gradients may take the place of the logits, whose sums all threads have by now
    const float scale = weight * p.gradient_scale * inverse, softmax_scale = mass / exponentials;
    const auto gradient = [&](int i, float z, float t) {
        const float q = teacher ? expf(t * target_inverse - target_largest) * target_scale
                        : hard  ? (i == label ? 1.0f : 0.0f)
                                : t;
        return from_float<T>(scale * (expf(z * inverse - largest) * softmax_scale - q));
    };
    constexpr int Width = Vector<T>::Count;
    const bool all_aligned = aligned && is_aligned(static_cast<const T*>(p.gradients), p.gradient_stride);
    const int whole = all_aligned ? count / Width * Width : 0;
    for (int i = group.rank() * Width; i < whole; i += group.size() * Width) {
        const Vector<T> z = *reinterpret_cast<const Vector<T>*>(logits + i);
        Vector<T> t{}, written;
        if (targets != nullptr)
            t = *reinterpret_cast<const Vector<T>*>(targets + i);
#pragma unroll
        for (int e = 0; e < Width; e++)
            written.values[e] = gradient(i + e, to_float(z.values[e]), to_float(t.values[e]));
        *reinterpret_cast<Vector<T>*>(gradients + i) = written;
    }
    for (int i = whole + group.rank(); i < count; i += group.size())
        gradients[i] = gradient(i, to_float(logits[i]), targets != nullptr ? to_float(targets[i]) : 0.0f);
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

template <class T>
__device__ __forceinline__ void warp_per_row(const WeightedCeParameters& p) {
    constexpr int Rows = WeightedCeWarpThreads / 32;
    for (int64_t row = static_cast<int64_t>(blockIdx.x) * Rows + threadIdx.x / 32; row < p.row_count;
         row += static_cast<int64_t>(gridDim.x) * Rows)
        row_loss<T>(p, RowWarp{}, row);
}

template <class T>
__device__ __forceinline__ void block_per_row(const WeightedCeParameters& p, unsigned char* shared) {
    for (int64_t row = blockIdx.x; row < p.row_count; row += gridDim.x)
        row_loss<T>(p, RowBlockGroup{reinterpret_cast<float*>(shared)}, row);
}

} // namespace
} // namespace ddoq

#define DDOQ_WEIGHTED_CE(name, T)                                                                                      \
    DDOQ_KERNEL(ddoq_weighted_ce_warp_##name, ddoq::WeightedCeParameters, ddoq::WeightedCeWarpThreads, 2) {            \
        ddoq::warp_per_row<T>(parameters);                                                                             \
    }                                                                                                                  \
    DDOQ_KERNEL(ddoq_weighted_ce_block_##name, ddoq::WeightedCeParameters, ddoq::WeightedCeBlockThreads, 2) {          \
        DDOQ_SHARED_MEMORY(shared);                                                                                    \
        ddoq::block_per_row<T>(parameters, shared);                                                                    \
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
