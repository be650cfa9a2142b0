/* The whole algorithms of ddoq_kernels.h: clustering, competitive learning, the weighted loss. Included by it. */
#ifndef DDOQ_KERNELS_ALGORITHMS_H
#define DDOQ_KERNELS_ALGORITHMS_H

#include "ddoq_kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ddoq_cluster_algorithm {
    DDOQ_CLUSTER_LLOYD = 0,   /* with options.refine: Lloyd, then Hartigan's moves */
    DDOQ_CLUSTER_BATCHES = 1, /* D4M's pass, or random mini-batches */
    DDOQ_CLUSTER_CLVQ = 2,
    DDOQ_CLUSTER_SUPPORT = 3 /* support points: K points with the least energy distance to the rows */
} ddoq_cluster_algorithm;

typedef struct ddoq_cluster_options {
    uint64_t seed;
    double tolerance;          /* Lloyd: stops when the distortion falls by less than this fraction. Support: when the
                                  energy falls twice in turn by less than this part of K random rows'; 1e-4 at least */
    double reassignment_ratio; /* batches */
    double clvq_scale;         /* 0: steps by the centroid's wins; else step i is clvq_scale / (clvq_offset + i) */
    double clvq_offset;
    int32_t initialization; /* 0 greedy k-means++, 1 random rows */
    int32_t batches;        /* 0 D4M's, 1 random */
    int32_t restart;        /* launch once with each of 0, 1, ...: the best is kept */
    int32_t requested_centroids;
    int32_t max_iterations;
    int32_t refine;
    int32_t batch_size;
    int32_t passes;
    int32_t km_expand;
    int32_t max_no_improvement;
} ddoq_cluster_options;

typedef struct ddoq_cluster_class {
    int64_t workspace_begin;   /* bytes, a multiple of 16 */
    int64_t combination_begin; /* elements: K rows of gram_stride */
    int32_t number;            /* the class's index in the whole data set: names its random streams */
    int32_t trials;            /* ddoq_cluster_trials(K) */
} ddoq_cluster_class;

typedef struct ddoq_cluster_report {
    double distortion; /* in, out: infinity before the first restart; support: the energy that falls */
    int64_t iterations;
    int64_t moves;
    int32_t restart;
    float zero_distance;
    double energy_distance; /* support: of the rows and the points; else NaN */
} ddoq_cluster_report;

typedef struct ddoq_cluster_parameters {
    const float* gram;
    const float* row_norms;
    const ddoq_class_range* classes;
    const ddoq_cluster_class* cluster_classes; /* (C) */
    unsigned char* workspace;
    int32_t* labels;              /* (rows) out */
    int32_t* counts;              /* (centroids) out */
    int32_t* combined;            /* (centroids) out: 1 for a combination of rows, 0 for the mean of its cell */
    float* combinations;          /* out: coefficients of the combinations */
    int64_t* running_counts;      /* (centroids) out */
    double* companion_weights;    /* (centroids) out */
    ddoq_cluster_report* reports; /* (C) in, out */
    int32_t* next_class;          /* (1) in: 0, out: any; blocks take classes as they come. Or NULL: they stride */
    int32_t class_count;
    int32_t reserved;
    ddoq_cluster_options options;
} ddoq_cluster_parameters;

/* Host: candidates per centroid of greedy k-means++. */
DDOQ_KERNELS_API int32_t ddoq_cluster_trials(int32_t centroids);
/* Host: working space of a class in bytes, a multiple of 16. `range` is host memory. */
DDOQ_KERNELS_API int64_t ddoq_cluster_workspace(ddoq_cluster_algorithm algorithm, const ddoq_class_range* range,
                                                int32_t trials);
/* Clusters every class in Gram space, one thread block per class; put the largest first. */
DDOQ_KERNELS_API ddoq_status ddoq_cluster(ddoq_kernels* kernels, ddoq_cluster_algorithm algorithm,
                                          const ddoq_cluster_parameters* parameters, ddoq_stream stream);

/* One batch of competitive learning on rows. */
typedef struct ddoq_clvq_update_parameters {
    const void* rows;
    const ddoq_class_range* classes;
    const int32_t* tile_begin;
    const int32_t* labels;
    const int64_t* step_begin; /* (C) */
    float* centroids;          /* (centroids, D) in, out */
    const int64_t* counts;     /* (centroids) */
    int64_t* counts_after;     /* (centroids) out; another array than counts */
    double* companion_weights; /* (centroids) in, out, or NULL */
    double scale;
    double offset;
    int64_t row_stride;
    int64_t centroid_stride;
    int32_t dimension;
    int32_t class_count;
    int32_t prior;
    int32_t reserved;
} ddoq_clvq_update_parameters;
DDOQ_KERNELS_API ddoq_status ddoq_clvq_update(ddoq_kernels* kernels, ddoq_type type,
                                              const ddoq_clvq_update_parameters* parameters, ddoq_stream stream);

typedef enum ddoq_target_kind {
    DDOQ_TARGET_PROBABILITIES = 0,
    DDOQ_TARGET_TEACHER_LOGITS = 1,
    DDOQ_TARGET_LABELS = 2
} ddoq_target_kind;

/* Cross-entropy with a weight per row, and its gradient. */
typedef struct ddoq_weighted_ce_parameters {
    const void* logits;
    const void* targets;   /* NULL with labels */
    const int32_t* labels; /* NULL without */
    const float* weights;  /* (B) or NULL for 1 */
    float* losses;         /* (B) out */
    void* gradients;       /* (B, C) out, or NULL; may be logits */
    int64_t logit_stride;
    int64_t target_stride;
    int64_t gradient_stride;
    int64_t row_count;
    int32_t class_count;
    int32_t target_kind; /* a ddoq_target_kind */
    int32_t subtract_entropy;
    float temperature;
    float target_temperature;
    float gradient_scale;
} ddoq_weighted_ce_parameters;
DDOQ_KERNELS_API ddoq_status ddoq_weighted_ce(ddoq_kernels* kernels, ddoq_type type,
                                              const ddoq_weighted_ce_parameters* parameters, ddoq_stream stream);

/* The sums of the losses and of the weights of a batch, in fp64. */
typedef struct ddoq_loss_sum_parameters {
    const float* losses;
    const float* weights; /* (B) or NULL for 1 */
    double* sums;         /* (2) out */
    int64_t row_count;
} ddoq_loss_sum_parameters;
DDOQ_KERNELS_API ddoq_status ddoq_loss_sum(ddoq_kernels* kernels, const ddoq_loss_sum_parameters* parameters,
                                           ddoq_stream stream);

#ifdef __cplusplus
}
#endif

#endif
