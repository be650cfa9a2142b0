using Ddoq.Distilled;

namespace Ddoq.Training;

/// <summary>What came of training one student.</summary>
/// <param name="LastAccuracy">Share of test images classified rightly after the last update, in [0, 1].</param>
/// <param name="BestAccuracy">Greatest accuracy at any evaluation; some protocols' literature reports this one.</param>
/// <param name="TeacherAgreement">Share of test images on which student and teacher say the same; null without a teacher.</param>
/// <param name="LossCurve">Mean weighted loss per image of every epoch; the last may be cut short by a number of updates.</param>
/// <param name="Evaluations">Every evaluation, in order; the last is after the last update.</param>
/// <param name="Updates">Optimiser updates done.</param>
/// <param name="WeightStatistics">Per class, the weights that training used (after normalisation by dataset, before that by batch).</param>
/// <param name="ParameterCount">Trainable values of the student.</param>
public sealed record TrainingResult(
    double LastAccuracy,
    double BestAccuracy,
    double? TeacherAgreement,
    IReadOnlyList<double> LossCurve,
    IReadOnlyList<TrainingEvaluation> Evaluations,
    int Updates,
    IReadOnlyList<WeightStatistics> WeightStatistics,
    long ParameterCount);

/// <summary>Accuracy on the test images during a run.</summary>
/// <param name="Update">Updates done before it.</param>
/// <param name="Accuracy">Share classified rightly, in [0, 1].</param>
public readonly record struct TrainingEvaluation(int Update, double Accuracy);
