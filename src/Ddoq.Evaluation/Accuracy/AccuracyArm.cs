using System.Globalization;
using Ddoq.Evaluation.Statistics;

namespace Ddoq.Evaluation.Accuracy;

/// <summary>One way to choose training images with its runs under one protocol.</summary>
public sealed record AccuracyArm
{
    /// <summary>The training set, for example <c>ddoq</c>, <c>support</c>, <c>random real</c>, <c>full data</c>.</summary>
    public required string Name { get; init; }

    /// <summary>The named protocol, with what a run shortened; only arms of one protocol and student are put side by side.</summary>
    public required string Protocol { get; init; }

    /// <summary>The student network.</summary>
    public required string Student { get; init; }

    /// <summary>The runs, at least one, each of another pair of seeds.</summary>
    public required IReadOnlyList<AccuracyRun> Runs { get; init; }

    /// <summary>Images per class; null for the full data.</summary>
    public int? ImagesPerClass { get; init; }

    /// <summary>Optimiser updates of one run: arms with different numbers did not get the same training.</summary>
    public long? Updates { get; init; }

    /// <summary>True for arms outside the competition, such as the full data: never marked as the best.</summary>
    public bool IsReference { get; init; }

    /// <summary>Distilled sets, that is different set seeds.</summary>
    public int SetCount => Runs.Select(run => run.SetSeed).Distinct().Count();

    /// <summary>Accuracy after the last update, in percent: one figure per set, the mean over its students.</summary>
    /// <exception cref="DdoqException">Two runs have the same seeds, or a figure is not finite.</exception>
    public RunStatistics Last() => OverSets(run => run.Last);

    /// <summary>Best accuracy at any evaluation, in percent, likewise; null when a run did not track it.</summary>
    public RunStatistics? Best() => Runs.All(run => run.Best.HasValue) ? OverSets(run => run.Best!.Value) : null;

    /// <summary>The difference of the last accuracies to another arm's, paired by set seed and student seed.</summary>
    /// <returns>Null when the arms have no pair of seeds in common.</returns>
    public PairedDifference? Minus(AccuracyArm other)
    {
        ArgumentNullException.ThrowIfNull(other);
        Dictionary<(ulong, ulong), double> own = BySeeds(), theirs = other.BySeeds();
        return own.Keys.Any(theirs.ContainsKey) ? PairedDifference.Between(own, theirs, seeds => seeds.Item1) : null;
    }

    private RunStatistics OverSets(Func<AccuracyRun, double> figure)
    {
        _ = BySeeds();
        return RunStatistics.From([.. Runs.GroupBy(run => run.SetSeed).Select(set => set.Average(figure))]);
    }

    private Dictionary<(ulong Set, ulong Student), double> BySeeds()
    {
        var bySeeds = new Dictionary<(ulong, ulong), double>();
        foreach (AccuracyRun run in Runs)
        {
            if (!bySeeds.TryAdd((run.SetSeed, run.StudentSeed), run.Last))
            {
                throw new DdoqException(string.Create(CultureInfo.InvariantCulture,
                    $"Arm '{Name}' (protocol {Protocol}, student {Student}) has two runs of set seed {run.SetSeed} and student seed {run.StudentSeed}; one is needed."));
            }
        }

        return bySeeds;
    }
}

/// <summary>One student trained on one set.</summary>
/// <param name="SetSeed">Seed of the set: quantiser, noise, selection, random draws. Arms are compared over equal seeds.</param>
/// <param name="StudentSeed">Seed of the student's training.</param>
/// <param name="Last">Test accuracy after the last update, in percent.</param>
/// <param name="Best">Best test accuracy at any evaluation, in percent; null when not tracked.</param>
public sealed record AccuracyRun(ulong SetSeed, ulong StudentSeed, double Last, double? Best = null);
