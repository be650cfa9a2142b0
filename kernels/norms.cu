// ddoq_norms_{f16,bf16,f32}: squared norms of rows. ddoq_centroid_parts_{f16,bf16}: fp32 centroids for the assignment.
//
// Computes   norms[i] = sum of squares of row i;
//            high = nearest T to c, low = nearest T to c - high, norms[k] = |high + low|^2 (|high|^2 with one part).
// Numerics   fp32: 32 interleaved partial sums, then a tree. Error against fp64 at most twice that of a plain fp32
// loop. Determinism  one warp per row, fixed order. Launch     NormsThreads threads, no shared memory, grid: any; warps
// stride over rows. Bytes      each element read once; parts written once.
#include "norms.cuh"
#include "ptx.cuh"
#include "rows.cuh"

namespace ddoq {
namespace {

template <class T>
__device__ __forceinline__ void norms(const NormsParameters& p) {
    const int lane = static_cast<int>(threadIdx.x) & 31;
    const int64_t warps = static_cast<int64_t>(gridDim.x) * (blockDim.x / 32);
    for (int64_t row = static_cast<int64_t>(blockIdx.x) * (blockDim.x / 32) + threadIdx.x / 32; row < p.row_count;
         row += warps) {
        const T* values = static_cast<const T*>(p.rows) + row * p.row_stride;
        float sum = 0.0f;
        visit_row(values, p.dimension, lane, [&](int, float value) { sum = fmaf(value, value, sum); });
        sum = sum_over_warp(sum);
        if (lane == 0)
            p.norms[row] = sum;
    }
}

template <class T>
__device__ __forceinline__ void centroid_parts(const CentroidPartsParameters& p) {
    const int lane = static_cast<int>(threadIdx.x) & 31;
    const int64_t warps = static_cast<int64_t>(gridDim.x) * (blockDim.x / 32);
    for (int64_t k = static_cast<int64_t>(blockIdx.x) * (blockDim.x / 32) + threadIdx.x / 32; k < p.centroid_count;
         k += warps) {
        const float* centroid = p.centroids + k * p.centroid_stride;
        T* high = static_cast<T*>(p.parts) + k * p.part_row_stride;
        float sum = 0.0f;
        visit_row(centroid, p.dimension, lane, [&](int i, float value) {
            const T rounded = from_float<T>(value);
            float used = to_float(rounded);
            high[i] = rounded;
            if (p.part_count == 2) {
                const T rest = from_float<T>(value - used);
                high[p.part_stride + i] = rest;
                used += to_float(rest);
            }
            sum = fmaf(used, used, sum);
        });
        sum = sum_over_warp(sum);
        if (lane == 0)
            p.norms[k] = sum;
    }
}

} // namespace
} // namespace ddoq

DDOQ_KERNEL(ddoq_norms_f16, ddoq::NormsParameters, ddoq::NormsThreads, 1) {
    ddoq::norms<ddoq::half_t>(parameters);
}
DDOQ_KERNEL(ddoq_norms_bf16, ddoq::NormsParameters, ddoq::NormsThreads, 1) {
    ddoq::norms<ddoq::bfloat16_t>(parameters);
}
DDOQ_KERNEL(ddoq_norms_f32, ddoq::NormsParameters, ddoq::NormsThreads, 1) {
    ddoq::norms<float>(parameters);
}

DDOQ_KERNEL(ddoq_centroid_parts_f16, ddoq::CentroidPartsParameters, ddoq::NormsThreads, 1) {
    ddoq::centroid_parts<ddoq::half_t>(parameters);
}
DDOQ_KERNEL(ddoq_centroid_parts_bf16, ddoq::CentroidPartsParameters, ddoq::NormsThreads, 1) {
    ddoq::centroid_parts<ddoq::bfloat16_t>(parameters);
}
