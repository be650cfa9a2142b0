using System.Globalization;
using Ddoq.Evaluation.Report.Charts;
using Ddoq.Evaluation.Report.Markup;
using Ddoq.Evaluation.Statistics;
using Ddoq.Evaluation.Tables;

namespace Ddoq.Evaluation.Report.Sections;

/// <summary>Student accuracies: one table and one chart per protocol and student, as only these compare.</summary>
internal static class AccuracySection
{
    public static void Write(ReportPage page, AccuracyReport report)
    {
        page.Paragraph($"{report.Metric} in percent on {report.TestSet}. {report.Selection}");
        foreach (IGrouping<(string Protocol, string Student), AccuracyArm> group in report.Arms.GroupBy(arm => (arm.Protocol, arm.Student)))
        {
            AccuracyArm[] arms = [.. group];
            RunStatistics[] runs = [.. arms.Select(arm => RunStatistics.From([.. arm.Runs.Select(run => run.Accuracy)]))];
            page.Table(Summary(page.Model, report, arms, runs), ownRow: page.Model.Highlight);
            page.Figure(
                $"{report.Metric}, {group.Key.Student}, protocol {group.Key.Protocol}. Marks are means with one sample standard deviation, the dots below them single seeds. The axis does not start at zero." + (arms.Any(arm => arm.IsReference) ? " An arrow points to a reference that lies off it." : ""),
                () => DotChart.Write(
                    page.Markup,
                    [.. arms.Select((arm, a) => Row(page.Model, arm, runs[a]))],
                    $"{report.Metric} (%)",
                    [],
                    null,
                    $"Dot chart of {report.Metric} for {string.Join(", ", arms.Select((arm, a) => $"{arm.Name} {runs[a].Format()} %"))}."));
            if (arms.Any(arm => arm.Runs.Count > 1))
                page.Table(PerSeed(arms, group.Key), ownRow: page.Model.Highlight);
        }
    }

    private static ComparisonTable Summary(ReportModel model, AccuracyReport report, AccuracyArm[] arms, RunStatistics[] runs)
    {
        AccuracyArm? baseline = Array.Find(arms, arm => arm.Name == model.Baseline);
        bool hasBest = Array.Exists(arms, arm => arm.Runs.Any(run => run.Best.HasValue));
        bool[] best = Best(arms, runs);
        List<TableColumn> columns = [new("Training set"), new("Images per class", CellAlignment.Right), new("Last epoch", CellAlignment.Right, "%")];
        if (hasBest)
            columns.Add(new TableColumn("Best epoch", CellAlignment.Right, "%"));
        if (baseline is not null)
            columns.Add(new TableColumn($"Against {baseline.Name}", CellAlignment.Right, "points"));
        columns.AddRange([new TableColumn("Seeds", CellAlignment.Right), new TableColumn("Updates", CellAlignment.Right)]);

        string protocol = arms[0].Protocol;
        var table = new ComparisonTable($"{report.Metric}, student {arms[0].Student}, protocol {protocol}", [.. columns]);
        for (int a = 0; a < arms.Length; a++)
        {
            AccuracyArm arm = arms[a];
            List<TableCell> cells = [arm.Name, arm.ImagesPerClass is { } count ? TableCell.Whole(count) : "all", TableCell.Runs(runs[a], isBest: best[a])];
            if (hasBest)
                cells.Add(arm.Runs.All(run => run.Best.HasValue) ? TableCell.Runs(RunStatistics.From([.. arm.Runs.Select(run => run.Best!.Value)])) : "–");
            if (baseline is not null)
                cells.Add(Difference(arm, baseline));
            cells.AddRange([TableCell.Whole(arm.Runs.Count), arm.Updates is { } updates ? TableCell.Whole(updates) : "–"]);
            table.AddRow([.. cells]);
        }

        if (report.Protocols.TryGetValue(protocol, out string? description))
            table.AddNote($"Protocol {protocol}: {description}");
        table.AddNote("Mean ± sample standard deviation over seeds. Bold: the highest mean at equal images per class"
            + (baseline is null ? "." : $". Against {baseline.Name}: mean ± standard error of the differences over equal seeds.")
            + (hasBest ? " Best epoch: the highest test accuracy of the run, which looks at the test set and flatters every row." : ""));
        if (arms.Select(arm => arm.Updates).Distinct().Count() > 1)
            table.AddNote("The rows did not get the same number of updates.");
        return table;
    }

    /// <summary>Marks the highest mean among competing arms of equal images per class, where there are at least two.</summary>
    private static bool[] Best(AccuracyArm[] arms, RunStatistics[] runs)
    {
        var best = new bool[arms.Length];
        foreach (IGrouping<int?, int> group in Enumerable.Range(0, arms.Length).Where(a => !arms[a].IsReference).GroupBy(a => arms[a].ImagesPerClass))
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

    private static TableCell Difference(AccuracyArm arm, AccuracyArm baseline)
    {
        Dictionary<ulong, double> own = BySeed(arm), reference = BySeed(baseline);
        if (ReferenceEquals(arm, baseline) || !own.Keys.Any(reference.ContainsKey))
            return "–";
        PairedDifference difference = PairedDifference.Between(own, reference);
        return new TableCell(difference.Format(), difference.Mean);
    }

    private static ComparisonTable PerSeed(AccuracyArm[] arms, (string Protocol, string Student) group)
    {
        ulong[] seeds = [.. arms.SelectMany(arm => arm.Runs.Select(run => run.Seed)).Distinct().Order()];
        var table = new ComparisonTable(
            $"Single runs, student {group.Student}, protocol {group.Protocol}",
            [new TableColumn("Training set"), .. seeds.Select(seed => new TableColumn(string.Create(CultureInfo.InvariantCulture, $"Seed {seed}"), CellAlignment.Right, "%"))]);
        foreach (AccuracyArm arm in arms)
        {
            Dictionary<ulong, double> runs = BySeed(arm);
            table.AddRow([arm.Name, .. seeds.Select(seed => runs.TryGetValue(seed, out double value) ? TableCell.Number(value, 2) : "–")]);
        }

        return table;
    }

    private static Dictionary<ulong, double> BySeed(AccuracyArm arm)
    {
        var bySeed = new Dictionary<ulong, double>();
        foreach (AccuracyRun run in arm.Runs)
        {
            if (!bySeed.TryAdd(run.Seed, run.Accuracy))
            {
                throw new DdoqException(string.Create(CultureInfo.InvariantCulture,
                    $"Arm '{arm.Name}' (protocol {arm.Protocol}, student {arm.Student}) has two runs of seed {run.Seed}; one per seed is needed."));
            }
        }

        return bySeed;
    }

    private static DotRow Row(ReportModel model, AccuracyArm arm, RunStatistics runs)
    {
        int series = arm.Name == model.Highlight ? 0 : arm.Name == model.Baseline ? 1 : 5;
        string label = arm.ImagesPerClass is { } count ? string.Create(CultureInfo.InvariantCulture, $"{arm.Name}, {count}") : arm.Name;
        return new DotRow(
            label,
            [new Dot(series, runs.Mean, runs.StandardDeviation, runs.Count > 1 ? runs.Values : null)],
            runs.Format(),
            arm.Name == model.Highlight,
            arm.IsReference);
    }
}
