/* Distils a stream of batches with libddoq, as an encoder hands them out: rows of mixed classes go to the class that is
 * theirs, each class is quantised when all has come, and the prototypes are written for the program's next stages.
 *
 *   stream_batches PROTOTYPES
 */
#include <ddoq.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    Classes = 3,
    Channels = 4,
    Side = 4,
    Dimension = Channels * Side * Side,
    BatchRows = 32,
    Batches = 20,
    Centres = 5
};

static void call(ddoq_status status) {
    if (status == DDOQ_SUCCESS)
        return;
    fprintf(stderr, "error: %s\n", ddoq_last_error());
    if (ddoq_last_hint()[0] != 0)
        fprintf(stderr, "hint: %s\n", ddoq_last_hint());
    exit(1);
}

/* Stands for the encoder of a real pipeline: a batch of latents and the class of each. */
static void next_batch(float latents[BatchRows][Dimension], int classes[BatchRows]) {
    static unsigned state = 1;
    for (int i = 0; i < BatchRows; i++) {
        state = state * 1103515245u + 12345u;
        classes[i] = (int)(state >> 16) % Classes;
        for (int d = 0; d < Dimension; d++) {
            state = state * 1103515245u + 12345u;
            latents[i][d] = (float)(state >> 16 & 0xFF) / 256.0f + (float)(d % Classes == classes[i]);
        }
    }
}

int main(int argc, char** argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: stream_batches PROTOTYPES\n");
        return 2;
    }
    if (ddoq_abi_version() < DDOQ_ABI_VERSION) {
        fprintf(stderr, "error: libddoq %s is older than this program's header\n", ddoq_version());
        return 1;
    }
    const char* names[Classes] = {"cat", "dog", "bird"};
    ddoq_class* classes[Classes];
    for (int c = 0; c < Classes; c++)
        call(ddoq_class_open(DDOQ_FP32, Dimension, c, BatchRows * Batches / Classes, &classes[c]));
    for (int batch = 0; batch < Batches; batch++) {
        static float latents[BatchRows][Dimension];
        int labels[BatchRows];
        next_batch(latents, labels);
        for (int i = 0; i < BatchRows; i++)
            call(ddoq_class_add(classes[labels[i]], latents[i], 1, NULL));
    }

    ddoq_quantizer_options options;
    call(ddoq_quantizer_options_init(&options, sizeof options));
    options.centroid_count = Centres;
    options.seed = 1;
    ddoq_quantizer* quantizer;
    call(ddoq_quantizer_create(&options, &quantizer));
    ddoq_quantization* results[Classes];
    for (int c = 0; c < Classes; c++) {
        int64_t rows;
        call(ddoq_class_row_count(classes[c], &rows));
        call(ddoq_class_finish(classes[c], quantizer, &results[c]));
        ddoq_class_close(classes[c]);
        ddoq_quantization_info info = {.size = sizeof info};
        call(ddoq_quantization_get_info(results[c], &info));
        printf("%s: %lld rows, distortion %.3f\n", names[c], (long long)rows, info.distortion);
    }
    call(ddoq_prototypes_write(argv[1], quantizer, results, names, Classes, Channels, Side, Side));
    printf("%s: %d classes, %d centres each\n", argv[1], Classes, Centres);
    for (int c = 0; c < Classes; c++)
        ddoq_quantization_destroy(results[c]);
    ddoq_quantizer_destroy(quantizer);
    return 0;
}
