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

/* The interface that this header describes. A program compiled with one header runs with every library whose
 * ddoq_abi_version is not below the header's DDOQ_ABI_VERSION: functions and fields are added, never changed. 1: the
 * first; 2: selection, distances, classes in batches, ddoq_prototypes_write, energy_distance of ddoq_quantization_info.
 */
#define DDOQ_ABI_VERSION 2
int32_t ddoq_abi_version(void);
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

/* ---- rows that come in batches ---- */

/* The rows of one class, gathered in memory of the library: for pipelines whose encoder hands out a batch at a time.
 * One for each class takes batches of mixed classes. */
typedef struct ddoq_class ddoq_class;
/*   class_index    names the random streams, see ddoq_quantizer_fit
 *   expected_rows  memory is taken for so many at once; 0 when unknown */
ddoq_status ddoq_class_open(ddoq_type type, int32_t dimension, int32_t class_index, int64_t expected_rows,
                            ddoq_class** opened);
/* Copies a batch behind the rows so far.
 *   rows            row_count x D values of the class's type; a value that ddoq_quantizer_fit refuses is refused here,
 *                   its row counted from the first of the class, and nothing of the batch is taken
 *   sample_weights  (row_count), or NULL: 1 each */
ddoq_status ddoq_class_add(ddoq_class* one, const void* rows, int64_t row_count, const float* sample_weights);
ddoq_status ddoq_class_row_count(ddoq_class* one, int64_t* row_count);
/* Quantises the rows so far, to the bits of ddoq_quantizer_fit on all of them. They stay: more can be added. */
ddoq_status ddoq_class_finish(ddoq_class* one, ddoq_quantizer* quantizer, ddoq_quantization** quantization);
/* Frees the rows. NULL is allowed. */
void ddoq_class_close(ddoq_class* one);

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
    double energy_distance; /* of rows and centres, all alike; NaN where the iterations do not give it; ABI 2 */
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

/* What points stand for among rows: labels as of ddoq_predict, and the shares of the rows.
 *   points     K x D     rows  N x D of `type`, finite     sample_weights  (N), NULL when all rows weigh the same
 *   labels     (N) out   counts  (K) out: rows nearest to each   masses  (K) out: their share of the weight, sums to 1
 *   distortion out: mean squared distance of the rows, by their weights, to the nearest point. Each out may be NULL. */
ddoq_status ddoq_point_masses(const float* points, int32_t point_count, int32_t dimension, const void* rows,
                              ddoq_type type, int64_t row_count, const float* sample_weights, int32_t* labels,
                              int64_t* counts, double* masses, double* distortion);

/* ---- selection ---- */

typedef enum ddoq_objective {
    DDOQ_SELECT_ENERGY = 0,      /* least energy distance to the rows at equal weights: greedy, then swaps */
    DDOQ_SELECT_WASSERSTEIN = 1, /* k-medoids: least mean squared distance of the rows to the nearest chosen */
    DDOQ_SELECT_NEAREST = 2,     /* one for each of K given centres, with the least sum of squared distances */
    DDOQ_SELECT_HERDING = 3,     /* each next one brings the mean of the chosen nearest to the mean of the rows */
    DDOQ_SELECT_K_CENTER = 4,    /* each next one is the farthest from those chosen, the first is drawn */
    DDOQ_SELECT_RANDOM = 5
} ddoq_objective;

typedef struct ddoq_selection_options {
    uint32_t size;                   /* of this struct, set by ddoq_selection_options_init */
    int32_t count;                   /* K; fewer candidates are all chosen */
    uint64_t seed;                   /* of chance and of samples */
    int32_t objective;               /* ddoq_objective; energy */
    int32_t starts;                  /* energy, Wasserstein: the first is greedy, others random, the best is kept; 1 */
    int32_t max_sweeps;              /* of a start; 100 */
    int32_t class_index;             /* names the random streams; 0 */
    int32_t measure_energy_distance; /* 1 to have it in the info; costs up to a Gram matrix of the rows; 0 */
    int32_t reserved;
} ddoq_selection_options;

/* Fills options with the defaults above; count is 10. `size` is sizeof(ddoq_selection_options). */
ddoq_status ddoq_selection_options_init(ddoq_selection_options* options, size_t size);

typedef struct ddoq_selection_info {
    uint32_t size;          /* sizeof, set by the caller */
    int32_t count;          /* chosen: K, or all candidates */
    double objective;       /* what was made small; of a sample where more than 8192 rows or candidates were searched */
    double energy_distance; /* of the rows and the chosen at equal weights; NaN when not measured */
    double distortion;      /* mean squared distance of the rows to the nearest chosen */
    int32_t swap_count;
    int32_t reserved;
    double seconds; /* wall time */
} ddoq_selection_info;

/* Chooses K of M candidates that stand best for the rows, as `ddoq select` does, on the calling thread.
 *   rows            N x D of `type`, finite          sample_weights  (N), NULL when all rows weigh the same
 *   candidates      M x D to choose from; NULL, with candidate_count 0, for the rows themselves
 *   centroids       K x D, for DDOQ_SELECT_NEAREST; NULL for all others
 *   chosen          (K) out: indices of candidates, rising, but in the order of the centres for NEAREST; -1 behind
 *   counts          (K) out: rows nearest to each chosen; 0 behind; NULL for none
 *   labels          (N) out: index among the chosen of the nearest; NULL for none
 *   info            NULL for none
 * Beyond 8192 rows or candidates a random sample of them is searched; counts and labels are of all rows. Memory:
 * 4 (M N + M M) bytes of those searched. */
ddoq_status ddoq_select(const ddoq_selection_options* options, const void* rows, ddoq_type type, int64_t row_count,
                        int32_t dimension, const float* sample_weights, const float* candidates,
                        int64_t candidate_count, const float* centroids, int32_t* chosen, int64_t* counts,
                        int32_t* labels, ddoq_selection_info* info);

/* ---- distances of measures ---- */

/* The exact squared Wasserstein-2 distance, min over plans m of sum m_ij |x_i - y_j|^2, in fp64.
 *   x  N x D, x_weights (N)     y  K x D, y_weights (K): 0 or more with a sum above 0, which is made 1; NULL for equal
 *   squared_distance  out       plan  (N x K) out, the masses m_ij; NULL for none
 * Fast where one side is small: time N K D + N K^2, memory 8 N K bytes, N K below 2^31. */
ddoq_status ddoq_wasserstein2(const float* x, int32_t x_count, const double* x_weights, const float* y, int32_t y_count,
                              const double* y_weights, int32_t dimension, double* squared_distance, double* plan);

/* The energy distance 2 E|X - Z| - E|X - X'| - E|Z - Z'| of rows X and points Z; not squared, 0 up to rounding of fp32
 * where both are the same measure.
 *   rows    N x D of `type`, sample_weights (N)     points  K x D, point_weights (K); NULL when all weigh the same
 *   seed    names the 8192 rows that give E|X - X'| of a larger class */
ddoq_status ddoq_energy_distance(const void* rows, ddoq_type type, int64_t row_count, int32_t dimension,
                                 const float* sample_weights, const float* points, int32_t point_count,
                                 const float* point_weights, uint64_t seed, double* distance);

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

/* Writes what a quantiser made of C classes as a prototypes file, as ddoq_quantizer_fit_store does; the next stages
 * of the program take it from there.
 *   quantizations  C handles, class by class     class_names  C texts, none twice
 *   channels, height, width  of the latents: D is their product; 1, 1, D where the rows have no such shape */
ddoq_status ddoq_prototypes_write(const char* path, ddoq_quantizer* quantizer, ddoq_quantization* const* quantizations,
                                  const char* const* class_names, int32_t class_count, int32_t channels, int32_t height,
                                  int32_t width);
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
