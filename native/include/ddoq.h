/* DDOQ's engine for C, C++ and any language that calls C: optimal quantisation of labelled latents.
 *
 * Link with libddoq (Linux x64, processors with AVX2). It needs neither .NET nor CUDA; a CUDA device is used where
 * options.device asks for one and the driver (libcuda) is there.
 *
 * Conventions. Notation: N rows of a class, D values of a row, K centres of a class, C classes. Matrices are row-major
 * without gaps, in host memory. Every function may be called from any thread; a handle may be used by several threads
 * at once, but not while another destroys it. Functions that can fail return a status; ddoq_last_error gives words for
 * the last failure of the calling thread. An output argument is only written on success. Pointers that a handle hands
 * out are valid until the handle is destroyed. Text is UTF-8.
 *
 * Parameter structs start with their size, so that programs keep working when later versions add fields at the end:
 * let the library fill them (ddoq_quantizer_options_init), or set `size` to sizeof for structs that are only written.
 */
#ifndef DDOQ_H
#define DDOQ_H

#include <stddef.h>
#include <stdint.h>

#include "ddoq_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- library ---- */

/* "major.minor.patch". */
const char* ddoq_version(void);
/* The instruction set in use, for example "AVX2"; NULL when the environment variable DDOQ_SIMD names one that is
 * unknown or not supported here (see ddoq_last_error). Results have the same bits on one instruction set only. */
const char* ddoq_instruction_set(void);
/* What went wrong in the last failed call of this thread: what was found, where, what is allowed. "" if nothing did.
 * Valid until the next failed call of this thread. */
const char* ddoq_last_error(void);
/* What to do about it; "" when the error says it all. */
const char* ddoq_last_hint(void);

/* ---- quantiser ---- */

typedef enum ddoq_algorithm {
    DDOQ_D4M = 0,        /* D4M's single pass of mini-batch k-means over the rows in order */
    DDOQ_CLVQ = 1,       /* competitive learning, one random row a step */
    DDOQ_MINI_BATCH = 2, /* random batches with early stopping */
    DDOQ_LLOYD = 3,      /* until no label changes */
    DDOQ_HARTIGAN = 4,   /* Lloyd, then moves of single rows; the default */
    DDOQ_SUPPORT = 5     /* support points: K points of equal weight with the least energy distance to the rows */
} ddoq_algorithm;

typedef enum ddoq_initialization { DDOQ_GREEDY_KMEANS_PLUS_PLUS = 0, DDOQ_RANDOM_ROWS = 1 } ddoq_initialization;
typedef enum ddoq_space { DDOQ_SPACE_AUTO = 0, DDOQ_SPACE_GRAM = 1, DDOQ_SPACE_DIRECT = 2 } ddoq_space;
/* AUTO takes CUDA where it can be used, else the processor; CUDA fails with DDOQ_NO_DEVICE where it cannot. */
typedef enum ddoq_device { DDOQ_DEVICE_CPU = 0, DDOQ_DEVICE_CUDA = 1, DDOQ_DEVICE_AUTO = 2 } ddoq_device;

/* Settings of a quantiser. Equal options and data give equal bits, for any number of workers, on one instruction set.
 */
typedef struct ddoq_quantizer_options {
    uint32_t size;              /* of this struct, set by ddoq_quantizer_options_init */
    int32_t centroid_count;     /* K; a class with fewer rows gets one centre per row */
    uint64_t seed;              /* each class draws from streams of its own, named by its index */
    int32_t algorithm;          /* ddoq_algorithm */
    int32_t initialization;     /* ddoq_initialization */
    int32_t space;              /* ddoq_space: where the iterations run; the same result up to rounding */
    int32_t restarts;           /* starts, of which the best is kept; 1 */
    int32_t max_iterations;     /* 300 */
    int32_t passes;             /* D4M, CLVQ: 1 */
    int32_t batch_size;         /* mini-batch: 1024 */
    int32_t km_expand;          /* D4M: rows of a buffer in units of K; 1 */
    int32_t max_no_improvement; /* mini-batch: 10 */
    int32_t workers;            /* threads of the processor, a class each; 0 for one per logical processor */
    int32_t device;             /* ddoq_device; the processor */
    int32_t device_index;       /* CUDA: number of the device, -1 for all */
    double tolerance;           /* Lloyd stops when the distortion falls by less than this fraction; 0 */
    double reassignment_ratio;  /* D4M, mini-batch: 0.01 */
    double hold_out_fraction;   /* of each class, kept out of the fit to measure held_out_distortion; 0 */
    double clvq_scale;          /* CLVQ: step i is scale / (offset + i); scale 0 counts the centre's wins instead; 0 */
    double clvq_offset;         /* 0 */
    int64_t memory_limit;       /* bytes of the process; 0 for none */
} ddoq_quantizer_options;

/* Fills options with the defaults above; centroid_count is 10. `size` is sizeof(ddoq_quantizer_options). */
ddoq_status ddoq_quantizer_options_init(ddoq_quantizer_options* options, size_t size);

typedef struct ddoq_quantizer ddoq_quantizer;
/* Opens the device and checks every option. */
ddoq_status ddoq_quantizer_create(const ddoq_quantizer_options* options, ddoq_quantizer** quantizer);
/* NULL is allowed. */
void ddoq_quantizer_destroy(ddoq_quantizer* quantizer);
/* What does the work, for example "CPU, AVX2"; NULL for a handle that is not one. */
const char* ddoq_quantizer_description(ddoq_quantizer* quantizer);
/* Stops the fits that run with this quantiser: they return DDOQ_CANCELLED. Later ones are not affected. */
ddoq_status ddoq_quantizer_cancel(ddoq_quantizer* quantizer);

/* The quantisation of one class. */
typedef struct ddoq_quantization ddoq_quantization;

/* What a fit of many classes tells as it goes. Calls come one at a time, from a thread of the library. */
typedef struct ddoq_progress {
    uint32_t size;          /* of this struct */
    int32_t class_index;    /* the class that was completed; -1 for a message */
    int64_t classes_done;   /* so far */
    int64_t classes;        /* in all */
    const char* message;    /* words, for example that a class is left to the processor; NULL with a completed class */
    double distortion;      /* of the completed class */
    int32_t centroid_count; /* of the completed class */
    int32_t reserved;
} ddoq_progress;
/* Returns 0 to go on; anything else stops the fit, which then returns DDOQ_CANCELLED. */
typedef int32_t (*ddoq_progress_callback)(void* user_data, const ddoq_progress* progress);

/* Quantises one class on the calling thread.
 *   rows         N x D values of `type`, finite, only read; bf16 and fp32 at most 1e14 in size
 *   class_index  names the random streams: 0, or the number of the class in the data set
 * Fails with DDOQ_FAILED, naming row and value, when a value is not finite. */
ddoq_status ddoq_quantizer_fit(ddoq_quantizer* quantizer, const void* rows, ddoq_type type, int64_t row_count,
                               int32_t dimension, int32_t class_index, ddoq_quantization** quantization);
/* The same for rows that have weights, as scikit-learn's sample_weight.
 *   sample_weights  (N) finite, 0 or more; NULL when all rows weigh the same */
ddoq_status ddoq_quantizer_fit_weighted(ddoq_quantizer* quantizer, const void* rows, ddoq_type type, int64_t row_count,
                                        int32_t dimension, int32_t class_index, const float* sample_weights,
                                        ddoq_quantization** quantization);
/* Quantises C classes, `workers` at a time.
 *   rows            C pointers, each to N_c x D values; NULL for a class without rows
 *   row_counts      (C)
 *   quantizations   (C) out; all are written, or none
 *   callback        NULL for none */
ddoq_status ddoq_quantizer_fit_classes(ddoq_quantizer* quantizer, const void* const* rows, const int64_t* row_counts,
                                       int32_t class_count, ddoq_type type, int32_t dimension,
                                       ddoq_quantization** quantizations, ddoq_progress_callback callback,
                                       void* user_data);

/* ---- the quantisation of a class ---- */

typedef struct ddoq_quantization_info {
    uint32_t size; /* sizeof, set by the caller */
    int32_t class_index;
    int64_t row_count;          /* N */
    int64_t held_out_row_count; /* of them, kept out of the fit */
    int32_t dimension;          /* D */
    int32_t centroid_count;     /* K of this class */
    double distortion;          /* mean squared distance of the rows of the fit to their nearest centre */
    double held_out_distortion; /* of the rows held out; NaN without any */
    int64_t iteration_count;    /* Lloyd's iterations and Hartigan's rounds, or batches, or steps */
    int64_t move_count;         /* rows moved by Hartigan's test */
    int32_t empty_cells;        /* centres without rows */
    int32_t reserved;
    double effective_cells; /* (sum v)^2 / sum v^2 of the counts */
    double seconds;         /* wall time */
} ddoq_quantization_info;

void ddoq_quantization_destroy(ddoq_quantization* quantization);
ddoq_status ddoq_quantization_get_info(ddoq_quantization* quantization, ddoq_quantization_info* info);
/* K x D, K, and N values; NULL for a handle that is not one, and for a class without rows. */
const float* ddoq_quantization_centroids(ddoq_quantization* quantization);
const int64_t* ddoq_quantization_counts(ddoq_quantization* quantization);
const int32_t* ddoq_quantization_labels(ddoq_quantization* quantization);

/* How a prototype's weight in training follows from its count v_k. */
typedef enum ddoq_weight_rule {
    DDOQ_WEIGHT_NONE = 0,        /* 1 */
    DDOQ_WEIGHT_SQUARE_ROOT = 1, /* sqrt(K v_k / sum v) */
    DDOQ_WEIGHT_DIRECT = 2,      /* v_k / sum v */
    DDOQ_WEIGHT_INVERSE = 3      /* proportional to 1 / v_k; a control */
} ddoq_weight_rule;
/* Writes K weights. */
ddoq_status ddoq_weights(ddoq_weight_rule rule, const int64_t* counts, int32_t centroid_count, float* weights);

/* The nearest centre of each of M rows, the lowest index among equals.
 *   centroids  K x D     rows  M x D of `type`, finite
 *   labels     (M) out   distances  (M) out: squared distances to it; NULL for none */
ddoq_status ddoq_predict(const float* centroids, int32_t centroid_count, int32_t dimension, const void* rows,
                         ddoq_type type, int64_t row_count, int32_t* labels, double* distances);

/* ---- weighted loss ---- */

/* Cross-entropy with a weight per row, and its gradient in the same pass. With x = z / T and S = sum p:
 * loss = w (S log sum e^x - sum p x), less the entropy of p with subtract_entropy (the Kullback-Leibler divergence);
 * gradient = w g / T (S softmax(x) - p).
 *   logits z, targets p  (B x C)     weights w  (B), NULL for 1     gradient_scale g, for example 1 / B
 *   losses (B) out                   gradients (B x C) out; may be the logits' memory */
ddoq_status ddoq_weighted_cross_entropy(const float* logits, const float* targets, const float* weights,
                                        int64_t row_count, int32_t class_count, float temperature,
                                        int32_t subtract_entropy, float gradient_scale, float* losses,
                                        float* gradients);

/* ---- latent stores ---- */

typedef struct ddoq_store ddoq_store;
typedef struct ddoq_store_info {
    uint32_t size; /* sizeof, set by the caller */
    int32_t type;  /* ddoq_type of the values */
    int64_t row_count;
    int32_t class_count;
    int32_t channels; /* D = channels * height * width */
    int32_t height;
    int32_t width;
} ddoq_store_info;

/* Maps a store: its folder, its index file, or one safetensors file. Not for files that change meanwhile. */
ddoq_status ddoq_store_open(const char* path, ddoq_store** store);
void ddoq_store_close(ddoq_store* store);
ddoq_status ddoq_store_get_info(ddoq_store* store, ddoq_store_info* info);
/* NULL for a class or a store that does not exist. */
const char* ddoq_store_class_name(ddoq_store* store, int32_t class_index);
ddoq_status ddoq_store_class_rows(ddoq_store* store, int32_t class_index, int64_t* row_count);
/* Copies rows of a class as they are stored: row_count x D values of the store's type. */
ddoq_status ddoq_store_read(ddoq_store* store, int32_t class_index, int64_t first_row, int64_t row_count, void* rows);
/* Quantises every class and writes a prototypes file with the class names, as `ddoq quantize` does; nothing is left
 * behind unless all succeed. The file's folder must exist. Memory is the largest classes in work, whatever their
 * number: results wait in a folder beside the file. */
ddoq_status ddoq_quantizer_fit_store(ddoq_quantizer* quantizer, ddoq_store* store, const char* prototypes_path,
                                     ddoq_progress_callback callback, void* user_data);

/* ---- prototypes ---- */

typedef struct ddoq_prototypes ddoq_prototypes;
typedef struct ddoq_prototypes_info {
    uint32_t size; /* sizeof, set by the caller */
    int32_t class_count;
    int32_t centroid_count; /* K asked for; a class may have fewer */
    int32_t channels;
    int32_t height;
    int32_t width;
    uint64_t seed;
} ddoq_prototypes_info;

/* Maps prototypes.safetensors. */
ddoq_status ddoq_prototypes_open(const char* path, ddoq_prototypes** prototypes);
void ddoq_prototypes_close(ddoq_prototypes* prototypes);
ddoq_status ddoq_prototypes_get_info(ddoq_prototypes* prototypes, ddoq_prototypes_info* info);
const char* ddoq_prototypes_class_name(ddoq_prototypes* prototypes, int32_t class_index);
/* One class: K_c centres (K_c x D), their counts and their direct weights, and the distortion. Each out pointer may be
 * NULL. The arrays are the mapped file: valid until the prototypes are closed. */
ddoq_status ddoq_prototypes_class(ddoq_prototypes* prototypes, int32_t class_index, int32_t* centroid_count,
                                  const float** centroids, const int64_t** counts, const float** weights,
                                  double* distortion);

#ifdef __cplusplus
}
#endif

#endif
