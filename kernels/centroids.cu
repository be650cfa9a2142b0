// ddoq_centroids_mean_{f16,bf16,f32}: the mean of every cell. ddoq_centroids_combine_{f16,bf16,f32}: linear
// combinations of rows. ddoq_class_mean_{f16,bf16,f32}: the mean of every class. ddoq_distances_{f16,bf16,f32}: exact
// distances.
//
// Computes   mean: c_k = (sum of the rows labelled k) / count, counts[k] = count; a centroid without rows is left
//            as it is, with count 0. combine: c_k = m + sum_i w_ki (x_i - m), for the selected centroids.
//            class_mean: as mean, rounded to fp16, so that x - m is exact in fp32. distances: d_i = |x_i -
//            c_label|^2 from the difference.
// Numerics   mean, class_mean: fp32 sums in row order, then one fp64 product with 1 / count: the same bits as a
//            plain loop. combine: fp32 fused multiply-adds in row order, 0 coefficients skipped. distances: fp32
//            differences and squares, summed in fp64. Tests: native/tests/centroids.
// Determinism  a thread owns its columns of a centroid and walks the rows in order: no sort, no atomics.
// Launch     mean: CentroidsThreads threads, CentroidsSharedBytes; class_mean and combine: CentroidsThreads
//            threads, no shared memory; distances: DistancesThreads threads, none. Grid: any; blocks stride over
//            tiles.
// Bytes      mean, distances: N D elements once; combine: N D elements and N K coefficients once per CombineCentroids
//            centroids.
// Roofline   memory. On paper, H100, 1000 classes of 1300 x 4096 halves: 10.7 GB at 3.0 TB/s are 3.6 ms.
// Versions   1. A block per cell and 2048 columns, which lists its rows 256 labels at a time: all accumulators in
//            registers, so K has no limit, and many rows are in flight. Accumulating by label in shared memory (K * 4
//            bytes a column) would hold one or two blocks to a multiprocessor.
//            2. distances: the centroid by loads of 16 bytes where it is aligned, as the row. Not yet timed on a GPU.
#include "centroids.cuh"
#include "columns.cuh"

namespace ddoq {
namespace {

using Columns = OwnedColumns<CentroidsThreads, ThreadColumns>;

template <class T>
__device__ __forceinline__ void add_listed_rows(const T* rows, int64_t stride, const int* list, int listed,
                                                const Columns& columns, float (&sums)[ThreadColumns]) {
#pragma unroll 4
    for (int i = 0; i < listed; i++) {
        float values[ThreadColumns];
        columns.read(rows + list[i] * stride, values);
#pragma unroll
        for (int e = 0; e < ThreadColumns; e++)
            sums[e] += values[e];
    }
}

template <class T>
__device__ __forceinline__ void centroid_means(const CentroidsParameters& p, unsigned char* shared) {
    int* list = reinterpret_cast<int*>(shared);
    int* warp_counts = list + CentroidsThreads;
    const bool aligned = rows_are_aligned(static_cast<const T*>(p.rows), p.row_stride);
    const int chunks = column_chunks(p.dimension);
    const int tiles = p.tile_begin[p.class_count];
    for (int tile = static_cast<int>(blockIdx.x); tile < tiles; tile += static_cast<int>(gridDim.x)) {
        const int c = find_class(p.tile_begin, p.class_count, tile);
        const ClassRange range = p.classes[c];
        const int k = (tile - p.tile_begin[c]) / chunks, chunk = (tile - p.tile_begin[c]) % chunks;
        const Columns columns(chunk, p.dimension, aligned);
        const T* rows = static_cast<const T*>(p.rows) + range.row_begin * p.row_stride;
        const int32_t* labels = p.labels + range.row_begin;
        float sums[ThreadColumns] = {};
        int count = 0;
        for (int base = 0; base < range.row_count; base += CentroidsThreads) {
            const int listed = list_indexes<CentroidsThreads>(base, range.row_count, list, warp_counts,
                                                              [&](int row) { return labels[row] == k; });
            add_listed_rows(rows, p.row_stride, list, listed, columns, sums);
            count += listed;
        }
        const int64_t centroid = range.centroid_begin + k;
        if (count > 0) {
            const double scale = 1.0 / count;
#pragma unroll
            for (int e = 0; e < ThreadColumns; e++)
                if (columns.owns(e))
                    p.centroids[centroid * p.centroid_stride + columns.column(e)] =
                        static_cast<float>(static_cast<double>(sums[e]) * scale);
        }
        if (p.counts != nullptr && chunk == 0 && threadIdx.x == 0)
            p.counts[centroid] = count;
    }
}

template <class T>
__device__ __forceinline__ void class_means(const ClassMeanParameters& p) {
    const bool aligned = rows_are_aligned(static_cast<const T*>(p.rows), p.row_stride);
    const int chunks = column_chunks(p.dimension);
    for (int tile = static_cast<int>(blockIdx.x); tile < p.class_count * chunks; tile += static_cast<int>(gridDim.x)) {
        const int c = tile / chunks;
        const ClassRange range = p.classes[c];
        const Columns columns(tile % chunks, p.dimension, aligned);
        const T* rows = static_cast<const T*>(p.rows) + range.row_begin * p.row_stride;
        float sums[ThreadColumns] = {};
#pragma unroll 4
        for (int row = 0; row < range.row_count; row++) {
            float values[ThreadColumns];
            columns.read(rows + row * p.row_stride, values);
#pragma unroll
            for (int e = 0; e < ThreadColumns; e++)
                sums[e] += values[e];
        }
#pragma unroll
        for (int e = 0; e < ThreadColumns; e++)
            if (columns.owns(e))
                p.means[static_cast<int64_t>(c) * p.dimension + columns.column(e)] =
                    range.row_count == 0 ? 0.0f : to_float(to_half(sums[e] / static_cast<float>(range.row_count)));
    }
}

// One tile is CombineCentroids centroids and one chunk of columns.
template <class T>
__device__ __forceinline__ void combinations(const CombineParameters& p) {
    const bool aligned = rows_are_aligned(static_cast<const T*>(p.rows), p.row_stride);
    const int chunks = column_chunks(p.dimension);
    const int tiles = p.tile_begin[p.class_count];
    for (int tile = static_cast<int>(blockIdx.x); tile < tiles; tile += static_cast<int>(gridDim.x)) {
        const int c = find_class(p.tile_begin, p.class_count, tile);
        const ClassRange range = p.classes[c];
        const int group = (tile - p.tile_begin[c]) / chunks, chunk = (tile - p.tile_begin[c]) % chunks;
        const int first = group * CombineCentroids;
        const Columns columns(chunk, p.dimension, aligned);
        const T* rows = static_cast<const T*>(p.rows) + range.row_begin * p.row_stride;
        const float* coefficients =
            p.coefficients + p.coefficient_begin[c] + static_cast<int64_t>(first) * range.gram_stride;
        const int count = min(CombineCentroids, range.centroid_count - first);
        unsigned selected = 0;
        for (int k = 0; k < count; k++)
            if (p.selected == nullptr || p.selected[range.centroid_begin + first + k] != 0)
                selected |= 1u << k;
        if (selected == 0)
            continue;
        float origin[ThreadColumns];
#pragma unroll
        for (int e = 0; e < ThreadColumns; e++)
            origin[e] = p.means != nullptr && columns.owns(e)
                            ? p.means[static_cast<int64_t>(c) * p.dimension + columns.column(e)]
                            : 0.0f;
        float sums[CombineCentroids][ThreadColumns] = {};
        for (int row = 0; row < range.row_count; row++) {
            float values[ThreadColumns];
            columns.read(rows + row * p.row_stride, values);
#pragma unroll
            for (int e = 0; e < ThreadColumns; e++)
                values[e] -= origin[e];
#pragma unroll
            for (int k = 0; k < CombineCentroids; k++) {
                if ((selected >> k & 1u) == 0)
                    continue;
                const float coefficient = coefficients[static_cast<int64_t>(k) * range.gram_stride + row];
                if (coefficient == 0.0f)
                    continue;
#pragma unroll
                for (int e = 0; e < ThreadColumns; e++)
                    sums[k][e] = fmaf(coefficient, values[e], sums[k][e]);
            }
        }
#pragma unroll
        for (int k = 0; k < CombineCentroids; k++)
#pragma unroll
            for (int e = 0; e < ThreadColumns; e++)
                if ((selected >> k & 1u) != 0 && columns.owns(e))
                    p.centroids[(range.centroid_begin + first + k) * p.centroid_stride + columns.column(e)] =
                        sums[k][e] + origin[e];
    }
}

template <class T>
__device__ __forceinline__ void distances(const DistancesParameters& p) {
    const int lane = static_cast<int>(threadIdx.x) & 31;
    const int tiles = p.tile_begin[p.class_count];
    for (int tile = static_cast<int>(blockIdx.x); tile < tiles; tile += static_cast<int>(gridDim.x)) {
        const int c = find_class(p.tile_begin, p.class_count, tile);
        const ClassRange range = p.classes[c];
        const int row_of_class = (tile - p.tile_begin[c]) * DistancesRows + static_cast<int>(threadIdx.x) / 32;
        if (row_of_class >= range.row_count)
            continue;
        const int64_t row = range.row_begin + row_of_class;
        const int label = p.labels[row];
        double sum = 0.0;
        if (label >= 0) {
            const float* centroid = p.centroids + (range.centroid_begin + label) * p.centroid_stride;
            visit_row_beside(static_cast<const T*>(p.rows) + row * p.row_stride, centroid, p.dimension, lane,
                             [&](float value, float other) {
                                 const float difference = value - other;
                                 sum += static_cast<double>(difference * difference);
                             });
        }
#pragma unroll
        for (int distance = 16; distance > 0; distance /= 2)
            sum += __shfl_xor_sync(0xFFFFFFFFu, sum, distance);
        if (lane == 0)
            p.distances[row] = sum;
    }
}

} // namespace
} // namespace ddoq

#define DDOQ_CENTROIDS(name, T)                                                                                        \
    DDOQ_KERNEL(ddoq_centroids_mean_##name, ddoq::CentroidsParameters, ddoq::CentroidsThreads, 2) {                    \
        DDOQ_SHARED_MEMORY(shared);                                                                                    \
        ddoq::centroid_means<T>(parameters, shared);                                                                   \
    }                                                                                                                  \
    DDOQ_KERNEL(ddoq_class_mean_##name, ddoq::ClassMeanParameters, ddoq::CentroidsThreads, 2) {                        \
        ddoq::class_means<T>(parameters);                                                                              \
    }                                                                                                                  \
    DDOQ_KERNEL(ddoq_centroids_combine_##name, ddoq::CombineParameters, ddoq::CentroidsThreads, 1) {                   \
        ddoq::combinations<T>(parameters);                                                                             \
    }                                                                                                                  \
    DDOQ_KERNEL(ddoq_distances_##name, ddoq::DistancesParameters, ddoq::DistancesThreads, 4) {                         \
        ddoq::distances<T>(parameters);                                                                                \
    }

DDOQ_CENTROIDS(f16, ddoq::half_t)
DDOQ_CENTROIDS(bf16, ddoq::bfloat16_t)
DDOQ_CENTROIDS(f32, float)
