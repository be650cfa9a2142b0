/* A small test frame for libddoq: checks, data, and what all cases share. */
#ifndef DDOQ_TESTS_ENGINE_FRAME_H
#define DDOQ_TESTS_ENGINE_FRAME_H

#include <ddoq.h>
#include <stddef.h>
#include <stdint.h>

/* Notes a failure of the case that runs, in words. */
void check(int condition, const char* format, ...) __attribute__((format(printf, 2, 3)));
void success(ddoq_status status);
/* The status, and an error that contains a word. */
void failure(ddoq_status status, ddoq_status expected, const char* word);

/* In [-1/2, 1/2), the same numbers after the same seed. */
void seed_with(uint64_t seed);
float uniform(void);
void store_value(void* rows, ddoq_type type, size_t index, float value);
/* N x D values that every type holds, in the type; also as floats where `values` is not NULL. For free(). */
void* make_rows(ddoq_type type, int rows, int dimension, uint64_t seed, float* values);
ddoq_quantizer_options defaults(int centroids);
ddoq_quantizer* create(const ddoq_quantizer_options* options);
ddoq_quantization_info info_of(ddoq_quantization* one);
double squared_distance(const float* a, const float* b, int dimension);

/* What a progress callback saw; it stops the fit at the call `stop_after`. */
typedef struct {
    int calls, stop_after;
    int64_t last_done;
    ddoq_quantizer* to_cancel;
} Watch;
int32_t watch(void* user_data, const ddoq_progress* progress);

/* The cases of the other files. */
void library(void);
void options(void);
void bad_arguments(void);
void fit(void);
void classes(void);
void loss(void);
void device(void);
void stores(void);
void selection(void);
void distances(void);
void batches(void);
void cancellation(void);
void threads(void);
void leaks(void);

#endif
