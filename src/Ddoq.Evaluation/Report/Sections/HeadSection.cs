using Ddoq.Evaluation.Comparison;
using Ddoq.Evaluation.Report.Markup;
using Ddoq.Evaluation.Statistics;

namespace Ddoq.Evaluation.Report.Sections;

/// <summary>Title, summary, facts of the run, headline figures and warnings.</summary>
internal static class HeadSection
{
    public static void Write(ReportPage page)
    {
        ReportModel model = page.Model;
        MarkupWriter markup = page.Markup;
        markup.Open("header").Line();
        markup.Element("p", model.Kind, ("class", "kind")).Line();
        markup.Element("h1", model.Title).Line();
        if (model.Summary is not null)
            markup.Element("p", model.Summary, ("class", "lead")).Line();
        markup.Close().Line();

        IReadOnlyList<ReportFigure> figures = model.KeyFigures.Count > 0 ? model.KeyFigures : [.. Derive(model)];
        if (figures.Count > 0)
        {
            markup.Open("ul", ("class", "key")).Line();
            foreach (ReportFigure figure in figures)
            {
                markup.Open("li").Element("span", figure.Label, ("class", "key-label")).Element("span", figure.Value, ("class", "key-value"));
                if (figure.Detail is not null)
                    markup.Element("span", figure.Detail, ("class", "key-detail"));
                markup.Close().Line();
            }

            markup.Close().Line();
        }

        if (model.Warnings.Count > 0)
        {
            markup.Open("aside", ("class", "warnings"), ("aria-label", "Warnings")).Element("h2", "Read this first").Open("ul").Line();
            foreach (string warning in model.Warnings)
                markup.Element("li", warning).Line();
            markup.Close().Close().Line();
        }

        if (model.Facts.Count > 0)
            page.Facts(model.Facts, "facts head");
    }

    private static IEnumerable<ReportFigure> Derive(ReportModel model)
    {
        if (model.Accuracy is { } accuracy && accuracy.Arms.FirstOrDefault(candidate => candidate.Name == model.Highlight) is { } own)
        {
            RunStatistics runs = own.Last();
            yield return new ReportFigure(
                $"{accuracy.Metric}, {own.Name}",
                runs.Format() + Format.UnitSpace + "%",
                $"{Format.Count(runs.Count, "set", "sets")}, protocol {own.Protocol}");
            if (accuracy.Arms.FirstOrDefault(candidate => candidate.Name == model.Baseline && candidate.Protocol == own.Protocol && candidate.Student == own.Student) is { } reference
                && own.Minus(reference) is { } difference)
            {
                yield return new ReportFigure($"Minus {reference.Name}", difference.Format(), "points, paired by seeds");
            }
        }

        // Energy after the push-forward is what the sets are judged by; reports without images' latents have W2 alone.
        (PrototypeComparison? distances, PrototypeMetric metric) = model.Images is { } images
            ? (images, PrototypeMetric.Energy)
            : (model.Prototypes, PrototypeMetric.Wasserstein);
        if (distances is not null && model.Highlight is { } arm && model.Baseline is { } baseline
            && distances.Arms.Contains(arm) && distances.Arms.Contains(baseline)
            && distances.RelativeChange(arm, baseline, metric) is { } change)
        {
            yield return new ReportFigure(
                $"{PrototypeTables.ShortTitle(metric)} against {baseline}", Format.SignedPercent(change), $"mean over {Format.Count(distances.Classes.Count, "class", "classes")}");
        }

        if (model.Classes.Count > 0)
        {
            yield return new ReportFigure(
                "Distilled images",
                Format.Whole(model.Classes.Sum(c => (long)c.AllWeights.Length)),
                $"in {Format.Count(model.Classes.Count, "class", "classes")}");
        }

        if (model.Stages.Count > 0)
        {
            yield return new ReportFigure(
                "Time",
                Format.Duration(TimeSpan.FromTicks(model.Stages.Sum(stage => stage.Duration.Ticks))),
                $"{Format.Count(model.Stages.Count, "stage", "stages")}, wall clock");
        }
    }
}
