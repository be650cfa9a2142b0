// libddoq_kernels on the emulated driver: statuses and words of its failures, tile tables, launches of every call.
#include "classes.h"
#include "ddoq_kernels.h"

#include <cuda.h>

using namespace ddoq;
using namespace ddoq::tests;

extern "C" {
void ddoqEmulationReset(uint64_t);
void ddoqEmulationFail(const char*, int, int);
uint64_t ddoqEmulationLaunches();
int ddoqEmulationLeaks(char*, int);
}

namespace {

void expect(ddoq_status expected, ddoq_status status, const std::string& words) {
    const std::string error = ddoq_kernels_last_error();
    check(status == expected, "status ", static_cast<int>(status), " not ", static_cast<int>(expected), ": ", error);
    check(error.find(words) != std::string::npos, "'", error, "' does not contain '", words, "'");
}

void make_context() {
    ddoqEmulationReset(1);
    CUcontext context;
    check(cuInit(0) == 0 && cuDevicePrimaryCtxRetain(&context, 0) == 0 && cuCtxSetCurrent(context) == 0, "context");
}

void failures() {
    ddoq_kernels* kernels = nullptr;
    ddoqEmulationReset(1);
    expect(DDOQ_INVALID_ARGUMENT, ddoq_kernels_create(nullptr), "NULL");
    expect(DDOQ_INVALID_ARGUMENT, ddoq_kernels_create(&kernels), "no CUDA context is current");
    make_context();
    ddoqEmulationFail("cuModuleLoadData", 1, CUDA_ERROR_INVALID_IMAGE);
    expect(DDOQ_NO_KERNELS, ddoq_kernels_create(&kernels), "built without nvcc");
    ddoqEmulationFail("cuModuleLoadData", 1, CUDA_ERROR_OUT_OF_MEMORY);
    expect(DDOQ_DRIVER_ERROR, ddoq_kernels_create(&kernels), "cuModuleLoadData failed: CUDA_ERROR_OUT_OF_MEMORY");
    expect(DDOQ_SUCCESS, ddoq_kernels_create(&kernels), "");
    ddoq_norms_parameters norms{};
    norms.row_count = 1;
    expect(DDOQ_INVALID_ARGUMENT, ddoq_norms(nullptr, DDOQ_FP16, &norms, nullptr), "kernels is NULL");
    expect(DDOQ_INVALID_ARGUMENT, ddoq_norms(kernels, DDOQ_FP16, nullptr, nullptr), "parameters is NULL");
    expect(DDOQ_INVALID_ARGUMENT, ddoq_norms(kernels, static_cast<ddoq_type>(7), &norms, nullptr), "type is 7");
    ddoqEmulationFail("cuLaunchKernel", 1, CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
    expect(DDOQ_DRIVER_ERROR, ddoq_norms(kernels, DDOQ_FP16, &norms, nullptr),
           "cuLaunchKernel failed: CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES for ddoq_norms_f16");
    ddoq_assign_parameters assign{};
    assign.parts = 2;
    expect(DDOQ_INVALID_ARGUMENT, ddoq_assign(kernels, DDOQ_FP32, 10, &assign, nullptr), "parts is 2");
    ddoq_centroid_parts_parameters parts{};
    parts.part_count = 3;
    expect(DDOQ_INVALID_ARGUMENT, ddoq_centroid_parts(kernels, DDOQ_BF16, &parts, nullptr), "1 or 2 parts");
    const ddoq_clvq_update_parameters update{};
    expect(DDOQ_INVALID_ARGUMENT, ddoq_clvq_update(kernels, DDOQ_FP16, &update, nullptr), "one array");
    const ddoq_weighted_ce_parameters loss{};
    expect(DDOQ_INVALID_ARGUMENT, ddoq_weighted_ce(kernels, DDOQ_FP16, &loss, nullptr), "temperature");
    ddoq_cluster_parameters cluster{};
    expect(DDOQ_INVALID_ARGUMENT, ddoq_cluster(kernels, static_cast<ddoq_cluster_algorithm>(4), &cluster, nullptr),
           "algorithm is 4");
    ddoq_kernels_destroy(kernels);
    ddoq_kernels_destroy(nullptr);
    char leaks[256];
    ddoqEmulationLeaks(leaks, sizeof leaks);
    check(std::string(leaks) == "1 primary context references", leaks);
}

void tile_tables() {
    const RaggedClasses classes({{300, 5}, {0, 0}, {1, 20}});
    std::vector<ddoq_class_range> ranges(classes.ranges.size());
    std::memcpy(ranges.data(), classes.ranges.data(), sizeof(ClassRange) * ranges.size());
    const auto table = [&](ddoq_operation operation, ddoq_type type) {
        std::vector<int32_t> begin(4, -7);
        const int64_t total = ddoq_tiles(operation, type, ranges.data(), 3, 4096, 20, begin.data());
        check(total == begin[3] && begin[0] == 0, "total ", total);
        return std::vector<int32_t>(begin.begin() + 1, begin.end());
    };
    check(table(DDOQ_ASSIGN, DDOQ_FP16) == std::vector<int32_t>{2, 2, 3}, "assign f16");
    check(table(DDOQ_ASSIGN, DDOQ_FP32) == std::vector<int32_t>{3, 3, 4}, "assign f32");
    check(table(DDOQ_GRAM, DDOQ_BF16) == std::vector<int32_t>{5, 5, 6}, "gram bf16");
    check(table(DDOQ_CENTER, DDOQ_FP16) == std::vector<int32_t>{38, 38, 39}, "center");
    check(table(DDOQ_CENTROIDS_MEAN, DDOQ_FP16) == std::vector<int32_t>{10, 10, 50}, "centroids_mean");
    check(table(DDOQ_CENTROIDS_COMBINE, DDOQ_FP16) == std::vector<int32_t>{2, 2, 8}, "centroids_combine");
    check(table(DDOQ_DISTANCES, DDOQ_FP16) == std::vector<int32_t>{38, 38, 39}, "distances");
    int32_t begin[4];
    ranges[1].row_count = -1;
    check(ddoq_tiles(DDOQ_ASSIGN, DDOQ_FP16, ranges.data(), 3, 8, 20, begin) == -1, "a negative count");
    check(ddoq_cluster_trials(1) == 2 && ddoq_cluster_trials(50) == 5 && ddoq_cluster_trials(200) == 7, "trials");
}

// Every call reaches its kernel: with no classes and no rows each runs and finds nothing to do.
void every_call() {
    make_context();
    ddoq_kernels* kernels = nullptr;
    expect(DDOQ_SUCCESS, ddoq_kernels_create(&kernels), "");
    const int32_t no_tiles[1] = {0};
    uint64_t launches = 0;
    const auto launched = [&](ddoq_status status, const char* call) {
        check(status == DDOQ_SUCCESS, call, ": ", ddoq_kernels_last_error());
        check(cuCtxSynchronize() == CUDA_SUCCESS, call, ": the kernel failed");
        check(ddoqEmulationLaunches() == ++launches, call, ": no kernel ran");
    };
    for (const ddoq_type type : {DDOQ_FP16, DDOQ_BF16, DDOQ_FP32}) {
        float norm;
        ddoq_norms_parameters norms{};
        norms.norms = &norm;
        norms.row_count = 1;
        launched(ddoq_norms(kernels, type, &norms, nullptr), "ddoq_norms");
        ddoq_center_parameters center{};
        center.tile_begin = no_tiles;
        launched(ddoq_center(kernels, type, &center, nullptr), "ddoq_center");
        ddoq_gram_parameters gram{};
        gram.tile_begin = no_tiles;
        launched(ddoq_gram(kernels, type, &gram, nullptr), "ddoq_gram");
        for (const int32_t centroids : {10, 50, 100, 200}) {
            ddoq_assign_parameters assign{};
            assign.tile_begin = no_tiles;
            assign.parts = type == DDOQ_FP32 ? 1 : 2;
            launched(ddoq_assign(kernels, type, centroids, &assign, nullptr), "ddoq_assign");
        }
        ddoq_centroids_parameters mean{};
        mean.tile_begin = no_tiles;
        launched(ddoq_centroids_mean(kernels, type, &mean, nullptr), "ddoq_centroids_mean");
        ddoq_combine_parameters combine{};
        combine.tile_begin = no_tiles;
        launched(ddoq_centroids_combine(kernels, type, &combine, nullptr), "ddoq_centroids_combine");
        ddoq_distances_parameters distances{};
        distances.tile_begin = no_tiles;
        launched(ddoq_distances(kernels, type, &distances, nullptr), "ddoq_distances");
        int64_t after = 0;
        ddoq_clvq_update_parameters update{};
        update.tile_begin = no_tiles;
        update.counts_after = &after;
        launched(ddoq_clvq_update(kernels, type, &update, nullptr), "ddoq_clvq_update");
        if (type != DDOQ_FP32) {
            ddoq_centroid_parts_parameters parts{};
            parts.norms = &norm;
            parts.centroid_count = 1;
            parts.part_count = 2;
            launched(ddoq_centroid_parts(kernels, type, &parts, nullptr), "ddoq_centroid_parts");
        }
        for (const int32_t count : {3, 3000}) {
            const std::vector<float> logits(static_cast<size_t>(count));
            const int32_t label = -1;
            float loss_value = NAN;
            ddoq_weighted_ce_parameters loss{};
            loss.logits = logits.data();
            loss.labels = &label;
            loss.losses = &loss_value;
            loss.row_count = 1;
            loss.class_count = count;
            loss.target_kind = DDOQ_TARGET_LABELS;
            loss.temperature = loss.target_temperature = 1;
            launched(ddoq_weighted_ce(kernels, type, &loss, nullptr), "ddoq_weighted_ce");
            check(loss_value == 0, "loss ", loss_value);
        }
    }
    const ddoq_class_range empty{};
    ddoq_cluster_parameters cluster{};
    cluster.classes = &empty;
    cluster.class_count = 1;
    for (const auto algorithm : {DDOQ_CLUSTER_LLOYD, DDOQ_CLUSTER_BATCHES, DDOQ_CLUSTER_CLVQ})
        launched(ddoq_cluster(kernels, algorithm, &cluster, nullptr), "ddoq_cluster");
    double sums[2] = {NAN, NAN};
    ddoq_loss_sum_parameters sum{};
    sum.sums = sums;
    launched(ddoq_loss_sum(kernels, &sum, nullptr), "ddoq_loss_sum");
    check(sums[0] == 0 && sums[1] == 0, "sums");
    float mean_value[4];
    ddoq_class_mean_parameters mean{};
    mean.classes = &empty;
    mean.means = mean_value;
    mean.dimension = 4;
    mean.class_count = 1;
    for (const ddoq_type type : {DDOQ_FP16, DDOQ_BF16, DDOQ_FP32})
        launched(ddoq_class_mean(kernels, type, &mean, nullptr), "ddoq_class_mean");
    ddoq_kernels_destroy(kernels);
}

} // namespace

int main(int argc, char** argv) {
    const int result =
        run_cases(argc, argv, {{"failures", failures}, {"tile tables", tile_tables}, {"every call", every_call}});
    ddoqEmulationReset(1);
    return result;
}
