// ddoq_clvq_update_{f16,bf16,f32}: one batch of competitive learning on rows, for streams that are too long for a Gram
// matrix (Algorithm 2 of the DDOQ paper with labels taken once per batch, as Algorithm 4).
//
// Computes   scale 0: c_k = ((v_k + prior) c_k + sum of its rows) / (v_k + prior + n_k), the mean of its start and
//            all rows won so far; else, row by row, c_k = (1 - g_i) c_k + g_i x_i with g_i = scale / (offset + i).
//            counts_after = v_k + n_k. Companion weights, for every row of the batch: w_k = (1 - g_i) w_k + g_i [k
//            wins], with g_i as above, or 1 / (K + i) when scale is 0, whose limit are the Voronoi masses (Proposition
//            3). A centroid without rows in the batch is left as it is.
// Numerics   fp32 in row order: the same bits as a plain loop; companion weights fp64. Test: native/tests/clvq_update.
// Determinism  a thread owns its columns of a centroid and walks the rows in order: no sort, no atomics.
// Launch     CentroidsThreads threads, CentroidsSharedBytes, grid: any; blocks stride over tiles.
// Bytes      N D elements once, K D fp32 read and written.
// Versions   1. A block per centroid and 2048 columns, as ddoq_centroids_mean. Not yet timed on a GPU.
#include "clvq_update.cuh"
#include "columns.cuh"

namespace ddoq {
namespace {

using Columns = OwnedColumns<CentroidsThreads, ThreadColumns>;

__device__ inline void update_companion(const ClvqUpdateParameters& p, const ClassRange& range, int c, int k) {
    const int32_t* labels = p.labels + range.row_begin;
    double weight = p.companion_weights[range.centroid_begin + k];
    for (int i = 0; i < range.row_count; i++) {
        const double step = static_cast<double>(p.step_begin[c] + i + 1);
        const double rate = p.scale == 0.0 ? 1.0 / (range.centroid_count + step) : p.scale / (p.offset + step);
        if (labels[i] >= 0)
            weight = (1.0 - rate) * weight + (labels[i] == k ? rate : 0.0);
    }
    p.companion_weights[range.centroid_begin + k] = weight;
}

template <class T>
__device__ __forceinline__ void update(const ClvqUpdateParameters& p, unsigned char* shared) {
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
        float* centroid = p.centroids + (range.centroid_begin + k) * p.centroid_stride;
        const int64_t won = p.counts[range.centroid_begin + k];
        const float weight = static_cast<float>(won + p.prior);
        float sums[ThreadColumns];
#pragma unroll
        for (int e = 0; e < ThreadColumns; e++) {
            const float start = columns.owns(e) ? centroid[columns.column(e)] : 0.0f;
            sums[e] = p.scale != 0.0 ? start : weight == 0.0f ? 0.0f : weight * start;
        }
        int count = 0;
        for (int base = 0; base < range.row_count; base += CentroidsThreads) {
            const int listed = list_indexes<CentroidsThreads>(base, range.row_count, list, warp_counts,
                                                              [&](int row) { return labels[row] == k; });
#pragma unroll 4
            for (int i = 0; i < listed; i++) {
                const int row = list[i];
                float values[ThreadColumns];
                columns.read(rows + row * p.row_stride, values);
                const float rate =
                    p.scale == 0.0
                        ? 0.0f
                        : static_cast<float>(p.scale / (p.offset + static_cast<double>(p.step_begin[c] + row + 1)));
#pragma unroll
                for (int e = 0; e < ThreadColumns; e++)
                    sums[e] = p.scale == 0.0 ? sums[e] + values[e] : fmaf(rate, values[e], (1.0f - rate) * sums[e]);
            }
            count += listed;
        }
        if (count > 0) {
            const float scale = p.scale == 0.0 ? 1.0f / static_cast<float>(won + p.prior + count) : 1.0f;
#pragma unroll
            for (int e = 0; e < ThreadColumns; e++)
                if (columns.owns(e))
                    centroid[columns.column(e)] = sums[e] * scale;
        }
        if (chunk == 0 && threadIdx.x == 0) {
            p.counts_after[range.centroid_begin + k] = won + count;
            if (p.companion_weights != nullptr)
                update_companion(p, range, c, k);
        }
    }
}

} // namespace
} // namespace ddoq

DDOQ_KERNEL(ddoq_clvq_update_f16, ddoq::ClvqUpdateParameters, ddoq::CentroidsThreads, 2) {
    DDOQ_SHARED_MEMORY(shared);
    ddoq::update<ddoq::half_t>(parameters, shared);
}
DDOQ_KERNEL(ddoq_clvq_update_bf16, ddoq::ClvqUpdateParameters, ddoq::CentroidsThreads, 2) {
    DDOQ_SHARED_MEMORY(shared);
    ddoq::update<ddoq::bfloat16_t>(parameters, shared);
}
DDOQ_KERNEL(ddoq_clvq_update_f32, ddoq::ClvqUpdateParameters, ddoq::CentroidsThreads, 2) {
    DDOQ_SHARED_MEMORY(shared);
    ddoq::update<float>(parameters, shared);
}
