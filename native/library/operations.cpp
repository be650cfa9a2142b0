// The calls of ddoq_kernels.h: check, name the kernel, choose its shape, launch.
#include "kernels.h"

#include "../../kernels/centroids.cuh"
#include "../../kernels/cluster.cuh"
#include "../../kernels/clvq_update.cuh"
#include "../../kernels/gram.cuh"
#include "../../kernels/norms.cuh"
#include "../../kernels/weighted_ce.cuh"

#include <algorithm>
#include <climits>
#include <cmath>

using namespace ddoq;
using namespace ddoq::library;

// The C structs are the kernels' own, field by field.
#define DDOQ_SAME(c_struct, kernel_struct, last_field)                                                                 \
    static_assert(sizeof(c_struct) == sizeof(kernel_struct) &&                                                         \
                  offsetof(c_struct, last_field) == offsetof(kernel_struct, last_field))
DDOQ_SAME(ddoq_class_range, ClassRange, gram_stride);
DDOQ_SAME(ddoq_norms_parameters, NormsParameters, dimension);
DDOQ_SAME(ddoq_class_mean_parameters, ClassMeanParameters, class_count);
DDOQ_SAME(ddoq_center_parameters, CenterParameters, class_count);
DDOQ_SAME(ddoq_gram_parameters, GramParameters, class_count);
DDOQ_SAME(ddoq_centroid_parts_parameters, CentroidPartsParameters, part_count);
DDOQ_SAME(ddoq_assign_parameters, AssignParameters, parts);
DDOQ_SAME(ddoq_centroids_parameters, CentroidsParameters, class_count);
DDOQ_SAME(ddoq_combine_parameters, CombineParameters, class_count);
DDOQ_SAME(ddoq_distances_parameters, DistancesParameters, class_count);
DDOQ_SAME(ddoq_cluster_options, ClusterOptions, max_no_improvement);
DDOQ_SAME(ddoq_cluster_class, ClusterClass, trials);
DDOQ_SAME(ddoq_cluster_report, ClusterReport, energy_distance);
DDOQ_SAME(ddoq_cluster_parameters, ClusterParameters, options);
DDOQ_SAME(ddoq_clvq_update_parameters, ClvqUpdateParameters, prior);
DDOQ_SAME(ddoq_weighted_ce_parameters, WeightedCeParameters, gradient_scale);
DDOQ_SAME(ddoq_loss_sum_parameters, LossSumParameters, row_count);

namespace {

// A kernel is told its number of tiles by tile_begin, which is in device memory: as many blocks as fit are launched,
// and those without a tile return.
constexpr int64_t AllThatFit = INT64_MAX;

const char* type_name(ddoq_type type) {
    return type == DDOQ_FP16 ? "f16" : type == DDOQ_BF16 ? "bf16" : type == DDOQ_FP32 ? "f32" : nullptr;
}

const TileShape& assign_variant(ddoq_type type, int32_t centroids) {
    return type == DDOQ_FP32 ? AssignFp32 : assign_shape(centroids);
}

ddoq_status check(ddoq_kernels* kernels, const void* parameters, ddoq_type type = DDOQ_FP16) {
    if (kernels == nullptr || parameters == nullptr)
        return fail(DDOQ_INVALID_ARGUMENT, kernels == nullptr ? "kernels is NULL" : "parameters is NULL");
    if (type_name(type) == nullptr)
        return fail(DDOQ_INVALID_ARGUMENT,
                    "type is " + std::to_string(type) + ", allowed are DDOQ_FP16, DDOQ_BF16, DDOQ_FP32");
    return DDOQ_SUCCESS;
}

template <class Parameters>
ddoq_status run(ddoq_kernels* kernels, const char* operation, ddoq_type type, const LaunchSize& size,
                const Parameters* parameters, ddoq_stream stream) {
    const ddoq_status valid = check(kernels, parameters, type);
    if (valid != DDOQ_SUCCESS)
        return valid;
    return launch(kernels, std::string(operation) + type_name(type), size, parameters, stream);
}

int64_t tiles_of(ddoq_operation operation, ddoq_type type, const ddoq_class_range& range, int32_t dimension,
                 int32_t max_centroids) {
    switch (operation) {
    case DDOQ_ASSIGN:
        return assign_tiles(assign_variant(type, max_centroids), range.row_count);
    case DDOQ_GRAM: {
        const TileShape& shape = type == DDOQ_FP32 ? GramFp32 : GramTensor;
        return gram_tiles(shape.block_rows, shape.block_columns, range.row_count);
    }
    case DDOQ_CENTER:
        return ceiling_divide(range.row_count, CenterRows);
    case DDOQ_CENTROIDS_MEAN:
    case DDOQ_CLVQ_UPDATE:
        return int64_t{range.centroid_count} * column_chunks(dimension);
    case DDOQ_CENTROIDS_COMBINE:
        return combine_tiles(range.centroid_count, dimension);
    case DDOQ_DISTANCES:
        return ceiling_divide(range.row_count, DistancesRows);
    }
    return -1;
}

} // namespace

int64_t ddoq_tiles(ddoq_operation operation, ddoq_type type, const ddoq_class_range* classes, int32_t class_count,
                   int32_t dimension, int32_t max_centroids, int32_t* tile_begin) {
    int64_t total = 0;
    if (class_count < 0 || dimension < 0 || tile_begin == nullptr || (classes == nullptr && class_count > 0))
        return -1;
    for (int32_t c = 0; c < class_count; c++) {
        tile_begin[c] = static_cast<int32_t>(total);
        if (classes[c].row_count < 0 || classes[c].centroid_count < 0)
            return -1;
        const int64_t tiles = tiles_of(operation, type, classes[c], dimension, max_centroids);
        total += tiles;
        if (tiles < 0 || total > INT32_MAX)
            return -1;
    }
    tile_begin[class_count] = static_cast<int32_t>(total);
    return total;
}

ddoq_status ddoq_norms(ddoq_kernels* kernels, ddoq_type type, const ddoq_norms_parameters* p, ddoq_stream stream) {
    const ddoq_status valid = check(kernels, p, type);
    if (valid != DDOQ_SUCCESS)
        return valid;
    return run(kernels, "ddoq_norms_", type, {(p->row_count + 7) / 8, NormsThreads, 0}, p, stream);
}

ddoq_status ddoq_class_mean(ddoq_kernels* kernels, ddoq_type type, const ddoq_class_mean_parameters* p,
                            ddoq_stream stream) {
    const ddoq_status valid = check(kernels, p, type);
    if (valid != DDOQ_SUCCESS)
        return valid;
    return run(kernels, "ddoq_class_mean_", type,
               {int64_t{p->class_count} * column_chunks(p->dimension), CentroidsThreads, 0}, p, stream);
}

ddoq_status ddoq_center(ddoq_kernels* kernels, ddoq_type type, const ddoq_center_parameters* p, ddoq_stream stream) {
    return run(kernels, "ddoq_center_", type, {AllThatFit, NormsThreads, 0}, p, stream);
}

ddoq_status ddoq_gram(ddoq_kernels* kernels, ddoq_type type, const ddoq_gram_parameters* p, ddoq_stream stream) {
    const TileShape& shape = type == DDOQ_FP32 ? GramFp32 : GramTensor;
    return run(kernels, type == DDOQ_FP32 ? "ddoq_gram_fma_" : "ddoq_gram_tensor_", type,
               {AllThatFit, shape.threads(), shape.shared_bytes(1)}, p, stream);
}

ddoq_status ddoq_centroid_parts(ddoq_kernels* kernels, ddoq_type type, const ddoq_centroid_parts_parameters* p,
                                ddoq_stream stream) {
    const ddoq_status valid = check(kernels, p, type);
    if (valid != DDOQ_SUCCESS)
        return valid;
    if (type == DDOQ_FP32 || p->part_count < 1 || p->part_count > 2)
        return fail(DDOQ_INVALID_ARGUMENT, "ddoq_centroid_parts makes 1 or 2 parts of DDOQ_FP16 or DDOQ_BF16; fp32 "
                                           "centroids need none: take ddoq_norms");
    return run(kernels, "ddoq_centroid_parts_", type, {(p->centroid_count + 7) / 8, NormsThreads, 0}, p, stream);
}

ddoq_status ddoq_assign(ddoq_kernels* kernels, ddoq_type type, int32_t max_centroids, const ddoq_assign_parameters* p,
                        ddoq_stream stream) {
    const ddoq_status valid = check(kernels, p, type);
    if (valid != DDOQ_SUCCESS)
        return valid;
    if (p->parts < 1 || p->parts > (type == DDOQ_FP32 ? 1 : 2))
        return fail(DDOQ_INVALID_ARGUMENT,
                    "parts is " + std::to_string(p->parts) + "; allowed are 1 or 2, and 1 for DDOQ_FP32");
    const TileShape& shape = assign_variant(type, max_centroids);
    const std::string operation =
        type == DDOQ_FP32 ? "ddoq_assign_fma_" : "ddoq_assign_k" + std::to_string(shape.block_columns) + "_";
    return run(kernels, operation.c_str(), type, {AllThatFit, shape.threads(), shape.shared_bytes(p->parts)}, p,
               stream);
}

ddoq_status ddoq_centroids_mean(ddoq_kernels* kernels, ddoq_type type, const ddoq_centroids_parameters* p,
                                ddoq_stream stream) {
    return run(kernels, "ddoq_centroids_mean_", type, {AllThatFit, CentroidsThreads, CentroidsSharedBytes}, p, stream);
}

ddoq_status ddoq_centroids_combine(ddoq_kernels* kernels, ddoq_type type, const ddoq_combine_parameters* p,
                                   ddoq_stream stream) {
    return run(kernels, "ddoq_centroids_combine_", type, {AllThatFit, CentroidsThreads, 0}, p, stream);
}

ddoq_status ddoq_distances(ddoq_kernels* kernels, ddoq_type type, const ddoq_distances_parameters* p,
                           ddoq_stream stream) {
    return run(kernels, "ddoq_distances_", type, {AllThatFit, DistancesThreads, 0}, p, stream);
}

ddoq_status ddoq_clvq_update(ddoq_kernels* kernels, ddoq_type type, const ddoq_clvq_update_parameters* p,
                             ddoq_stream stream) {
    const ddoq_status valid = check(kernels, p, type);
    if (valid != DDOQ_SUCCESS)
        return valid;
    if (p->counts == p->counts_after)
        return fail(DDOQ_INVALID_ARGUMENT,
                    "counts and counts_after are one array; give two, and swap them after the batch");
    return run(kernels, "ddoq_clvq_update_", type, {AllThatFit, CentroidsThreads, CentroidsSharedBytes}, p, stream);
}

int32_t ddoq_cluster_trials(int32_t centroids) {
    return centroids < 1 ? 2 : std::min(ClusterMaximumTrials, 2 + static_cast<int32_t>(std::log(centroids)));
}

int64_t ddoq_cluster_workspace(ddoq_cluster_algorithm algorithm, const ddoq_class_range* range, int32_t trials) {
    ClassRange own{};
    own.row_count = range->row_count;
    own.centroid_count = range->centroid_count;
    own.gram_stride = range->gram_stride;
    return cluster_workspace_bytes(own, trials, algorithm == DDOQ_CLUSTER_SUPPORT);
}

ddoq_status ddoq_cluster(ddoq_kernels* kernels, ddoq_cluster_algorithm algorithm, const ddoq_cluster_parameters* p,
                         ddoq_stream stream) {
    const ddoq_status valid = check(kernels, p);
    if (valid != DDOQ_SUCCESS)
        return valid;
    const char* name = algorithm == DDOQ_CLUSTER_LLOYD     ? "lloyd_"
                       : algorithm == DDOQ_CLUSTER_BATCHES ? "batches_"
                       : algorithm == DDOQ_CLUSTER_CLVQ    ? "clvq_"
                       : algorithm == DDOQ_CLUSTER_SUPPORT ? "support_"
                                                           : nullptr;
    if (name == nullptr)
        return fail(DDOQ_INVALID_ARGUMENT, "algorithm is " + std::to_string(algorithm) + ", allowed are 0 to 3");
    return run(kernels, (std::string("ddoq_cluster_") + name).c_str(), DDOQ_FP32,
               {p->class_count, ClusterThreads, ClusterSharedBytes}, p, stream);
}

ddoq_status ddoq_weighted_ce(ddoq_kernels* kernels, ddoq_type type, const ddoq_weighted_ce_parameters* p,
                             ddoq_stream stream) {
    const ddoq_status valid = check(kernels, p, type);
    if (valid != DDOQ_SUCCESS)
        return valid;
    if (!(p->temperature > 0) || !(p->target_temperature > 0))
        return fail(DDOQ_INVALID_ARGUMENT, "a temperature is not positive");
    if (p->class_count <= WeightedCeWarpClasses)
        return run(kernels, "ddoq_weighted_ce_warp_", type, {(p->row_count + 7) / 8, WeightedCeWarpThreads, 0}, p,
                   stream);
    return run(kernels, "ddoq_weighted_ce_block_", type, {p->row_count, WeightedCeBlockThreads, WeightedCeSharedBytes},
               p, stream);
}

ddoq_status ddoq_loss_sum(ddoq_kernels* kernels, const ddoq_loss_sum_parameters* p, ddoq_stream stream) {
    return run(kernels, "ddoq_loss_sum_", DDOQ_FP32, {1, LossSumThreads, LossSumSharedBytes}, p, stream);
}
