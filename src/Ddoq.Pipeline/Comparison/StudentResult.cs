namespace Ddoq.Pipeline.Results;

/// <summary>What training one student gave; <c>result.json</c> of a student run. Equal runs give equal bytes.</summary>
/// <param name="Arm">Arm of the comparison.</param>
/// <param name="Seed">The student's seed.</param>
/// <param name="Protocol">Evaluation protocol.</param>
/// <param name="Network">Student network.</param>
/// <param name="LastAccuracy">Test accuracy after the last update, 0 to 1.</param>
/// <param name="BestAccuracy">Best test accuracy at any evaluation, 0 to 1.</param>
/// <param name="TeacherAgreement">Share of the test images on which student and teacher agree; null without a teacher.</param>
/// <param name="Updates">Optimiser updates.</param>
/// <param name="FinalLoss">Mean weighted loss of the last epoch.</param>
/// <param name="Weights">Per class, how the loss weights spread.</param>
public sealed record StudentResult(
    string Arm,
    ulong Seed,
    string Protocol,
    string Network,
    double LastAccuracy,
    double BestAccuracy,
    double? TeacherAgreement,
    int Updates,
    double FinalLoss,
    IReadOnlyList<WeightSpread> Weights);

/// <summary>How the loss weights of one class spread.</summary>
/// <param name="ClassIndex">The class, 0-based.</param>
/// <param name="Count">Images (K).</param>
/// <param name="Minimum">Least weight.</param>
/// <param name="Maximum">Greatest weight.</param>
/// <param name="Mean">Mean weight.</param>
/// <param name="EffectiveSampleSize">(sum w)^2 / sum w^2: K for equal weights.</param>
public sealed record WeightSpread(int ClassIndex, int Count, double Minimum, double Maximum, double Mean, double EffectiveSampleSize);
