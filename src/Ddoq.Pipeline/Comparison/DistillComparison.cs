using Ddoq.Distilled;
using Ddoq.Evaluation.Accuracy;
using Ddoq.Evaluation.Comparison;
using Ddoq.Training.Protocols;

namespace Ddoq.Pipeline.Results;

/// <summary>The outcome of a whole run; <c>comparison.json</c>.</summary>
/// <param name="Arms">Arms in the order of the table.</param>
/// <param name="Students">Every student, table by table.</param>
/// <param name="Scores">Scores per arm; empty without an arm of the full data or of random images, or without hard labels.</param>
/// <param name="Distances">Distances of prototypes to latents, per class and kind of prototypes, of the first set of each.</param>
/// <param name="ImageDistances">Distances of the finished images' latents to the data's, per class and arm, of the first set of each.</param>
public sealed record DistillComparison(
    IReadOnlyList<ArmDescription> Arms,
    IReadOnlyList<StudentResult> Students,
    IReadOnlyList<ArmScores> Scores,
    IReadOnlyList<ClassMeasurement> Distances,
    IReadOnlyList<ClassMeasurement> ImageDistances);

/// <summary>An arm for people.</summary>
/// <param name="Name">Name in tables.</param>
/// <param name="Description">One line.</param>
/// <param name="IsReference">Whether it stands outside the competition, as the full data do.</param>
public sealed record ArmDescription(string Name, string Description, bool IsReference);

/// <summary>The scores of one arm.</summary>
/// <param name="Arm">Its name.</param>
/// <param name="Scores">HLR, IOR, LRS and ARS.</param>
public sealed record ArmScores(string Arm, DatasetScores Scores);

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

/// <summary>The students of a run as a comparison of arms, and the scores that follow from it.</summary>
internal static class ArmAccuracies
{
    private const string RandomArm = "random";

    private static readonly StudentProtocol[] s_hardProtocols =
        [StudentProtocol.SmallImage, StudentProtocol.SmallImageDsa, StudentProtocol.MinimaxHard, StudentProtocol.IgdHard];

    /// <summary>Accuracies by protocol and arm, in the order of the arms.</summary>
    public static AccuracyComparison Of(IReadOnlyList<ArmDescription> arms, IReadOnlyList<StudentResult> students)
    {
        // The full data's student has more updates, and stands in the table of its protocol nevertheless.
        string RecipeOf(StudentResult student) => IsReference(arms, student.Arm)
            ? students.FirstOrDefault(other => other.Protocol == student.Protocol && !IsReference(arms, other.Arm))?.Recipe ?? student.Recipe
            : student.Recipe;
        return new AccuracyComparison
        {
            TestSet = "the dataset's test images",
            Selection = "Accuracy after the last update. No test image was used to choose a setting.",
            Arms =
            [
                .. students.GroupBy(RecipeOf).SelectMany(group => arms.SelectMany(arm => group
                    .Where(student => student.Arm == arm.Name)
                    .GroupBy(student => student.Network)
                    .Select(runs => ToArm(arm, group.Key, [.. runs])))),
            ],
        };
    }

    /// <summary>Scores of the arms under the first table's protocol; none where a part is missing.</summary>
    public static IReadOnlyList<ArmScores> Score(IReadOnlyList<ArmDescription> arms, IReadOnlyList<StudentResult> students)
    {
        StudentResult first = students[0];
        if (arms.FirstOrDefault(arm => arm.IsReference) is not { } full || !s_hardProtocols.Any(protocol => protocol.ToName() == first.Protocol))
            return [];
        AccuracyComparison accuracy = Of(arms, students);
        var roles = new ScoreRoles(full.Name, RandomArm, first.Recipe, first.Recipe);
        return
        [
            .. arms.Where(arm => !arm.IsReference)
                .Select(arm => (arm.Name, Scores: DatasetScores.Of(accuracy, arm.Name, roles)))
                .Where(arm => arm.Scores is not null)
                .Select(arm => new ArmScores(arm.Name, arm.Scores!)),
        ];
    }

    private static AccuracyArm ToArm(ArmDescription arm, string protocol, StudentResult[] runs) => new()
    {
        Name = arm.Name,
        Protocol = protocol,
        Student = runs[0].Network,
        ImagesPerClass = arm.IsReference ? null : runs[0].ImagesPerClass,
        IsReference = arm.IsReference,
        Updates = runs[0].Updates,
        Runs = [.. runs.Select(run => new AccuracyRun(run.SetSeed, run.Seed, 100 * run.LastAccuracy, 100 * run.BestAccuracy))],
    };

    private static bool IsReference(IReadOnlyList<ArmDescription> arms, string name) => arms.Any(arm => arm.Name == name && arm.IsReference);
}
