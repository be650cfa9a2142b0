/* libddoq through its C interface: results against plain loops, every kind of bad argument, threads, cancellation. */
#include <ddoq.h>
#include <ddoq_kernels_algorithms.h> /* both headers in one program */
#include <malloc.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Static_assert(sizeof(ddoq_quantizer_options) == 112 && sizeof(ddoq_progress) == 48, "sizes of the first version");
_Static_assert(sizeof(ddoq_quantization_info) == 88, "sizes of the first version");
_Static_assert(sizeof(ddoq_store_info) == 32 && sizeof(ddoq_prototypes_info) == 32, "sizes of the first version");

static int failures = 0;
static const char* current = "";

static void check(int condition, const char* format, ...) {
    if (condition)
        return;
    va_list words;
    va_start(words, format);
    printf("FAILED  %s: ", current);
    vprintf(format, words);
    printf("\n");
    va_end(words);
    failures++;
}

static void success(ddoq_status status) {
    check(status == DDOQ_SUCCESS, "status %d: %s", status, ddoq_last_error());
}

static void failure(ddoq_status status, ddoq_status expected, const char* word) {
    check(status == expected, "status %d instead of %d: %s", status, expected, ddoq_last_error());
    check(status == DDOQ_SUCCESS || strstr(ddoq_last_error(), word) != NULL, "'%s' says nothing of '%s'",
          ddoq_last_error(), word);
}

/* ---- data ---- */

static uint64_t state;

static float uniform(void) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return (float)(state >> 40) / (float)(1 << 24) - 0.5f;
}

/* Multiples of 1/8 below 2 in size: every type holds them. */
static float short_value(void) {
    return floorf(uniform() * 32.0f) / 8.0f;
}

static size_t element_size(ddoq_type type) {
    return type == DDOQ_FP32 ? 4 : 2;
}

static void store_value(void* rows, ddoq_type type, size_t index, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (type == DDOQ_FP32) {
        ((float*)rows)[index] = value;
    } else if (type == DDOQ_BF16) {
        ((uint16_t*)rows)[index] = (uint16_t)(bits >> 16);
    } else { /* normal halves, infinity and NaN */
        const uint32_t exponent = bits >> 23 & 255, sign = bits >> 16 & 0x8000;
        const uint32_t half = exponent == 255 ? 0x7C00 | (bits & 0x7FFFFF ? 1 : 0)
                              : exponent == 0 ? 0
                                              : ((exponent - 112) << 10 | (bits >> 13 & 0x3FF));
        ((uint16_t*)rows)[index] = (uint16_t)(sign | half);
    }
}

/* N x D values, as floats and in the type. */
static void* make_rows(ddoq_type type, int rows, int dimension, uint64_t seed, float* values) {
    void* stored = malloc((size_t)(rows * dimension) * element_size(type) + 1);
    state = seed;
    for (int i = 0; i < rows * dimension; i++) {
        const float value = short_value();
        if (values != NULL)
            values[i] = value;
        store_value(stored, type, (size_t)i, value);
    }
    return stored;
}

static ddoq_quantizer_options defaults(int centroids) {
    ddoq_quantizer_options options;
    success(ddoq_quantizer_options_init(&options, sizeof options));
    options.centroid_count = centroids;
    options.seed = 7;
    options.workers = 2;
    return options;
}

static ddoq_quantizer* create(const ddoq_quantizer_options* options) {
    ddoq_quantizer* quantizer = NULL;
    success(ddoq_quantizer_create(options, &quantizer));
    return quantizer;
}

static ddoq_quantization_info info_of(ddoq_quantization* one) {
    ddoq_quantization_info info = {.size = sizeof info};
    success(ddoq_quantization_get_info(one, &info));
    return info;
}

static double squared_distance(const float* a, const float* b, int dimension) {
    double sum = 0;
    for (int d = 0; d < dimension; d++)
        sum += ((double)a[d] - b[d]) * ((double)a[d] - b[d]);
    return sum;
}

/* ---- cases ---- */

static void library(void) {
    int major, minor, patch;
    check(sscanf(ddoq_version(), "%d.%d.%d", &major, &minor, &patch) == 3, "version '%s'", ddoq_version());
    check(ddoq_instruction_set() != NULL, "no instruction set: %s", ddoq_last_error());
    const char* forced = getenv("DDOQ_SIMD");
    if (forced != NULL)
        check(strcmp(ddoq_instruction_set(), forced) == 0, "%s instead of %s", ddoq_instruction_set(), forced);
}

static void options(void) {
    ddoq_quantizer_options o;
    memset(&o, 0xA5, sizeof o);
    success(ddoq_quantizer_options_init(&o, sizeof o));
    check(o.size == sizeof o && o.centroid_count == 10 && o.seed == 0 && o.algorithm == DDOQ_HARTIGAN, "first fields");
    check(o.initialization == DDOQ_GREEDY_KMEANS_PLUS_PLUS && o.space == DDOQ_SPACE_AUTO && o.restarts == 1, "starts");
    check(o.max_iterations == 300 && o.passes == 1 && o.batch_size == 1024 && o.km_expand == 1, "limits");
    check(o.max_no_improvement == 10 && o.workers == 0 && o.device == DDOQ_DEVICE_CPU && o.device_index == -1,
          "device");
    check(o.tolerance == 0 && o.reassignment_ratio == 0.01 && o.hold_out_fraction == 0 && o.clvq_scale == 0 &&
              o.clvq_offset == 0 && o.memory_limit == 0,
          "last fields");
    failure(ddoq_quantizer_options_init(NULL, sizeof o), DDOQ_INVALID_ARGUMENT, "options");
    failure(ddoq_quantizer_options_init(&o, 8), DDOQ_INVALID_ARGUMENT, "size");

    /* A program of a later version: its new fields are 0, or it is told. */
    struct {
        ddoq_quantizer_options known;
        int32_t later;
        int32_t more;
    } longer;
    success(ddoq_quantizer_options_init(&longer.known, sizeof longer));
    check(longer.known.size == sizeof longer && longer.later == 0, "the longer struct");
    ddoq_quantizer* quantizer = NULL;
    success(ddoq_quantizer_create(&longer.known, &quantizer));
    ddoq_quantizer_destroy(quantizer);
    longer.more = 1;
    failure(ddoq_quantizer_create(&longer.known, &quantizer), DDOQ_INVALID_ARGUMENT, "version");
    o.size = 0;
    failure(ddoq_quantizer_create(&o, &quantizer), DDOQ_INVALID_ARGUMENT, "size is 0");

#define REFUSED(field, value, word)                                                                                    \
    do {                                                                                                               \
        o = defaults(3);                                                                                               \
        o.field = value;                                                                                               \
        failure(ddoq_quantizer_create(&o, &quantizer), DDOQ_INVALID_ARGUMENT, word);                                   \
    } while (0)
    REFUSED(centroid_count, 0, "CentroidCount is 0");
    REFUSED(centroid_count, -1, "-1");
    REFUSED(algorithm, 9, "9");
    REFUSED(initialization, 2, "initialization");
    REFUSED(space, -1, "-1");
    REFUSED(restarts, 0, "Restarts");
    REFUSED(batch_size, 0, "BatchSize");
    REFUSED(passes, -2, "-2");
    REFUSED(km_expand, 0, "KmExpand");
    REFUSED(max_iterations, 0, "MaxIterations");
    REFUSED(max_no_improvement, 0, "MaxNoImprovement");
    REFUSED(workers, -1, "Workers");
    REFUSED(device, 3, "device");
    REFUSED(device_index, -2, "device_index");
    REFUSED(tolerance, NAN, "NaN");
    REFUSED(reassignment_ratio, 1.0, "ReassignmentRatio");
    REFUSED(hold_out_fraction, -0.5, "HoldOutFraction");
    REFUSED(clvq_scale, -1.0, "CLVQ");
    REFUSED(memory_limit, -1, "MemoryLimit");
}

/* Labels, counts, centres, distortion and weights from the rows alone. */
static void fit(void) {
    enum { N = 150, D = 37, K = 9 };
    for (int type = DDOQ_FP16; type <= DDOQ_FP32; type++)
        for (int algorithm = DDOQ_D4M; algorithm <= DDOQ_HARTIGAN; algorithm++) {
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
            if (algorithm >= DDOQ_LLOYD)
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

typedef struct {
    int calls, stop_after;
    int64_t last_done;
    ddoq_quantizer* to_cancel;
} Watch;

static int32_t watch(void* user_data, const ddoq_progress* progress) {
    Watch* w = user_data;
    if (progress->class_index < 0)
        return 0;
    w->calls++;
    if (progress->size != sizeof *progress || progress->classes_done != w->last_done + 1)
        w->calls = -1000;
    w->last_done = progress->classes_done;
    return w->calls == w->stop_after;
}

enum { Classes = 6, ClassDimension = 21 };
static const int64_t class_rows[Classes] = {40, 7, 1, 0, 120, 33};

static void classes(void) {
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

static void* cancel_soon(void* argument) {
    Watch* w = argument;
    while (__atomic_load_n(&w->stop_after, __ATOMIC_ACQUIRE) == 0) {
        usleep(1000);
        ddoq_quantizer_cancel(w->to_cancel);
    }
    return NULL;
}

/* Another thread stops a fit that would take minutes. */
static void cancellation(void) {
    enum { N = 600, D = 64 };
    void* rows = make_rows(DDOQ_FP16, N, D, 1, NULL);
    ddoq_quantizer_options o = defaults(40);
    o.algorithm = DDOQ_CLVQ;
    o.passes = 2000000;
    ddoq_quantizer* quantizer = create(&o);
    Watch w = {.to_cancel = quantizer};
    pthread_t thread;
    pthread_create(&thread, NULL, cancel_soon, &w);
    ddoq_quantization* one = NULL;
    failure(ddoq_quantizer_fit(quantizer, rows, DDOQ_FP16, N, D, 0, &one), DDOQ_CANCELLED, "stopped");
    __atomic_store_n(&w.stop_after, 1, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    check(one == NULL, "an output was written");
    ddoq_quantizer_destroy(quantizer);
    free(rows);
}

static void bad_arguments(void) {
    enum { N = 12, D = 5 };
    void* rows = make_rows(DDOQ_FP32, N, D, 1, NULL);
    ddoq_quantizer_options o = defaults(3);
    ddoq_quantizer* quantizer = create(&o);
    ddoq_quantization* one = NULL;
    failure(ddoq_quantizer_create(NULL, &quantizer), DDOQ_INVALID_ARGUMENT, "options is null");
    failure(ddoq_quantizer_create(&o, NULL), DDOQ_INVALID_ARGUMENT, "quantizer is null");
    failure(ddoq_quantizer_fit(NULL, rows, DDOQ_FP32, N, D, 0, &one), DDOQ_INVALID_ARGUMENT, "quantizer is null");
    failure(ddoq_quantizer_fit(quantizer, NULL, DDOQ_FP32, N, D, 0, &one), DDOQ_INVALID_ARGUMENT, "null");
    failure(ddoq_quantizer_fit(quantizer, rows, DDOQ_FP32, -1, D, 0, &one), DDOQ_INVALID_ARGUMENT, "row_count is -1");
    failure(ddoq_quantizer_fit(quantizer, rows, DDOQ_FP32, INT64_MAX, D, 0, &one), DDOQ_INVALID_ARGUMENT, "row_count");
    failure(ddoq_quantizer_fit(quantizer, rows, DDOQ_FP32, N, 0, 0, &one), DDOQ_INVALID_ARGUMENT, "dimension is 0");
    failure(ddoq_quantizer_fit(quantizer, rows, (ddoq_type)7, N, D, 0, &one), DDOQ_INVALID_ARGUMENT, "type is 7");
    failure(ddoq_quantizer_fit(quantizer, rows, DDOQ_FP32, N, D, -3, &one), DDOQ_INVALID_ARGUMENT, "class_index is -3");
    failure(ddoq_quantizer_fit(quantizer, rows, DDOQ_FP32, N, D, 0, NULL), DDOQ_INVALID_ARGUMENT, "quantization");
    failure(ddoq_quantizer_fit_classes(quantizer, NULL, class_rows, 1, DDOQ_FP32, D, &one, NULL, NULL),
            DDOQ_INVALID_ARGUMENT, "rows");
    failure(ddoq_quantizer_fit_classes(quantizer, (const void* const*)&rows, NULL, 1, DDOQ_FP32, D, &one, NULL, NULL),
            DDOQ_INVALID_ARGUMENT, "row_counts");
    failure(
        ddoq_quantizer_fit_classes(quantizer, (const void* const*)&rows, class_rows, 0, DDOQ_FP32, D, &one, NULL, NULL),
        DDOQ_INVALID_ARGUMENT, "class_count is 0");
    check(one == NULL, "an output was written");

    for (int type = DDOQ_FP16; type <= DDOQ_FP32; type++)
        for (int bad = 0; bad < 2; bad++) {
            void* broken = make_rows((ddoq_type)type, N, D, 1, NULL);
            store_value(broken, (ddoq_type)type, 7 * D + 2, bad == 0 ? NAN : -INFINITY);
            failure(ddoq_quantizer_fit(quantizer, broken, (ddoq_type)type, N, D, 4, &one), DDOQ_FAILED, "row 7");
            check(strstr(ddoq_last_error(), "class 4") != NULL && strstr(ddoq_last_error(), "value 2") != NULL, "%s",
                  ddoq_last_error());
            check(ddoq_last_hint()[0] != 0, "no hint");
            const float centroid[D] = {0};
            int32_t labels[N];
            failure(ddoq_predict(centroid, 1, D, broken, (ddoq_type)type, N, labels, NULL), DDOQ_FAILED, "Row 7");
            free(broken);
        }

    /* Handles that were destroyed, or belong to something else. */
    success(ddoq_quantizer_fit(quantizer, rows, DDOQ_FP32, N, D, 0, &one));
    failure(ddoq_quantizer_fit((ddoq_quantizer*)one, rows, DDOQ_FP32, N, D, 0, &one), DDOQ_INVALID_ARGUMENT, "kind");
    ddoq_quantizer_destroy((ddoq_quantizer*)one); /* passed over */
    check(ddoq_quantization_labels(one) != NULL, "destroyed as another kind");
    ddoq_quantization_destroy(one);
    ddoq_quantization_destroy(one);
    ddoq_quantization_destroy(NULL);
    check(ddoq_quantization_centroids(one) == NULL && strstr(ddoq_last_error(), "destroyed") != NULL,
          "use after the end");
    ddoq_quantization_info info = {.size = sizeof info};
    failure(ddoq_quantization_get_info(one, &info), DDOQ_INVALID_ARGUMENT, "destroyed");
    ddoq_quantizer_destroy(quantizer);
    failure(ddoq_quantizer_cancel(quantizer), DDOQ_INVALID_ARGUMENT, "destroyed");
    check(ddoq_quantizer_description(quantizer) == NULL, "a destroyed quantiser has a description");

    int64_t counts[2] = {3, -1};
    float weights[2];
    failure(ddoq_weights(DDOQ_WEIGHT_DIRECT, counts, 2, weights), DDOQ_FAILED, "-1");
    failure(ddoq_weights((ddoq_weight_rule)9, counts, 2, weights), DDOQ_INVALID_ARGUMENT, "rule is 9");
    failure(ddoq_weights(DDOQ_WEIGHT_DIRECT, NULL, 2, weights), DDOQ_INVALID_ARGUMENT, "counts");
    const float centroid[D] = {NAN};
    int32_t labels[N];
    failure(ddoq_predict(centroid, 1, D, rows, DDOQ_FP32, N, labels, NULL), DDOQ_FAILED, "Centroid 0");
    failure(ddoq_predict(NULL, 1, D, rows, DDOQ_FP32, N, labels, NULL), DDOQ_INVALID_ARGUMENT, "centroids");
    failure(ddoq_predict(centroid, 0, D, rows, DDOQ_FP32, N, labels, NULL), DDOQ_INVALID_ARGUMENT, "centroid_count");
    failure(ddoq_predict(centroid, 1, D, rows, DDOQ_FP32, -1, labels, NULL), DDOQ_INVALID_ARGUMENT, "row_count");
    free(rows);

    ddoq_store* store = NULL;
    ddoq_prototypes* prototypes = NULL;
    failure(ddoq_store_open("/nowhere/latents", &store), DDOQ_FAILED, "/nowhere/latents");
    failure(ddoq_store_open(NULL, &store), DDOQ_INVALID_ARGUMENT, "path is null");
    failure(ddoq_store_open("", &store), DDOQ_INVALID_ARGUMENT, "path is empty");
    failure(ddoq_prototypes_open("/nowhere/p.safetensors", &prototypes), DDOQ_FAILED, "/nowhere");
    check(store == NULL && prototypes == NULL, "an output was written");
    ddoq_store_close(NULL);
    ddoq_prototypes_close(NULL);
}

static void device(void) {
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

static void loss(void) {
    enum { B = 7, C = 11 };
    float z[B * C], p[B * C], w[B], losses[B], gradients[B * C];
    state = 4;
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
static void stores(void) {
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

enum { Threads = 4, ThreadRows = 90, ThreadDimension = 16 };
static ddoq_quantizer* shared;
static void* shared_rows;

typedef struct {
    int number, wrong;
    float centroids[5 * ThreadDimension];
} Work;

static void* use_library(void* argument) {
    Work* work = argument;
    char expected[40];
    snprintf(expected, sizeof expected, "row_count is %d;", -10 - work->number);
    for (int round = 0; round < 50; round++) {
        ddoq_quantization* one = NULL;
        if (ddoq_quantizer_fit(shared, shared_rows, DDOQ_FP16, -10 - work->number, ThreadDimension, 0, &one) !=
            DDOQ_INVALID_ARGUMENT)
            work->wrong++;
        const char* words = ddoq_last_error();
        if (ddoq_quantizer_fit(shared, shared_rows, DDOQ_FP16, ThreadRows, ThreadDimension, 0, &one) != DDOQ_SUCCESS)
            work->wrong++;
        else
            memcpy(work->centroids, ddoq_quantization_centroids(one), sizeof work->centroids);
        ddoq_quantization_destroy(one);
        /* A success leaves the words of the failure before it, and they are this thread's. */
        if (words != ddoq_last_error() || strncmp(words, expected, strlen(expected)) != 0)
            work->wrong++;
    }
    return NULL;
}

static void threads(void) {
    ddoq_quantizer_options o = defaults(5);
    shared = create(&o);
    shared_rows = make_rows(DDOQ_FP16, ThreadRows, ThreadDimension, 2, NULL);
    pthread_t ids[Threads];
    static Work work[Threads];
    for (int i = 0; i < Threads; i++) {
        work[i].number = i;
        pthread_create(&ids[i], NULL, use_library, &work[i]);
    }
    for (int i = 0; i < Threads; i++) {
        pthread_join(ids[i], NULL);
        check(work[i].wrong == 0, "thread %d: %d wrong", i, work[i].wrong);
        check(memcmp(work[i].centroids, work[0].centroids, sizeof work[0].centroids) == 0, "thread %d: other bits", i);
    }
    ddoq_quantizer_destroy(shared);
    free(shared_rows);
}

static void use_everything(void) {
    ddoq_quantizer_options o = defaults(5);
    ddoq_quantizer* quantizer = create(&o);
    ddoq_quantization* one = NULL;
    failure(ddoq_quantizer_fit(quantizer, shared_rows, DDOQ_FP16, -1, ThreadDimension, 0, &one), DDOQ_INVALID_ARGUMENT,
            "-1");
    success(ddoq_quantizer_fit(quantizer, shared_rows, DDOQ_FP16, ThreadRows, ThreadDimension, 0, &one));
    int32_t labels[ThreadRows];
    double distances[ThreadRows];
    success(ddoq_predict(ddoq_quantization_centroids(one), 5, ThreadDimension, shared_rows, DDOQ_FP16, ThreadRows,
                         labels, distances));
    ddoq_quantization_destroy(one);
    ddoq_quantization* two[2] = {NULL, NULL};
    const void* rows[2] = {shared_rows, shared_rows};
    const int64_t counts[2] = {ThreadRows, ThreadRows / 2};
    Watch w = {0};
    success(ddoq_quantizer_fit_classes(quantizer, rows, counts, 2, DDOQ_FP16, ThreadDimension, two, watch, &w));
    ddoq_quantization_destroy(two[0]);
    ddoq_quantization_destroy(two[1]);
    ddoq_quantizer_destroy(quantizer);
}

/* Memory outside the collector's heap (centres, Gram matrices, texts) after many rounds is that after few. */
static void leaks(void) {
    shared_rows = make_rows(DDOQ_FP16, ThreadRows, ThreadDimension, 2, NULL);
    for (int round = 0; round < 50; round++)
        use_everything();
    const size_t before = mallinfo2().uordblks;
    for (int round = 0; round < 300; round++)
        use_everything();
    const size_t after = mallinfo2().uordblks;
    /* A round takes some 100 KB; what the collector has not come round to may be a few of them. */
    check(after < before + (1 << 20), "%zu bytes after 50 rounds, %zu after 350", before, after);
    free(shared_rows);
}

int main(int argc, char** argv) {
    const struct {
        const char* name;
        void (*body)(void);
    } cases[] = {{"library", library},
                 {"options", options},
                 {"fit", fit},
                 {"classes", classes},
                 {"cancellation", cancellation},
                 {"bad arguments", bad_arguments},
                 {"device", device},
                 {"loss", loss},
                 {"stores", stores},
                 {"threads", threads},
                 {"leaks", leaks}};
    int passed = 0, ran = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (argc > 1 && strstr(cases[i].name, argv[1]) == NULL)
            continue;
        const int before = failures;
        current = cases[i].name;
        cases[i].body();
        ran++;
        if (failures == before) {
            passed++;
            printf("passed  %s\n", current);
        }
        fflush(stdout);
    }
    printf("%d passed, %d failed\n", passed, ran - passed);
    return passed == ran && ran > 0 ? 0 : 1;
}
