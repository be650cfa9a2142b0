/* DDOQ's CUDA kernels for C and C++ programs: each call puts one kernel on the caller's stream.
 *
 * The library needs no CUDA toolkit and no .NET: it carries the compiled kernels, and finds the driver (libcuda) when a
 * ddoq_kernels is created in the caller's current context. It allocates no device memory and never waits for the
 * device. All pointers in parameter structs are device memory (or memory that the device can read), except where noted.
 * Arrays must stay alive until the kernel has run; the structs themselves are copied by the call.
 *
 * What each kernel computes, its numerics and limits are written at the top of kernels/<operation>.cu. Notation: N rows
 * of a class, D elements of a row, K centroids of a class, C classes, B rows of a batch. Matrices are row-major;
 * strides count elements. Errors: a status, and words for it from ddoq_kernels_last_error.
 */
#ifndef DDOQ_KERNELS_H
#define DDOQ_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "ddoq_types.h"

#define DDOQ_KERNELS_API __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ddoq_kernels ddoq_kernels; /* the kernels, loaded into one context; not for several threads at a time */
typedef void* ddoq_stream;                /* a CUstream or cudaStream_t; NULL for the default stream */

/* Loads the kernels into the context that is current on the calling thread. */
DDOQ_KERNELS_API ddoq_status ddoq_kernels_create(ddoq_kernels** kernels);
/* Unloads them. Their work must be done. NULL is allowed. */
DDOQ_KERNELS_API void ddoq_kernels_destroy(ddoq_kernels* kernels);
/* What went wrong in the last failed call of this thread, and what to do. Valid until the next call of this thread. */
DDOQ_KERNELS_API const char* ddoq_kernels_last_error(void);

/* One class of many: its rows, centroids and Gram matrix in arrays that hold all classes. */
typedef struct ddoq_class_range {
    int64_t row_begin;
    int64_t centroid_begin;
    int64_t gram_begin;     /* elements */
    int32_t row_count;      /* N */
    int32_t centroid_count; /* K */
    int32_t gram_stride;    /* elements between rows of the Gram matrix, at least N */
    int32_t reserved;
} ddoq_class_range;

typedef enum ddoq_operation {
    DDOQ_ASSIGN = 0,
    DDOQ_GRAM = 1,
    DDOQ_CENTER = 2,
    DDOQ_CENTROIDS_MEAN = 3,
    DDOQ_CENTROIDS_COMBINE = 4,
    DDOQ_DISTANCES = 5,
    DDOQ_CLVQ_UPDATE = 6
} ddoq_operation;

/* Host memory: fills tile_begin (class_count + 1 entries), which the operation wants in device memory, and returns the
 * number of tiles; -1 for a count that is negative or too large. `max_centroids` is the largest K of the classes, which
 * chooses ddoq_assign's variant: give both calls the same. */
DDOQ_KERNELS_API int64_t ddoq_tiles(ddoq_operation operation, ddoq_type type, const ddoq_class_range* classes,
                                    int32_t class_count, int32_t dimension, int32_t max_centroids, int32_t* tile_begin);

/* Squared norms of rows. */
typedef struct ddoq_norms_parameters {
    const void* rows;
    float* norms; /* (N) out */
    int64_t row_stride;
    int64_t row_count;
    int32_t dimension;
    int32_t reserved;
} ddoq_norms_parameters;
DDOQ_KERNELS_API ddoq_status ddoq_norms(ddoq_kernels* kernels, ddoq_type type, const ddoq_norms_parameters* parameters,
                                        ddoq_stream stream);

/* The mean of each class, rounded to fp16 values. */
typedef struct ddoq_class_mean_parameters {
    const void* rows;
    const ddoq_class_range* classes;
    float* means; /* (C, D) out */
    int64_t row_stride;
    int32_t dimension;
    int32_t class_count;
} ddoq_class_mean_parameters;
DDOQ_KERNELS_API ddoq_status ddoq_class_mean(ddoq_kernels* kernels, ddoq_type type,
                                             const ddoq_class_mean_parameters* parameters, ddoq_stream stream);

/* Norms of rows less the mean of their class, and the shifts that take the mean out of a Gram matrix. */
typedef struct ddoq_center_parameters {
    const void* rows;
    const float* means; /* (C, D) */
    const ddoq_class_range* classes;
    const int32_t* tile_begin;
    float* norms;  /* (rows) out */
    float* shifts; /* (rows) out */
    int64_t row_stride;
    int32_t dimension;
    int32_t class_count;
} ddoq_center_parameters;
DDOQ_KERNELS_API ddoq_status ddoq_center(ddoq_kernels* kernels, ddoq_type type,
                                         const ddoq_center_parameters* parameters, ddoq_stream stream);

/* Gram matrices. */
typedef struct ddoq_gram_parameters {
    const void* rows;
    const float* row_norms;  /* (rows) for the diagonal, or NULL */
    const float* row_shifts; /* (rows) or NULL */
    const ddoq_class_range* classes;
    const int32_t* tile_begin;
    float* gram; /* out */
    int64_t row_stride;
    int32_t dimension;
    int32_t class_count;
} ddoq_gram_parameters;
DDOQ_KERNELS_API ddoq_status ddoq_gram(ddoq_kernels* kernels, ddoq_type type, const ddoq_gram_parameters* parameters,
                                       ddoq_stream stream);

/* fp32 centroids as one or two parts of a 16-bit type, and their norms, for ddoq_assign. Not for DDOQ_FP32. */
typedef struct ddoq_centroid_parts_parameters {
    const float* centroids; /* (K, D) */
    void* parts;            /* (part_count, K, D) out */
    float* norms;           /* (K) out */
    int64_t centroid_stride;
    int64_t part_row_stride;
    int64_t part_stride;
    int64_t centroid_count; /* all classes together */
    int32_t dimension;
    int32_t part_count; /* 1 or 2 */
} ddoq_centroid_parts_parameters;
DDOQ_KERNELS_API ddoq_status ddoq_centroid_parts(ddoq_kernels* kernels, ddoq_type type,
                                                 const ddoq_centroid_parts_parameters* parameters, ddoq_stream stream);

/* The nearest centroid of every row, the lowest among equals. */
typedef struct ddoq_assign_parameters {
    const void* rows;
    const void* centroids;       /* (parts, centroids, D) of the rows' type */
    const float* centroid_norms; /* (centroids) */
    const float* row_norms;      /* (rows) or NULL */
    const ddoq_class_range* classes;
    const int32_t* tile_begin;
    int32_t* labels;  /* (rows) out: 0-based within the class */
    float* distances; /* (rows) out, or NULL */
    int64_t row_stride;
    int64_t centroid_stride;
    int64_t centroid_part_stride;
    int32_t dimension;
    int32_t class_count;
    int32_t parts; /* 1 or 2; 1 for DDOQ_FP32 */
    int32_t reserved;
} ddoq_assign_parameters;
DDOQ_KERNELS_API ddoq_status ddoq_assign(ddoq_kernels* kernels, ddoq_type type, int32_t max_centroids,
                                         const ddoq_assign_parameters* parameters, ddoq_stream stream);

/* Means of cells; centroids without rows are left alone. */
typedef struct ddoq_centroids_parameters {
    const void* rows;
    const ddoq_class_range* classes;
    const int32_t* tile_begin;
    const int32_t* labels; /* (rows) */
    float* centroids;      /* (centroids, D) out */
    int32_t* counts;       /* (centroids) out, or NULL */
    int64_t row_stride;
    int64_t centroid_stride;
    int32_t dimension;
    int32_t class_count;
} ddoq_centroids_parameters;
DDOQ_KERNELS_API ddoq_status ddoq_centroids_mean(ddoq_kernels* kernels, ddoq_type type,
                                                 const ddoq_centroids_parameters* parameters, ddoq_stream stream);

/* Linear combinations of rows. */
typedef struct ddoq_combine_parameters {
    const void* rows;
    const float* means; /* (C, D) or NULL */
    const ddoq_class_range* classes;
    const int32_t* tile_begin;
    const float* coefficients;
    const int64_t* coefficient_begin; /* (C) */
    const int32_t* selected;          /* (centroids) or NULL */
    float* centroids;                 /* (centroids, D) out */
    int64_t row_stride;
    int64_t centroid_stride;
    int32_t dimension;
    int32_t class_count;
} ddoq_combine_parameters;
DDOQ_KERNELS_API ddoq_status ddoq_centroids_combine(ddoq_kernels* kernels, ddoq_type type,
                                                    const ddoq_combine_parameters* parameters, ddoq_stream stream);

/* Squared distance of every row to the centroid of its label, in fp64. */
typedef struct ddoq_distances_parameters {
    const void* rows;
    const float* centroids; /* (centroids, D) */
    const ddoq_class_range* classes;
    const int32_t* tile_begin;
    const int32_t* labels; /* (rows) */
    double* distances;     /* (rows) out */
    int64_t row_stride;
    int64_t centroid_stride;
    int32_t dimension;
    int32_t class_count;
} ddoq_distances_parameters;
DDOQ_KERNELS_API ddoq_status ddoq_distances(ddoq_kernels* kernels, ddoq_type type,
                                            const ddoq_distances_parameters* parameters, ddoq_stream stream);

#ifdef __cplusplus
}
#endif

#include "ddoq_kernels_algorithms.h"

#endif
