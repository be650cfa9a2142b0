/* libddoq through its C interface: results against plain loops, every kind of bad argument, threads, cancellation. */
#include "frame.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures = 0;
static const char* current = "";

void check(int condition, const char* format, ...) {
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

void success(ddoq_status status) {
    check(status == DDOQ_SUCCESS, "status %d: %s", status, ddoq_last_error());
}

void failure(ddoq_status status, ddoq_status expected, const char* word) {
    check(status == expected, "status %d instead of %d: %s", status, expected, ddoq_last_error());
    check(status == DDOQ_SUCCESS || strstr(ddoq_last_error(), word) != NULL, "'%s' says nothing of '%s'",
          ddoq_last_error(), word);
}

static uint64_t state;

void seed_with(uint64_t seed) {
    state = seed;
}

float uniform(void) {
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

void store_value(void* rows, ddoq_type type, size_t index, float value) {
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
void* make_rows(ddoq_type type, int rows, int dimension, uint64_t seed, float* values) {
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

ddoq_quantizer_options defaults(int centroids) {
    ddoq_quantizer_options options;
    success(ddoq_quantizer_options_init(&options, sizeof options));
    options.centroid_count = centroids;
    options.seed = 7;
    options.workers = 2;
    return options;
}

ddoq_quantizer* create(const ddoq_quantizer_options* options) {
    ddoq_quantizer* quantizer = NULL;
    success(ddoq_quantizer_create(options, &quantizer));
    return quantizer;
}

ddoq_quantization_info info_of(ddoq_quantization* one) {
    ddoq_quantization_info info = {.size = sizeof info};
    success(ddoq_quantization_get_info(one, &info));
    return info;
}

double squared_distance(const float* a, const float* b, int dimension) {
    double sum = 0;
    for (int d = 0; d < dimension; d++)
        sum += ((double)a[d] - b[d]) * ((double)a[d] - b[d]);
    return sum;
}

int32_t watch(void* user_data, const ddoq_progress* progress) {
    Watch* w = user_data;
    if (progress->class_index < 0)
        return 0;
    w->calls++;
    if (progress->size != sizeof *progress || progress->classes_done != w->last_done + 1)
        w->calls = -1000;
    w->last_done = progress->classes_done;
    return w->calls == w->stop_after;
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
                 {"selection", selection},
                 {"distances", distances},
                 {"batches", batches},
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
