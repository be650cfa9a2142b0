// ddoq_norms_{f16,bf16,f32}: squared norms of rows. ddoq_center_{f16,bf16,f32}: what turns products of rows into
// products of rows less the mean m of their class. ddoq_centroid_parts_{f16,bf16}: fp32 centroids for the assignment.
//
// Computes   norms[i] = sum of squares of row i;
//            norms[i] = |x_i - m|^2 and shifts[i] = <x_i, m> - |m|^2 / 2, because
//            <x_i - m, x_j - m> = <x_i, x_j> - shifts[i] - shifts[j];
//            high = nearest T to c, low = nearest T to c - high, norms[k] = |high + low|^2 (|high|^2 with one part).
// Numerics   fp32: 32 interleaved partial sums, then a tree. Error against fp64 at most twice that of a plain fp32
//            loop.
// Determinism  one warp per row, fixed order.
// Launch     NormsThreads threads, no shared memory, grid: any; warps stride over rows.
// Bytes      each element read once; parts written once.
// Roofline   memory. On paper, H100, 1000 classes of 1300 x 4096 halves: 10.7 GB at 3.0 TB/s are 3.6 ms.
// Versions   1. The mean of the class element by element: eight loads of a lane, 32 bytes from those of the next
//            lane.
//            2. Where it is aligned, by two loads of 16 bytes; the same additions. Not yet timed on a GPU.
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
__device__ __forceinline__ void center(const CenterParameters& p) {
    const int lane = static_cast<int>(threadIdx.x) & 31;
    const int tiles = p.tile_begin[p.class_count];
    for (int tile = static_cast<int>(blockIdx.x); tile < tiles; tile += static_cast<int>(gridDim.x)) {
        const int c = find_class(p.tile_begin, p.class_count, tile);
        const int row_of_class = (tile - p.tile_begin[c]) * CenterRows + static_cast<int>(threadIdx.x) / 32;
        if (row_of_class >= p.classes[c].row_count)
            continue;
        const int64_t row = p.classes[c].row_begin + row_of_class;
        const float* mean = p.means + static_cast<int64_t>(c) * p.dimension;
        float norm = 0.0f, shift = 0.0f;
        visit_row_beside(static_cast<const T*>(p.rows) + row * p.row_stride, mean, p.dimension, lane,
                         [&](float value, float m) {
                             const float centred = value - m;
                             norm = fmaf(centred, centred, norm);
                             shift = fmaf(m, value - 0.5f * m, shift);
                         });
        norm = sum_over_warp(norm);
        shift = sum_over_warp(shift);
        if (lane == 0) {
            p.norms[row] = norm;
            p.shifts[row] = shift;
        }
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

DDOQ_KERNEL(ddoq_center_f16, ddoq::CenterParameters, ddoq::NormsThreads, 4) {
    ddoq::center<ddoq::half_t>(parameters);
}
DDOQ_KERNEL(ddoq_center_bf16, ddoq::CenterParameters, ddoq::NormsThreads, 4) {
    ddoq::center<ddoq::bfloat16_t>(parameters);
}
DDOQ_KERNEL(ddoq_center_f32, ddoq::CenterParameters, ddoq::NormsThreads, 4) {
    ddoq::center<float>(parameters);
}

DDOQ_KERNEL(ddoq_centroid_parts_f16, ddoq::CentroidPartsParameters, ddoq::NormsThreads, 1) {
    ddoq::centroid_parts<ddoq::half_t>(parameters);
}
DDOQ_KERNEL(ddoq_centroid_parts_bf16, ddoq::CentroidPartsParameters, ddoq::NormsThreads, 1) {
    ddoq::centroid_parts<ddoq::bfloat16_t>(parameters);
}
