using Ddoq.Evaluation.Tables;

namespace Ddoq.Evaluation.Accuracy;

/// <summary>Scores that tell what a distilled set is worth apart from what its training recipe is worth.</summary>
/// <remarks>
/// <para>With acc for accuracies in [0, 1], and gains over random real images of the same size trained by the same recipe:</para>
/// <list type="bullet">
/// <item>HLR = acc(full data, hard labels) - acc(set, hard labels): what hard labels still lack; lower is better.</item>
/// <item>IOR = acc(set, its own recipe) - acc(random, that recipe): higher is better, and below 0 the set is worth nothing.</item>
/// <item>LRS = s((IOR - HLR) / 2), label-robust; ARS = s((gain with augmentation + gain without) / 2), augmentation-robust;
/// with s(a) = (e^a - e^-1) / (e - e^-1), which takes -1, 0, 1 to 0, 0.269, 1.</item>
/// </list>
/// <para>Source: "DD-Ranking: rethinking the evaluation of dataset distillation" (arXiv 2505.13300).</para>
/// </remarks>
/// <param name="HardLabelRecovery">HLR as a fraction of 1.</param>
/// <param name="ImprovementOverRandom">IOR as a fraction of 1.</param>
/// <param name="LabelRobust">LRS, in [0, 1].</param>
/// <param name="AugmentationRobust">ARS, in [0, 1]; null where the accuracies with or without augmentation are missing.</param>
public sealed record DatasetScores(double HardLabelRecovery, double ImprovementOverRandom, double LabelRobust, double? AugmentationRobust)
{
    /// <summary>Computes the scores.</summary>
    /// <exception cref="DdoqException">An accuracy is not within 0 and 100 %.</exception>
    public static DatasetScores From(ScoreAccuracies accuracies)
    {
        ArgumentNullException.ThrowIfNull(accuracies);
        double recovery = Gap(accuracies.Full, accuracies.SetHard), improvement = Gap(accuracies.SetOwn, accuracies.RandomOwn);
        double? robust = accuracies is { SetAugmented: { } setAugmented, RandomAugmented: { } randomAugmented, SetPlain: { } setPlain, RandomPlain: { } randomPlain }
            ? Squash((Gap(setAugmented, randomAugmented) + Gap(setPlain, randomPlain)) / 2)
            : null;
        return new DatasetScores(recovery, improvement, Squash((improvement - recovery) / 2), robust);
    }

    /// <summary>Computes an arm's scores from a comparison, as means over its sets.</summary>
    /// <param name="comparison">The accuracies.</param>
    /// <param name="arm">The arm to score.</param>
    /// <param name="roles">Which arms and protocols play which part.</param>
    /// <returns>Null when an accuracy that HLR or IOR needs is missing.</returns>
    public static DatasetScores? Of(AccuracyComparison comparison, string arm, ScoreRoles roles)
    {
        ArgumentNullException.ThrowIfNull(comparison);
        ArgumentNullException.ThrowIfNull(roles);
        if (Mean(roles.FullArm, roles.HardProtocol) is not { } full || Mean(arm, roles.HardProtocol) is not { } hard
            || Mean(arm, roles.OwnProtocol) is not { } own || Mean(roles.RandomArm, roles.OwnProtocol) is not { } random)
        {
            return null;
        }

        return From(new ScoreAccuracies(full, hard, own, random)
        {
            SetAugmented = Mean(arm, roles.AugmentedProtocol),
            RandomAugmented = Mean(roles.RandomArm, roles.AugmentedProtocol),
            SetPlain = Mean(arm, roles.HardProtocol),
            RandomPlain = Mean(roles.RandomArm, roles.HardProtocol),
        });

        double? Mean(string name, string? protocol) =>
            comparison.Arms.FirstOrDefault(candidate => candidate.Name == name && candidate.Protocol == protocol)?.Last().Mean;
    }

    /// <summary>A table of scores, HLR and IOR in points.</summary>
    /// <param name="scores">Arms and scores, in the order of the rows.</param>
    public static ComparisonTable ToTable(IReadOnlyList<(string Arm, DatasetScores Scores)> scores)
    {
        ArgumentNullException.ThrowIfNull(scores);
        bool hasAugmentation = scores.Any(pair => pair.Scores.AugmentationRobust.HasValue);
        List<TableColumn> columns = [new("Arm"), TableColumn.Figures("HLR", "points"), TableColumn.Figures("IOR", "points"), TableColumn.Figures("LRS")];
        if (hasAugmentation)
            columns.Add(TableColumn.Figures("ARS"));
        var table = new ComparisonTable("Scores of the distilled sets", [.. columns]);
        TableCell[] recovery = Column(score => 100 * score.HardLabelRecovery, 1, BestIs.Lowest);
        TableCell[] improvement = Column(score => 100 * score.ImprovementOverRandom, 1, BestIs.Highest);
        TableCell[] labels = Column(score => score.LabelRobust, 3, BestIs.Highest);
        TableCell[] augmentation = Column(score => score.AugmentationRobust ?? double.NaN, 3, BestIs.Highest);
        for (int s = 0; s < scores.Count; s++)
        {
            List<TableCell> cells = [scores[s].Arm, recovery[s], improvement[s] with { Text = Format.Signed(improvement[s].Value!.Value, 1) }, labels[s]];
            if (hasAugmentation)
                cells.Add(augmentation[s]);
            table.AddRow([.. cells]);
        }

        table.AddNote("HLR: what hard labels lack to the full data, lower is better. IOR: gain over random real images under the set's own recipe. "
            + $"LRS{(hasAugmentation ? " and ARS" : "")}: the two{(hasAugmentation ? ", and the gains with and without augmentation," : "")} put on a scale from 0 to 1, where no gap and no gain is 0.269.");
        return table;

        TableCell[] Column(Func<DatasetScores, double> figure, int decimals, BestIs best) =>
            TableCell.Numbers([.. scores.Select(pair => figure(pair.Scores))], decimals, best);
    }

    private static double Gap(double first, double second) => Fraction(first) - Fraction(second);

    private static double Fraction(double percent) => percent is >= 0 and <= 100
        ? percent / 100
        : throw new DdoqException(FormattableString.Invariant($"An accuracy is {percent} %; accuracies are between 0 and 100 %."));

    private static double Squash(double a) => (Math.Exp(a) - Math.Exp(-1)) / (Math.E - Math.Exp(-1));
}

/// <summary>The accuracies behind the scores, in percent.</summary>
/// <param name="Full">Full data, hard labels.</param>
/// <param name="SetHard">The set, hard labels.</param>
/// <param name="SetOwn">The set under its own recipe.</param>
/// <param name="RandomOwn">As many random real images under that recipe.</param>
public sealed record ScoreAccuracies(double Full, double SetHard, double SetOwn, double RandomOwn)
{
    /// <summary>The set under a recipe with augmentation; null when not measured, as for the next three.</summary>
    public double? SetAugmented { get; init; }

    /// <summary>Random real images under that recipe.</summary>
    public double? RandomAugmented { get; init; }

    /// <summary>The set under the same recipe without augmentation.</summary>
    public double? SetPlain { get; init; }

    /// <summary>Random real images under that recipe.</summary>
    public double? RandomPlain { get; init; }
}

/// <summary>Which arms and protocols of a comparison the scores are computed from.</summary>
/// <param name="FullArm">The arm of the full data.</param>
/// <param name="RandomArm">The arm of random real images.</param>
/// <param name="HardProtocol">The protocol of hard labels without augmentation.</param>
/// <param name="OwnProtocol">The recipe that the sets are made for.</param>
/// <param name="AugmentedProtocol">The protocol of hard labels with augmentation; null leaves ARS out.</param>
public sealed record ScoreRoles(string FullArm, string RandomArm, string HardProtocol, string OwnProtocol, string? AugmentedProtocol = null);
