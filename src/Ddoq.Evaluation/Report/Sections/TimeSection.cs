using Ddoq.Evaluation.Report.Markup;

namespace Ddoq.Evaluation.Report.Sections;

/// <summary>Where the time went.</summary>
internal static class TimeSection
{
    public static void Write(ReportPage page, IReadOnlyList<ReportStage> stages)
    {
        double total = stages.Sum(stage => stage.Duration.TotalSeconds);
        bool hasItems = stages.Any(stage => stage.Items.HasValue);
        bool hasDetails = stages.Any(stage => stage.Detail is not null);
        MarkupWriter markup = page.Markup;
        page.BeginTable("Wall-clock time per stage");
        markup.Open("thead").Open("tr").Element("th", "Stage", ("scope", "col"));
        markup.Element("th", "Time", ("scope", "col"), ("class", "num")).Element("th", "Share", ("scope", "col"));
        if (hasItems)
            markup.Element("th", "Work", ("scope", "col"), ("class", "num")).Element("th", "Rate", ("scope", "col"), ("class", "num"));
        if (hasDetails)
            markup.Element("th", "Where and how", ("scope", "col"));
        markup.Close().Close().Line().Open("tbody").Line();
        foreach (ReportStage stage in stages)
        {
            double share = total > 0 ? stage.Duration.TotalSeconds / total : 0;
            markup.Open("tr").Element("th", stage.Name, ("scope", "row"));
            markup.Element("td", Format.Duration(stage.Duration), ("class", "num")).Open("td", ("class", "with-meter"));
            page.Meter(share);
            markup.Text(Format.Fixed(100 * share, 1) + Format.UnitSpace + "%").Close();
            if (hasItems)
                WriteItems(markup, stage);
            if (hasDetails)
                markup.Element("td", stage.Detail ?? "");
            markup.Close().Line();
        }

        markup.Open("tr", ("class", "summary first")).Element("th", "Total", ("scope", "row"));
        markup.Element("td", Format.Duration(TimeSpan.FromSeconds(total)), ("class", "num"));
        for (int c = 0; c < 1 + (hasItems ? 2 : 0) + (hasDetails ? 1 : 0); c++)
            markup.Element("td", "");
        markup.Close().Close();
        page.EndTable();
    }

    private static void WriteItems(MarkupWriter markup, ReportStage stage)
    {
        string unit = stage.Unit is null ? "" : " " + stage.Unit;
        markup.Element("td", stage.Items is { } items ? Format.Whole(items) + unit : "–", ("class", "num"));
        markup.Element("td", Rate(stage), ("class", "num"));
    }

    /// <summary>Units per second, or the time of one unit where that is the longer.</summary>
    private static string Rate(ReportStage stage)
    {
        if (stage.Items is not { } items || items <= 0 || stage.Duration <= TimeSpan.Zero)
            return "–";
        double perSecond = items / stage.Duration.TotalSeconds;
        return perSecond >= 1
            ? $"{Format.Significant(perSecond)}{Format.UnitSpace}/{Format.UnitSpace}s"
            : Format.Duration(stage.Duration / items) + " each";
    }
}
