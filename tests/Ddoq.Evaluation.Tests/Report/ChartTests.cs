using System.Xml.Linq;
using Ddoq.Evaluation.Report.Charts;
using Ddoq.Evaluation.Report.Markup;

namespace Ddoq.Evaluation.Tests.Report;

public class ChartTests
{
    [TestCase(72.1, 79.2, new[] { "72", "74", "76", "78", "80" })]
    [TestCase(0, 2.17, new[] { "0.0", "0.5", "1.0", "1.5", "2.0", "2.5" })]
    [TestCase(-0.003, 0.0041, new[] { "\u22120.004", "\u22120.002", "0.000", "0.002", "0.004", "0.006" })]
    [TestCase(5, 5, new[] { "4.7", "4.8", "4.9", "5.0", "5.1", "5.2", "5.3" })]
    [TestCase(0, 0, new[] { "\u22121.0", "\u22120.5", "0.0", "0.5", "1.0" })]
    [TestCase(12000, 51000, new[] { "10,000", "20,000", "30,000", "40,000", "50,000", "60,000" })]
    public void LinearScale_HasRoundTicks(double low, double high, string[] expected)
    {
        LinearScale scale = LinearScale.Cover(low, high);
        Assert.That(scale.Ticks.Select(scale.Label), Is.EqualTo(expected));
    }

    [TestCase(1e-9, 3e-9)]
    [TestCase(-7, 1e6)]
    [TestCase(0.1, 0.3)]
    public void LinearScale_CoversItsValues(double low, double high)
    {
        LinearScale scale = LinearScale.Cover(low, high);
        Assert.Multiple(() =>
        {
            Assert.That(scale.Minimum, Is.LessThanOrEqualTo(low));
            Assert.That(scale.Maximum, Is.GreaterThanOrEqualTo(high * (1 - 1e-9)));
            Assert.That(scale.Ticks[^1], Is.EqualTo(scale.Maximum).Within(1e-9).Percent);
            Assert.That(scale.Map(scale.Minimum, 10, 20), Is.EqualTo(10));
            Assert.That(scale.Map(scale.Maximum, 10, 20), Is.EqualTo(20));
        });
    }

    [Test]
    public void DotChart_DoesNotWidenItsAxis_ForADistantReference()
    {
        XElement chart = Draw(markup => DotChart.Write(
            markup,
            [new DotRow("a", [new Dot(0, 70, 1, [69, 71])], "70"), new DotRow("b", [new Dot(1, 74)]), new DotRow("full", [new Dot(5, 95)], IsReference: true)],
            "accuracy (%)", [], null, "d"));
        string[] texts = [.. chart.Elements("text").Select(text => text.Value)];
        Assert.Multiple(() =>
        {
            Assert.That(texts, Does.Contain("69").And.Contain("74").And.Not.Contain("95"));
            Assert.That(Marks(chart, "mark"), Has.Length.EqualTo(2), "the reference is an arrow");
            Assert.That(Marks(chart, "run"), Has.Length.EqualTo(2));
            Assert.That(Marks(chart, "whisker"), Has.Length.EqualTo(2));
        });
    }

    [Test]
    public void DotChart_KeepsANearReferenceOnTheAxis()
    {
        XElement chart = Draw(markup => DotChart.Write(
            markup, [new DotRow("a", [new Dot(0, 70)]), new DotRow("b", [new Dot(1, 74)]), new DotRow("full", [new Dot(5, 75.5)], IsReference: true)], "x", [], null, "d"));
        Assert.That(Marks(chart, "mark"), Has.Length.EqualTo(3));
    }

    [Test]
    public void Histogram_CountsEveryValueOnce()
    {
        double[] values = [0, 0.05, 0.99, 1, 1, 1.01, 2.5];
        XElement chart = Draw(markup => HistogramChart.Write(markup, values, "x", "n", 1, "equal", "d"));
        XElement[] bars = [.. chart.Elements("rect")];
        double unit = bars.Min(bar => (double)bar.Attribute("height")!);
        Assert.That(bars.Sum(bar => Math.Round((double)bar.Attribute("height")! / unit)), Is.EqualTo(values.Length));
    }

    [Test]
    public void CumulativeChart_RisesFromTheBottomToTheTop()
    {
        XElement chart = Draw(markup => CumulativeChart.Write(markup, [("a", 0, [3, -1, 2])], "x", "share", "d"));
        string path = (string)chart.Elements("path").Single(p => ((string)p.Attribute("class")!).StartsWith("step", StringComparison.Ordinal)).Attribute("d")!;
        string[] steps = [.. path.Split('V').Skip(1).Select(part => part.Split('H')[0])];
        double[] heights = [.. steps.Select(step => double.Parse(step, System.Globalization.CultureInfo.InvariantCulture))];
        Assert.Multiple(() =>
        {
            Assert.That(heights, Is.Ordered.Descending);
            Assert.That(heights, Has.Length.EqualTo(3));
            Assert.That(heights[^1], Is.EqualTo(38));
        });
    }

    [Test]
    public void MarkupWriter_RefusesAnOpenElement() =>
        Assert.That(() => new MarkupWriter().Open("p").ToString(), Throws.InvalidOperationException.With.Message.Contains("<p>"));

    [TestCase(0.0004, "0\u202Fms")]
    [TestCase(0.61, "610\u202Fms")]
    [TestCase(0.9999, "1.0\u202Fs")]
    [TestCase(59.94, "59.9\u202Fs")]
    [TestCase(59.96, "1\u202Fmin 00\u202Fs")]
    [TestCase(3599.6, "1\u202Fh 00\u202Fmin")]
    [TestCase(3723, "1\u202Fh 02\u202Fmin")]
    public void Duration_HasTheUnitsPeopleUse(double seconds, string expected) =>
        Assert.That(Format.Duration(TimeSpan.FromSeconds(seconds)), Is.EqualTo(expected));

    [TestCase(999, "999\u202FB")]
    [TestCase(1000, "1.0\u202FkB")]
    [TestCase(18_816_320, "19\u202FMB")]
    [TestCase(999_999, "1.0\u202FMB")]
    public void Bytes_HaveTheUnitsPeopleUse(long bytes, string expected) => Assert.That(Format.Bytes(bytes), Is.EqualTo(expected));

    [TestCase(1.26, 1, "+1.3")]
    [TestCase(-0.157, 2, "\u22120.16")]
    [TestCase(-0.04, 1, "0.0")]
    [TestCase(double.NaN, 1, "n/a")]
    public void Signed_ShowsTheSign(double value, int decimals, string expected) =>
        Assert.That(Format.Signed(value, decimals), Is.EqualTo(expected));

    [TestCase(0, "0")]
    [TestCase(0.04833, "0.0483")]
    [TestCase(1429.4, "1,429")]
    [TestCase(2.4, "2.40")]
    [TestCase(1.5e-6, "1.5e-6")]
    public void Significant_HasThreeDigits(double value, string expected) => Assert.That(Format.Significant(value), Is.EqualTo(expected));

    private static string[] Marks(XElement chart, string style) =>
        [.. chart.Elements("path").Select(p => (string)p.Attribute("class")!).Where(name => name.StartsWith(style, StringComparison.Ordinal))];

    private static XElement Draw(Action<MarkupWriter> draw)
    {
        var markup = new MarkupWriter();
        draw(markup);
        return XElement.Parse(markup.ToString());
    }
}
