/* Clusters the rows of two classes on the GPU with libddoq_kernels: Gram matrices, then Lloyd and Hartigan in one
 * launch, then the centroids. Plain C and the CUDA driver API; the rows here are fp32 points around known centres. */
#include <cuda.h>
#include <ddoq_kernels.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { Classes = 2, Dimension = 8, RowsPerClass = 60, CentroidsPerClass = 3 };

static void driver_call(CUresult result, const char* call) {
    if (result == CUDA_SUCCESS)
        return;
    const char* name = "unknown error";
    cuGetErrorName(result, &name);
    fprintf(stderr, "error: %s: %s\n", call, name);
    exit(1);
}
#define CU(call) driver_call(call, #call)

static void kernel_call(ddoq_status status) {
    if (status == DDOQ_SUCCESS)
        return;
    fprintf(stderr, "error: %s\n", ddoq_kernels_last_error());
    exit(1);
}

static CUstream stream;

/* On the stream of the kernels, which so find the copy made. */
static void* device_copy(const void* host, size_t bytes) {
    CUdeviceptr memory;
    CU(cuMemAlloc(&memory, bytes));
    if (host != NULL)
        CU(cuMemcpyHtoDAsync(memory, host, bytes, stream));
    return (void*)(uintptr_t)memory;
}

static void host_copy(void* host, const void* device, size_t bytes) {
    CU(cuMemcpyDtoH(host, (CUdeviceptr)(uintptr_t)device, bytes));
}

static const int32_t* tiles(ddoq_operation operation, const ddoq_class_range* classes) {
    int32_t begin[Classes + 1];
    ddoq_tiles(operation, DDOQ_FP32, classes, Classes, Dimension, CentroidsPerClass, begin);
    return device_copy(begin, sizeof begin);
}

int main(void) {
    CUdevice device;
    CUcontext context;
    ddoq_kernels* kernels;
    CU(cuInit(0));
    CU(cuDeviceGet(&device, 0));
    CU(cuDevicePrimaryCtxRetain(&context, device));
    CU(cuCtxSetCurrent(context));
    CU(cuStreamCreate(&stream, 1));
    kernel_call(ddoq_kernels_create(&kernels));

    /* Points near 10 * (class + 1) on axis (row mod 3). */
    static float rows[Classes * RowsPerClass][Dimension];
    for (int i = 0; i < Classes * RowsPerClass; i++)
        for (int d = 0; d < Dimension; d++)
            rows[i][d] = (float)((i * 7 + d * 13) % 11) / 22.0f +
                         (d == i % CentroidsPerClass ? 10.0f * (float)(i / RowsPerClass + 1) : 0.0f);

    ddoq_class_range classes[Classes] = {{0}};
    ddoq_cluster_class cluster_classes[Classes] = {{0}};
    ddoq_cluster_report reports[Classes] = {{0}};
    int64_t workspace = 0;
    for (int c = 0; c < Classes; c++) {
        classes[c].row_begin = c * RowsPerClass;
        classes[c].centroid_begin = c * CentroidsPerClass;
        classes[c].gram_begin = (int64_t)c * RowsPerClass * RowsPerClass;
        classes[c].row_count = classes[c].gram_stride = RowsPerClass;
        classes[c].centroid_count = CentroidsPerClass;
        cluster_classes[c].workspace_begin = workspace;
        cluster_classes[c].combination_begin = (int64_t)c * CentroidsPerClass * RowsPerClass;
        cluster_classes[c].number = c;
        cluster_classes[c].trials = ddoq_cluster_trials(CentroidsPerClass);
        workspace += ddoq_cluster_workspace(DDOQ_CLUSTER_LLOYD, &classes[c], cluster_classes[c].trials);
        reports[c].distortion = INFINITY;
    }
    const size_t all_rows = Classes * RowsPerClass, all_centroids = Classes * CentroidsPerClass;
    const void* device_rows = device_copy(rows, sizeof rows);
    const ddoq_class_range* device_classes = device_copy(classes, sizeof classes);
    float* means = device_copy(NULL, Classes * Dimension * sizeof(float));
    float* norms = device_copy(NULL, all_rows * sizeof(float));
    float* shifts = device_copy(NULL, all_rows * sizeof(float));
    float* gram = device_copy(NULL, (size_t)Classes * RowsPerClass * RowsPerClass * sizeof(float));
    int32_t* labels = device_copy(NULL, all_rows * sizeof(int32_t));
    int32_t* counts = device_copy(NULL, all_centroids * sizeof(int32_t));
    float* centroids = device_copy(NULL, all_centroids * Dimension * sizeof(float));

    /* Everything below is put on the stream; nothing waits until the end. */
    const ddoq_class_mean_parameters mean = {device_rows, device_classes, means, Dimension, Dimension, Classes};
    kernel_call(ddoq_class_mean(kernels, DDOQ_FP32, &mean, stream));
    const ddoq_center_parameters center = {
        device_rows, means, device_classes, tiles(DDOQ_CENTER, classes), norms, shifts, Dimension, Dimension, Classes};
    kernel_call(ddoq_center(kernels, DDOQ_FP32, &center, stream));
    const ddoq_gram_parameters products = {device_rows, norms,     shifts,    device_classes, tiles(DDOQ_GRAM, classes),
                                           gram,        Dimension, Dimension, Classes};
    kernel_call(ddoq_gram(kernels, DDOQ_FP32, &products, stream));

    ddoq_cluster_parameters cluster = {0};
    cluster.gram = gram;
    cluster.row_norms = norms;
    cluster.classes = device_classes;
    cluster.cluster_classes = device_copy(cluster_classes, sizeof cluster_classes);
    cluster.workspace = device_copy(NULL, (size_t)workspace);
    cluster.labels = labels;
    cluster.counts = counts;
    cluster.combined = device_copy(NULL, all_centroids * sizeof(int32_t));
    cluster.combinations = device_copy(NULL, all_centroids * RowsPerClass * sizeof(float));
    cluster.running_counts = device_copy(NULL, all_centroids * sizeof(int64_t));
    cluster.companion_weights = device_copy(NULL, all_centroids * sizeof(double));
    cluster.reports = device_copy(reports, sizeof reports);
    cluster.class_count = Classes;
    cluster.options.seed = 1;
    cluster.options.max_iterations = 300;
    cluster.options.refine = 1;
    cluster.options.requested_centroids = CentroidsPerClass;
    kernel_call(ddoq_cluster(kernels, DDOQ_CLUSTER_LLOYD, &cluster, stream));

    const ddoq_centroids_parameters write = {
        device_rows, device_classes, tiles(DDOQ_CENTROIDS_MEAN, classes), labels, centroids, NULL, Dimension, Dimension,
        Dimension,   Classes};
    kernel_call(ddoq_centroids_mean(kernels, DDOQ_FP32, &write, stream));
    CU(cuStreamSynchronize(stream));

    float result[Classes * CentroidsPerClass][Dimension];
    int32_t result_counts[Classes * CentroidsPerClass];
    host_copy(result, centroids, sizeof result);
    host_copy(result_counts, counts, sizeof result_counts);
    host_copy(reports, cluster.reports, sizeof reports);
    int wrong = 0;
    for (int c = 0; c < Classes; c++) {
        printf("class %d: distortion %.4f after %d iterations\n", c, reports[c].distortion / RowsPerClass,
               (int)reports[c].iterations);
        for (int k = 0; k < CentroidsPerClass; k++) {
            const int g = c * CentroidsPerClass + k;
            printf("  %2d rows:", result_counts[g]);
            for (int d = 0; d < Dimension; d++)
                printf(" %6.2f", result[g][d]);
            printf("\n");
            wrong += result_counts[g] != RowsPerClass / CentroidsPerClass;
        }
    }
    ddoq_kernels_destroy(kernels);
    CU(cuStreamDestroy(stream));
    CU(cuDevicePrimaryCtxRelease(device)); /* frees the context's memory too */
    return wrong == 0 ? 0 : 1;
}
