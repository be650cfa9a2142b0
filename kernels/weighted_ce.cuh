// ddoq_weighted_ce_*, ddoq_loss_sum_f32: parameters and launch shapes. The contract is in weighted_ce.cu.
#pragma once

#include "classes.cuh"

namespace ddoq {

enum class TargetKind : int32_t { Probabilities = 0, TeacherLogits = 1, Labels = 2 };

struct WeightedCeParameters {
    const void* logits;      // (B, C) elements of the variant's type
    const void* targets;     // (B, C) of the same type: probabilities or teacher logits; null with labels
    const int32_t* labels;   // (B) with TargetKind::Labels; a negative label takes the row out: loss and gradient 0
    const float* weights;    // (B) or null for 1
    float* losses;           // (B) out
    void* gradients;         // (B, C) of the variant's type, out, or null; may be the logits' array
    int64_t logit_stride;    // elements
    int64_t target_stride;   // elements
    int64_t gradient_stride; // elements
    int64_t row_count;       // B
    int32_t class_count;     // C
    TargetKind target_kind;
    int32_t subtract_entropy; // 1: the Kullback-Leibler divergence; 0: the cross-entropy
    float temperature;        // divides the logits
    float target_temperature; // divides the teacher's logits
    float gradient_scale;     // g: multiplies the gradients, for example 1 / B
};
static_assert(sizeof(WeightedCeParameters) == 104 && offsetof(WeightedCeParameters, logit_stride) == 48 &&
              offsetof(WeightedCeParameters, class_count) == 80);

struct LossSumParameters {
    const float* losses;  // (B)
    const float* weights; // (B) or null for 1
    double* sums;         // (2) out: of the losses, of the weights
    int64_t row_count;    // B
};
static_assert(sizeof(LossSumParameters) == 32);

constexpr int WeightedCeWarpThreads = 256;                             // a warp per row
constexpr int WeightedCeBlockThreads = 256;                            // a block per row
constexpr int WeightedCeSharedBytes = WeightedCeBlockThreads / 32 * 8; // of the block variant
constexpr int LossSumThreads = 256;
constexpr int LossSumSharedBytes = LossSumThreads / 32 * 8;

// Classes up to which a warp per row is used.
constexpr int WeightedCeWarpClasses = 2048;

} // namespace ddoq
