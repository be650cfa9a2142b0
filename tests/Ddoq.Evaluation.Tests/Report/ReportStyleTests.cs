using System.Globalization;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Ddoq.Evaluation.Report;

namespace Ddoq.Evaluation.Tests.Report;

public partial class ReportStyleTests
{
    /// <summary>WCAG 2.1: 4.5 for text (1.4.3), 3 for what carries meaning in charts (1.4.11).</summary>
    [TestCase(0, TestName = "Contrast_OfTheLightColours_IsEnough")]
    [TestCase(1, TestName = "Contrast_OfTheDarkColours_IsEnough")]
    [TestCase(2, TestName = "Contrast_OfThePrintColours_IsEnough")]
    public void Contrast_IsEnough(int theme)
    {
        string block = RootBlock().Matches(Style())[theme].Value;
        Dictionary<string, string> colours = ColourProperty().Matches(block).ToDictionary(m => m.Groups[1].Value, m => m.Groups[2].Value);
        Assert.Multiple(() =>
        {
            foreach (string ground in (string[])["paper", "own", "warn"])
            {
                foreach (string text in (string[])["ink", "soft", "accent"])
                    Assert.That(Contrast(colours[text], colours[ground]), Is.GreaterThan(4.5), $"{text} on {ground}");
            }

            for (int s = 0; s < 6; s++)
                Assert.That(Contrast(colours[$"s{s}"], colours["paper"]), Is.GreaterThan(3), $"series {s}");
        });
    }

    [Test]
    public void EveryClass_HasAStyle()
    {
        string style = Style();
        string[] classes = [.. ReportWriterTests.Parse(ReportWriter.ToHtml(SampleReport.Create())).Descendants().Attributes("class")
            .SelectMany(a => a.Value.Split(' ')).Distinct()];
        Assert.That(classes.Where(name => !style.Contains("." + name, StringComparison.Ordinal)).Except(["label", "best"]), Is.Empty);
    }

    private static string Style() =>
        ReportWriterTests.Parse(ReportWriter.ToHtml(new ReportModel { Title = "t" })).Descendants("style").Single().Value;

    private static double Contrast(string first, string second)
    {
        double a = Luminance(first), b = Luminance(second);
        return (Math.Max(a, b) + 0.05) / (Math.Min(a, b) + 0.05);
    }

    private static double Luminance(string colour)
    {
        double Channel(int index)
        {
            double value = int.Parse(colour.AsSpan(1 + (2 * index), 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture) / 255.0;
            return value <= 0.04045 ? value / 12.92 : Math.Pow((value + 0.055) / 1.055, 2.4);
        }

        return (0.2126 * Channel(0)) + (0.7152 * Channel(1)) + (0.0722 * Channel(2));
    }

    [GeneratedRegex(@":root \{[^}]*\}")]
    private static partial Regex RootBlock();

    [GeneratedRegex(@"--([a-z0-9-]+): (#[0-9a-f]{6});")]
    private static partial Regex ColourProperty();
}
