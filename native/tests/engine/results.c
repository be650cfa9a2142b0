/* Results: fits of one class and of many, on both devices, the loss, and stores, against plain loops and each other. */
#include "frame.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Labels, counts, centres, distortion and weights from the rows alone. */
void fit(void) {
    enum { N = 150, D = 37, K = 9 };
    for (int type = DDOQ_FP16; type <= DDOQ_FP32; type++)
        for (int algorithm = DDOQ_D4M; algorithm <= DDOQ_SUPPORT; algorithm++) {
            static float x[N * D], fresh[50 * D];
            void* rows = make_rows((ddoq_type)type, N, D, 3, x);
            ddoq_quantizer_options o = defaults(K);
            o.algorithm = algorithm;
            o.batch_size = 40;
            ddoq_quantizer* quantizer = create(&o);
            ddoq_quantization* one = NULL;
            success(ddoq_quantizer_fit(quantizer, rows, (ddoq_type)type, N, D, 5, &one));
            const ddoq_quantization_info info = info_of(one);
            check(info.class_index == 5 && info.row_count == N && info.dimension == D && info.centroid_count == K,
                  "info");
            check(info.held_out_row_count == 0 && isnan(info.held_out_distortion), "nothing was held out");
            check(info.iteration_count > 0 && info.seconds >= 0, "iterations");
            const float* centroids = ddoq_quantization_centroids(one);
            const int64_t* counts = ddoq_quantization_counts(one);
            const int32_t* labels = ddoq_quantization_labels(one);
            int64_t seen[K] = {0};
            double distortion = 0;
            for (int i = 0; i < N; i++) {
                const double own = squared_distance(x + i * D, centroids + labels[i] * D, D);
                distortion += own / N;
                seen[labels[i]]++;
                for (int k = 0; k < K; k++)
                    check(squared_distance(x + i * D, centroids + k * D, D) >= own * (1 - 1e-5),
                          "row %d is nearer to %d", i, k);
            }
            check(memcmp(seen, counts, sizeof seen) == 0, "counts of algorithm %d", algorithm);
            check(fabs(distortion - info.distortion) <= 1e-6 * distortion, "distortion %g not %g", info.distortion,
                  distortion);
            if (algorithm == DDOQ_LLOYD || algorithm == DDOQ_HARTIGAN)
                for (int k = 0; k < K; k++)
                    for (int d = 0; d < D; d++) {
                        double mean = 0;
                        for (int i = 0; i < N; i++)
                            mean += labels[i] == k ? x[i * D + d] / (double)counts[k] : 0;
                        check(fabs(mean - centroids[k * D + d]) < 1e-6, "centre %d is not the mean of its rows", k);
                    }

            float weights[K];
            success(ddoq_weights(DDOQ_WEIGHT_SQUARE_ROOT, counts, K, weights));
            for (int k = 0; k < K; k++)
                check(fabs(weights[k] - sqrt(K * (double)counts[k] / N)) < 1e-6, "square root weight");
            success(ddoq_weights(DDOQ_WEIGHT_DIRECT, counts, K, weights));
            for (int k = 0; k < K; k++)
                check(fabs(weights[k] - (double)counts[k] / N) < 1e-7, "direct weight");
            success(ddoq_weights(DDOQ_WEIGHT_NONE, counts, K, weights));
            check(weights[0] == 1 && weights[K - 1] == 1, "no weights");
            success(ddoq_weights(DDOQ_WEIGHT_INVERSE, counts, K, weights));
            double total = 0;
            for (int k = 0; k < K; k++)
                total += weights[k];
            check(fabs(total - 1) < 1e-6, "inverse weights sum to %g", total);

            int32_t found[50];
            double distances[50];
            void* others = make_rows((ddoq_type)type, 50, D, 99, fresh);
            success(ddoq_predict(centroids, K, D, others, (ddoq_type)type, 50, found, distances));
            for (int i = 0; i < 50; i++) {
                const double own = squared_distance(fresh + i * D, centroids + found[i] * D, D);
                check(fabs(own - distances[i]) <= 1e-6 * own, "distance of row %d", i);
                for (int k = 0; k < K; k++)
                    check(squared_distance(fresh + i * D, centroids + k * D, D) >= own * (1 - 1e-5), "predicted row %d",
                          i);
            }
            ddoq_quantization_destroy(one);
            ddoq_quantizer_destroy(quantizer);
            free(others);
            free(rows);
        }
}

enum { Classes = 6, ClassDimension = 21 };
static const int64_t class_rows[Classes] = {40, 7, 1, 0, 120, 33};

void classes(void) {
    const void* rows[Classes];
    for (int c = 0; c < Classes; c++)
        rows[c] =
            class_rows[c] == 0 ? NULL : make_rows(DDOQ_FP16, (int)class_rows[c], ClassDimension, (uint64_t)c, NULL);
    ddoq_quantizer_options o = defaults(5);
    o.hold_out_fraction = 0.2;
    ddoq_quantizer* quantizer = create(&o);
    ddoq_quantization* all[Classes] = {NULL};
    Watch w = {0};
    success(
        ddoq_quantizer_fit_classes(quantizer, rows, class_rows, Classes, DDOQ_FP16, ClassDimension, all, watch, &w));
    check(w.calls == Classes && w.last_done == Classes, "%d calls", w.calls);
    for (int c = 0; c < Classes; c++) {
        ddoq_quantization* one = NULL;
        const ddoq_quantization_info info = info_of(all[c]);
        check(info.class_index == c && info.row_count == class_rows[c], "class %d", c);
        if (class_rows[c] == 0) {
            check(info.centroid_count == 0 && ddoq_quantization_centroids(all[c]) == NULL, "an empty class");
            continue;
        }
        success(ddoq_quantizer_fit(quantizer, rows[c], DDOQ_FP16, class_rows[c], ClassDimension, c, &one));
        const size_t values = (size_t)info.centroid_count * ClassDimension;
        check(info_of(one).centroid_count == info.centroid_count && info_of(one).distortion == info.distortion,
              "class %d alone", c);
        check(memcmp(ddoq_quantization_centroids(one), ddoq_quantization_centroids(all[c]), values * sizeof(float)) ==
                      0 &&
                  memcmp(ddoq_quantization_labels(one), ddoq_quantization_labels(all[c]),
                         (size_t)class_rows[c] * sizeof(int32_t)) == 0,
              "class %d alone gives other bits", c);
        ddoq_quantization_destroy(one);
    }
    for (int c = 0; c < Classes; c++)
        ddoq_quantization_destroy(all[c]);

    /* Stopped by its own callback, then as good as new. */
    w = (Watch){.stop_after = 2};
    all[0] = (ddoq_quantization*)&w;
    failure(ddoq_quantizer_fit_classes(quantizer, rows, class_rows, Classes, DDOQ_FP16, ClassDimension, all, watch, &w),
            DDOQ_CANCELLED, "stopped");
    check(w.calls == 2 && all[0] == (ddoq_quantization*)&w, "%d calls, or an output was written", w.calls);
    success(
        ddoq_quantizer_fit_classes(quantizer, rows, class_rows, Classes, DDOQ_FP16, ClassDimension, all, NULL, NULL));
    for (int c = 0; c < Classes; c++) {
        ddoq_quantization_destroy(all[c]);
        free((void*)rows[c]);
    }
    ddoq_quantizer_destroy(quantizer);
}

void device(void) {
    ddoq_quantizer_options o = defaults(3);
    ddoq_quantizer* quantizer = NULL;
    o.device = DDOQ_DEVICE_AUTO;
    success(ddoq_quantizer_create(&o, &quantizer));
    check(strstr(ddoq_quantizer_description(quantizer), "CPU") != NULL ||
              strstr(ddoq_quantizer_description(quantizer), "CUDA") != NULL,
          "%s", ddoq_quantizer_description(quantizer));
    ddoq_quantizer_destroy(quantizer);
    o.device = DDOQ_DEVICE_CUDA;
    const ddoq_status status = ddoq_quantizer_create(&o, &quantizer);
    if (getenv("DDOQ_CUDA_DRIVER") == NULL) { /* whatever the machine has */
        check(status == DDOQ_SUCCESS ||
                  (status == DDOQ_NO_DEVICE && strstr(ddoq_last_hint(), "DDOQ_DEVICE_CPU") != NULL),
              "status %d: %s %s", status, ddoq_last_error(), ddoq_last_hint());
        if (status == DDOQ_SUCCESS)
            ddoq_quantizer_destroy(quantizer);
        return;
    }
    success(status); /* the emulated device: the same labels as the processor's */
    enum { N = 60, D = 12 };
    void* rows = make_rows(DDOQ_BF16, N, D, 8, NULL);
    ddoq_quantization *cuda = NULL, *cpu = NULL;
    success(ddoq_quantizer_fit(quantizer, rows, DDOQ_BF16, N, D, 2, &cuda));
    ddoq_quantizer_destroy(quantizer);
    o.device = DDOQ_DEVICE_CPU;
    quantizer = create(&o);
    success(ddoq_quantizer_fit(quantizer, rows, DDOQ_BF16, N, D, 2, &cpu));
    check(memcmp(ddoq_quantization_labels(cuda), ddoq_quantization_labels(cpu), N * sizeof(int32_t)) == 0, "labels");
    check(fabs(info_of(cuda).distortion - info_of(cpu).distortion) <= 1e-5 * info_of(cpu).distortion, "distortion");
    ddoq_quantization_destroy(cuda);
    ddoq_quantization_destroy(cpu);
    ddoq_quantizer_destroy(quantizer);
    free(rows);
}

void loss(void) {
    enum { B = 7, C = 11 };
    float z[B * C], p[B * C], w[B], losses[B], gradients[B * C];
    seed_with(4);
    for (int i = 0; i < B; i++) {
        double sum = 0;
        w[i] = uniform() + 1;
        for (int k = 0; k < C; k++) {
            z[i * C + k] = 8 * uniform();
            sum += p[i * C + k] = uniform() + 0.5f;
        }
        for (int k = 0; k < C; k++)
            p[i * C + k] /= (float)sum;
    }
    for (int weighted = 0; weighted < 2; weighted++)
        for (int divergence = 0; divergence < 2; divergence++) {
            const double T = 2.5, g = 0.25;
            success(ddoq_weighted_cross_entropy(z, p, weighted ? w : NULL, B, C, (float)T, divergence, (float)g, losses,
                                                gradients));
            for (int i = 0; i < B; i++) {
                const double weight = weighted ? w[i] : 1;
                double sum = 0, mass = 0, value = 0;
                for (int k = 0; k < C; k++)
                    sum += exp(z[i * C + k] / T);
                for (int k = 0; k < C; k++) {
                    const double q = p[i * C + k];
                    mass += q;
                    value -= q * (z[i * C + k] / T - log(sum) - (divergence ? log(q) : 0));
                }
                check(fabs(losses[i] - weight * value) < 2e-6, "loss %d is %g not %g", i, losses[i], weight * value);
                for (int k = 0; k < C; k++)
                    check(fabs(gradients[i * C + k] -
                               weight * g / T * (mass * exp(z[i * C + k] / T) / sum - p[i * C + k])) < 1e-7,
                          "gradient %d %d", i, k);
            }
        }
    failure(ddoq_weighted_cross_entropy(z, p, w, B, 0, 1, 0, 1, losses, gradients), DDOQ_INVALID_ARGUMENT,
            "class_count");
    failure(ddoq_weighted_cross_entropy(z, p, w, -1, C, 1, 0, 1, losses, gradients), DDOQ_INVALID_ARGUMENT,
            "row_count");
    failure(ddoq_weighted_cross_entropy(z, p, w, B, C, 0, 0, 1, losses, gradients), DDOQ_INVALID_ARGUMENT,
            "temperature");
    failure(ddoq_weighted_cross_entropy(NULL, p, w, B, C, 1, 0, 1, losses, gradients), DDOQ_INVALID_ARGUMENT, "logits");
}

static void write_file(const char* path, const void* bytes, size_t length, const char* mode) {
    FILE* file = fopen(path, mode);
    check(file != NULL && fwrite(bytes, 1, length, file) == length, "%s cannot be written", path);
    if (file != NULL)
        fclose(file);
}

/* A store of two interleaved classes in one safetensors file, quantised into a prototypes file. */
void stores(void) {
    enum { N = 60, D = 12, K = 4 };
    char folder[] = "/tmp/ddoq-engine-XXXXXX", path[200], result[200];
    if (mkdtemp(folder) == NULL) {
        check(0, "no temporary folder");
        return;
    }
    snprintf(path, sizeof path, "%s/latents.safetensors", folder);
    snprintf(result, sizeof result, "%s/prototypes.safetensors", folder);
    uint16_t* rows = make_rows(DDOQ_FP16, N, D, 6, NULL);
    int32_t labels[N];
    for (int i = 0; i < N; i++)
        labels[i] = i % 3 == 0;
    char header[512];
    int length = snprintf(
        header, sizeof header,
        "{\"__metadata__\":{\"class_names\":\"[\\\"k\u00e4fer\\\",\\\"b\\\"]\"},\"latents\":{\"dtype\":\"F16\","
        "\"shape\":[%d,3,2,2],\"data_offsets\":[0,%d]},\"labels\":{\"dtype\":\"I32\",\"shape\":[%d],"
        "\"data_offsets\":[%d,%d]}}",
        N, N * D * 2, N, N * D * 2, N * D * 2 + N * 4);
    while (length % 8 != 0)
        header[length++] = ' ';
    const uint64_t header_bytes = (uint64_t)length;
    write_file(path, &header_bytes, 8, "wb");
    write_file(path, header, (size_t)length, "ab");
    write_file(path, rows, sizeof(uint16_t) * N * D, "ab");
    write_file(path, labels, sizeof labels, "ab");

    ddoq_store* store = NULL;
    success(ddoq_store_open(path, &store));
    ddoq_store_info info = {.size = sizeof info};
    success(ddoq_store_get_info(store, &info));
    check(info.row_count == N && info.class_count == 2 && info.type == DDOQ_FP16 && info.channels == 3 &&
              info.height == 2 && info.width == 2,
          "info of the store");
    check(strcmp(ddoq_store_class_name(store, 0), "k\u00e4fer") == 0 &&
              strcmp(ddoq_store_class_name(store, 1), "b") == 0,
          "class names");
    check(ddoq_store_class_name(store, 2) == NULL, "a class too many");
    int64_t count[2];
    success(ddoq_store_class_rows(store, 0, &count[0]));
    success(ddoq_store_class_rows(store, 1, &count[1]));
    check(count[0] == 40 && count[1] == 20, "rows of classes");
    failure(ddoq_store_class_rows(store, -1, &count[0]), DDOQ_INVALID_ARGUMENT, "0 to 1");
    uint16_t first[40 * D], second[20 * D], expected[20 * D];
    success(ddoq_store_read(store, 0, 0, 40, first));
    success(ddoq_store_read(store, 1, 0, 20, second));
    for (int i = 0; i < 20; i++)
        memcpy(expected + i * D, rows + 3 * i * D, 2 * D);
    check(memcmp(expected, second, sizeof second) == 0, "rows of a class");
    failure(ddoq_store_read(store, 1, 15, 6, second), DDOQ_INVALID_ARGUMENT, "row_count is 6");

    ddoq_quantizer_options o = defaults(K);
    ddoq_quantizer* quantizer = create(&o);
    Watch w = {.stop_after = 1};
    failure(ddoq_quantizer_fit_store(quantizer, store, result, watch, &w), DDOQ_CANCELLED, "stopped");
    check(access(result, F_OK) != 0, "a file was written though the fit was stopped");
    failure(ddoq_quantizer_fit_store(quantizer, store, "/nowhere/p.safetensors", NULL, NULL), DDOQ_FAILED, "/nowhere");
    failure(ddoq_quantizer_fit_store(quantizer, store, NULL, NULL, NULL), DDOQ_INVALID_ARGUMENT, "prototypes_path");
    w = (Watch){0};
    success(ddoq_quantizer_fit_store(quantizer, store, result, watch, &w));
    check(w.calls == 2, "%d calls", w.calls);

    ddoq_prototypes* prototypes = NULL;
    success(ddoq_prototypes_open(result, &prototypes));
    ddoq_prototypes_info about = {.size = sizeof about};
    success(ddoq_prototypes_get_info(prototypes, &about));
    check(about.class_count == 2 && about.centroid_count == K && about.channels == 3 && about.height == 2 &&
              about.width == 2 && about.seed == 7,
          "info of the prototypes");
    check(strcmp(ddoq_prototypes_class_name(prototypes, 0), "k\u00e4fer") == 0, "class name of the prototypes");
    const uint16_t* own[2] = {first, second};
    for (int c = 0; c < 2; c++) {
        ddoq_quantization* one = NULL;
        success(ddoq_quantizer_fit(quantizer, own[c], DDOQ_FP16, c == 0 ? 40 : 20, D, c, &one));
        int32_t centroid_count = 0;
        const float *centroids = NULL, *weights = NULL;
        const int64_t* counts = NULL;
        double distortion = 0;
        success(ddoq_prototypes_class(prototypes, c, &centroid_count, &centroids, &counts, &weights, &distortion));
        check(centroid_count == K && distortion == info_of(one).distortion, "class %d of the prototypes", c);
        check(memcmp(centroids, ddoq_quantization_centroids(one), K * D * sizeof(float)) == 0 &&
                  memcmp(counts, ddoq_quantization_counts(one), K * sizeof(int64_t)) == 0,
              "the prototypes of class %d are other bits than a fit of its rows", c);
        float direct[K];
        success(ddoq_weights(DDOQ_WEIGHT_DIRECT, counts, K, direct));
        check(memcmp(direct, weights, sizeof direct) == 0, "weights of class %d", c);
        ddoq_quantization_destroy(one);
    }
    failure(ddoq_prototypes_class(prototypes, 2, NULL, NULL, NULL, NULL, NULL), DDOQ_INVALID_ARGUMENT, "0 to 1");
    success(ddoq_prototypes_class(prototypes, 1, NULL, NULL, NULL, NULL, NULL));
    ddoq_prototypes_close(prototypes);
    ddoq_quantizer_destroy(quantizer);
    ddoq_store_close(store);
    failure(ddoq_store_get_info(store, &info), DDOQ_INVALID_ARGUMENT, "destroyed");
    check(remove(path) == 0 && remove(result) == 0 && rmdir(folder) == 0, "something was left in %s", folder);
    free(rows);
}
