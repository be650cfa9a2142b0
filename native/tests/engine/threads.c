/* Several threads, cancellation, and memory over many rounds. */
#include "frame.h"

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void* cancel_soon(void* argument) {
    Watch* w = argument;
    while (__atomic_load_n(&w->stop_after, __ATOMIC_ACQUIRE) == 0) {
        usleep(1000);
        ddoq_quantizer_cancel(w->to_cancel);
    }
    return NULL;
}

/* Another thread stops a fit that would take minutes. */
void cancellation(void) {
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

void threads(void) {
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
void leaks(void) {
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
