using Ddoq.Evaluation.Accuracy;
using Ddoq.Pipeline.Results;
using Ddoq.Training.Protocols;

namespace Ddoq.Pipeline;

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
