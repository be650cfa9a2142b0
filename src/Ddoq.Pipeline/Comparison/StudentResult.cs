using Ddoq.Distilled;

namespace Ddoq.Pipeline.Results;

/// <summary>What training one student gave; <c>result.json</c> of a student run. Equal runs give equal bytes.</summary>
/// <param name="Arm">Arm of the comparison.</param>
/// <param name="SetSeed">Seed of the set it was trained on: of quantiser, noise, selection and random draws.</param>
/// <param name="Seed">The student's seed.</param>
/// <param name="Protocol">Evaluation protocol.</param>
/// <param name="Recipe">The protocol, and what this run does otherwise, for example <c>rded, shortened: 600 updates of 10</c>.</param>
/// <param name="Network">Student network.</param>
/// <param name="LastAccuracy">Test accuracy after the last update, 0 to 1.</param>
/// <param name="BestAccuracy">Best test accuracy at any evaluation, 0 to 1.</param>
/// <param name="TeacherAgreement">Share of the test images on which student and teacher agree; null without a teacher.</param>
/// <param name="ImagesPerClass">Images per class of the set, rounded up.</param>
/// <param name="Updates">Optimiser updates.</param>
/// <param name="FinalLoss">Mean weighted loss of the last epoch.</param>
/// <param name="WeightRule">Where the loss weights come from: the set's own, or the rule that replaced them.</param>
/// <param name="Weights">Per class, how the loss weights spread.</param>
public sealed record StudentResult(
    string Arm,
    ulong SetSeed,
    ulong Seed,
    string Protocol,
    string Recipe,
    string Network,
    double LastAccuracy,
    double BestAccuracy,
    double? TeacherAgreement,
    int ImagesPerClass,
    int Updates,
    double FinalLoss,
    string WeightRule,
    IReadOnlyList<WeightStatistics> Weights);
