/* Options and arguments: defaults, versions of structs, and everything that is refused. */
#include "frame.h"

#include <ddoq_kernels_algorithms.h> /* both headers in one program */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(ddoq_quantizer_options) == 112 && sizeof(ddoq_progress) == 48, "sizes of the first version");
_Static_assert(offsetof(ddoq_quantization_info, energy_distance) == 88, "the first version ends here");
_Static_assert(sizeof(ddoq_quantization_info) == 96, "sizes of the second version");
_Static_assert(sizeof(ddoq_selection_options) == 40 && sizeof(ddoq_selection_info) == 48, "sizes of the first version");
_Static_assert(sizeof(ddoq_store_info) == 32 && sizeof(ddoq_prototypes_info) == 32, "sizes of the first version");

void library(void) {
    int major, minor, patch;
    check(sscanf(ddoq_version(), "%d.%d.%d", &major, &minor, &patch) == 3, "version '%s'", ddoq_version());
    check(ddoq_abi_version() == DDOQ_ABI_VERSION, "interface %d", ddoq_abi_version());
    check(ddoq_instruction_set() != NULL, "no instruction set: %s", ddoq_last_error());
    const char* forced = getenv("DDOQ_SIMD");
    if (forced != NULL)
        check(strcmp(ddoq_instruction_set(), forced) == 0, "%s instead of %s", ddoq_instruction_set(), forced);
}

/* A program that was compiled with the first header: its struct ends earlier, and nothing behind it is touched. */
static void old_structs(void) {
    enum { Old = 88 };
    const float rows[6] = {0, 1, 2, 10, 11, 12};
    ddoq_quantizer_options o = defaults(2);
    o.algorithm = DDOQ_SUPPORT;
    ddoq_quantizer* quantizer = create(&o);
    ddoq_quantization* one = NULL;
    success(ddoq_quantizer_fit(quantizer, rows, DDOQ_FP32, 6, 1, 0, &one));
    ddoq_quantization_info whole = info_of(one), old;
    memset(&old, 0xA5, sizeof old);
    old.size = Old;
    success(ddoq_quantization_get_info(one, &old));
    whole.size = Old;
    check(memcmp(&old, &whole, Old) == 0, "the fields of the first version");
    const unsigned char* behind = (const unsigned char*)&old;
    for (size_t i = Old; i < sizeof old; i++)
        check(behind[i] == 0xA5, "byte %zu behind an old struct was written", i);
    /* The second version's field: 2 E|X - Z| - E|X - X'| - E|Z - Z'| from the definition. */
    const float* z = ddoq_quantization_centroids(one);
    double energy = 0;
    for (int i = 0; i < 6; i++) {
        for (int k = 0; k < 2; k++)
            energy += 2 * fabs(rows[i] - z[k]) / 12;
        for (int j = 0; j < 6; j++)
            energy -= fabs(rows[i] - rows[j]) / 36;
    }
    energy -= 2 * fabs(z[0] - z[1]) / 4;
    /* From inner products in fp32: a point on a row is sqrt(36 / 2^23) = 2e-3 from it. */
    check(fabs(whole.energy_distance - energy) < 2e-3, "energy distance %g not %g", whole.energy_distance, energy);
    ddoq_quantization_destroy(one);
    ddoq_quantizer_destroy(quantizer);

    ddoq_selection_options choice;
    success(ddoq_selection_options_init(&choice, sizeof choice));
    check(choice.count == 10 && choice.objective == DDOQ_SELECT_ENERGY && choice.starts == 1 &&
              choice.max_sweeps == 100 && choice.seed == 0 && choice.measure_energy_distance == 0,
          "defaults of a selection");
}

void options(void) {
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

    old_structs();

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

void bad_arguments(void) {
    const int64_t class_rows[1] = {12};
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
