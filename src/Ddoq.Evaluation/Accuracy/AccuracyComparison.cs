using System.Globalization;
using Ddoq.Evaluation.Statistics;
using Ddoq.Evaluation.Tables;

namespace Ddoq.Evaluation.Accuracy;

/// <summary>Student accuracies of arms under named protocols, with what is needed to judge them.</summary>
public sealed record AccuracyComparison
{
    /// <summary>What is measured, for example <c>Test accuracy</c>.</summary>
    public string Metric { get; init; } = "Test accuracy";

    /// <summary>The images it is measured on, for example <c>2,000 test images of the sample</c>.</summary>
    public required string TestSet { get; init; }

    /// <summary>
    /// How the reported epoch and the settings were chosen, for example <c>Last epoch of every run. No test images were used
    /// for tuning.</c>
    /// </summary>
    public required string Selection { get; init; }

    /// <summary>The arms, in the order of the tables; an arm occurs once per protocol and student.</summary>
    public required IReadOnlyList<AccuracyArm> Arms { get; init; }

    /// <summary>One sentence about each named protocol.</summary>
    public IReadOnlyDictionary<string, string> Protocols { get; init; } = new Dictionary<string, string>();

    /// <summary>The arms that compare: those of one protocol and one student, in order of first occurrence.</summary>
    public IReadOnlyList<IReadOnlyList<AccuracyArm>> Groups() =>
        [.. Arms.GroupBy(arm => (arm.Protocol, arm.Student)).Select(group => group.ToArray())];

    /// <summary>One protocol's table: mean and standard error over sets, paired differences to a baseline.</summary>
    /// <param name="group">Arms of one protocol and student, one of <see cref="Groups"/>.</param>
    /// <param name="baseline">The arm that differences are taken against; null, or an arm that is not there, for no such column.</param>
    public ComparisonTable ToTable(IReadOnlyList<AccuracyArm> group, string? baseline = null)
    {
        ArgumentNullException.ThrowIfNull(group);
        RunStatistics[] last = [.. group.Select(arm => arm.Last())];
        RunStatistics?[] best = [.. group.Select(arm => arm.Best())];
        bool hasBest = best.Any(runs => runs is not null);
        bool[] isBest = Best(group, last);
        AccuracyArm? reference = group.FirstOrDefault(arm => arm.Name == baseline);
        List<TableColumn> columns = [new("Arm"), TableColumn.Figures("Images per class"), TableColumn.Figures("Last", "%")];
        if (hasBest)
            columns.Add(TableColumn.Figures("Best", "%"));
        if (reference is not null)
            columns.Add(TableColumn.Figures($"Minus {reference.Name}", "points"));
        columns.AddRange([TableColumn.Figures("Sets"), TableColumn.Figures("Students"), TableColumn.Figures("Updates")]);

        var table = new ComparisonTable($"{Metric}, protocol {group[0].Protocol}, student {group[0].Student}", [.. columns]);
        for (int a = 0; a < group.Count; a++)
        {
            AccuracyArm arm = group[a];
            List<TableCell> cells = [arm.Name, arm.ImagesPerClass is { } count ? TableCell.Whole(count) : "all", TableCell.Runs(last[a], isBest: isBest[a])];
            if (hasBest)
                cells.Add(best[a] is { } runs ? TableCell.Runs(runs) : "–");
            if (reference is not null)
                cells.Add(ReferenceEquals(arm, reference) || arm.Minus(reference) is not { } difference ? "–" : new TableCell(difference.Format(), difference.Mean));
            cells.AddRange([TableCell.Whole(arm.SetCount), TableCell.Whole(arm.Runs.Count), arm.Updates is { } updates ? TableCell.Whole(updates) : "–"]);
            table.AddRow([.. cells]);
        }

        if (Protocols.TryGetValue(group[0].Protocol, out string? description))
            table.AddNote($"Protocol {group[0].Protocol}: {description}");
        table.AddNote("Mean ± standard error over distilled sets, each of a set seed of its own."
            + (reference is null ? "" : $" Minus {reference.Name}: mean ± standard error of the differences over equal seeds."));
        if (hasBest)
            table.AddNote("Best: the highest test accuracy of a run, which looks at the test set and flatters every row.");
        if (group.Select(arm => arm.Updates).Distinct().Count() > 1)
            table.AddNote("The rows did not get the same number of updates.");
        return table;
    }

    /// <summary>All protocols side by side: a row per arm, a column per protocol and student, means ± standard errors.</summary>
    /// <returns>Null for fewer than two protocols.</returns>
    public ComparisonTable? ToOverview()
    {
        IReadOnlyList<IReadOnlyList<AccuracyArm>> groups = Groups();
        if (groups.Count < 2)
            return null;
        bool oneStudent = groups.Select(group => group[0].Student).Distinct().Count() == 1;
        var table = new ComparisonTable(
            $"{Metric} by arm and protocol",
            [new TableColumn("Arm"), .. groups.Select(group => TableColumn.Figures(group[0].Protocol + (oneStudent ? "" : $", {group[0].Student}"), "%"))]);
        bool[][] isBest = [.. groups.Select(group => Best(group, [.. group.Select(arm => arm.Last())]))];
        foreach ((string name, int? images) in Arms.Select(arm => (arm.Name, arm.ImagesPerClass)).Distinct())
        {
            bool isAmbiguous = Arms.Where(arm => arm.Name == name).Select(arm => arm.ImagesPerClass).Distinct().Count() > 1;
            table.AddRow([
                isAmbiguous ? string.Create(CultureInfo.InvariantCulture, $"{name}, {images}") : name,
                .. groups.Select((group, g) =>
                {
                    int a = group.ToList().FindIndex(arm => arm.Name == name && arm.ImagesPerClass == images);
                    return a < 0 ? "–" : TableCell.Runs(group[a].Last(), isBest: isBest[g][a]);
                })]);
        }

        table.AddNote("Mean ± standard error over distilled sets, after the last update. Columns are different trainings: only figures of one column compare.");
        return table;
    }

    /// <summary>The single runs of one protocol: a row per arm, a column per pair of seeds.</summary>
    public static ComparisonTable ToRunTable(IReadOnlyList<AccuracyArm> group)
    {
        ArgumentNullException.ThrowIfNull(group);
        (ulong Set, ulong Student)[] seeds = [.. group.SelectMany(arm => arm.Runs.Select(run => (run.SetSeed, run.StudentSeed))).Distinct().Order()];
        var table = new ComparisonTable(
            $"Single runs, protocol {group[0].Protocol}, student {group[0].Student}",
            [new TableColumn("Arm"), .. seeds.Select(pair => TableColumn.Figures(string.Create(CultureInfo.InvariantCulture, $"Seeds {pair.Set}/{pair.Student}"), "%"))]);
        foreach (AccuracyArm arm in group)
        {
            Dictionary<(ulong, ulong), double> runs = arm.Runs.ToDictionary(run => (run.SetSeed, run.StudentSeed), run => run.Last);
            table.AddRow([arm.Name, .. seeds.Select(pair => runs.TryGetValue(pair, out double value) ? TableCell.Number(value, 2) : "–")]);
        }

        table.AddNote("Seeds of the set and of the student; accuracy after the last update.");
        return table;
    }

    /// <summary>Marks the highest mean among competing arms of equal images per class, where there are at least two.</summary>
    private static bool[] Best(IReadOnlyList<AccuracyArm> arms, RunStatistics[] runs)
    {
        var best = new bool[arms.Count];
        foreach (IGrouping<int?, int> group in Enumerable.Range(0, arms.Count).Where(a => !arms[a].IsReference).GroupBy(a => arms[a].ImagesPerClass))
        {
            string highest = Format.Fixed(group.Max(a => runs[a].Mean), 1);
            int[] winners = [.. group.Where(a => Format.Fixed(runs[a].Mean, 1) == highest)];
            if (winners.Length == group.Count())
                continue;
            foreach (int winner in winners)
                best[winner] = true;
        }

        return best;
    }
}

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
