/* Quantises one class of rows in memory with libddoq: centres, counts, weights, and the centres of new rows. */
#include <ddoq.h>
#include <stdio.h>
#include <stdlib.h>

enum { Rows = 200, Dimension = 16, Centroids = 3 };

static void call(ddoq_status status) {
    if (status == DDOQ_SUCCESS)
        return;
    fprintf(stderr, "error: %s\n", ddoq_last_error());
    if (ddoq_last_hint()[0] != 0)
        fprintf(stderr, "hint: %s\n", ddoq_last_hint());
    exit(1);
}

int main(void) {
    /* Points near 10, 20 and 30 on the axis 0, 1 or 2. */
    static float rows[Rows][Dimension];
    unsigned state = 1;
    for (int i = 0; i < Rows; i++) {
        for (int d = 0; d < Dimension; d++) {
            state = state * 1103515245u + 12345u;
            rows[i][d] = (float)(state >> 16 & 0xFF) / 256.0f;
        }
        rows[i][i % Centroids] += 10.0f * (float)(i % Centroids + 1);
    }

    ddoq_quantizer_options options;
    call(ddoq_quantizer_options_init(&options, sizeof options));
    options.centroid_count = Centroids;
    options.seed = 1;
    ddoq_quantizer* quantizer;
    call(ddoq_quantizer_create(&options, &quantizer));
    ddoq_quantization* result;
    call(ddoq_quantizer_fit(quantizer, rows, DDOQ_FP32, Rows, Dimension, 0, &result));

    ddoq_quantization_info info = {.size = sizeof info};
    call(ddoq_quantization_get_info(result, &info));
    const int64_t* counts = ddoq_quantization_counts(result);
    float weights[Centroids];
    call(ddoq_weights(DDOQ_WEIGHT_SQUARE_ROOT, counts, Centroids, weights));
    printf("libddoq %s, %s: distortion %.3f after %lld iterations\n", ddoq_version(),
           ddoq_quantizer_description(quantizer), info.distortion, (long long)info.iteration_count);
    for (int k = 0; k < info.centroid_count; k++)
        printf("centre %d: %lld rows, weight %.3f\n", k, (long long)counts[k], weights[k]);

    /* The rows as they are: every label is that of the fit. */
    int32_t labels[Rows];
    double distances[Rows], sum = 0;
    call(ddoq_predict(ddoq_quantization_centroids(result), Centroids, Dimension, rows, DDOQ_FP32, Rows, labels,
                      distances));
    const int32_t* fitted = ddoq_quantization_labels(result);
    int same = 0;
    for (int i = 0; i < Rows; i++) {
        same += labels[i] == fitted[i];
        sum += distances[i];
    }
    printf("predicted again: %d of %d labels, distortion %.3f\n", same, Rows, sum / Rows);
    ddoq_quantization_destroy(result);
    ddoq_quantizer_destroy(quantizer);
    return same == Rows ? 0 : 1;
}
