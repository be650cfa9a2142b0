using System.Xml;
using System.Xml.Linq;
using Ddoq.Evaluation.Accuracy;
using Ddoq.Evaluation.Comparison;
using Ddoq.Evaluation.Report;

namespace Ddoq.Evaluation.Tests.Report;

public class ReportWriterTests
{
    [TestCase(3)]
    [TestCase(40)]
    public void Page_IsWellFormed_AndHasItsParts(int classCount)
    {
        XDocument page = Parse(ReportWriter.ToHtml(SampleReport.Create(classCount)));
        string[] captions = [.. page.Descendants("caption").Select(caption => caption.Value)];
        Assert.Multiple(() =>
        {
            Assert.That(page.Descendants("title").Single().Value, Is.EqualTo("Sample <1>"));
            Assert.That(page.Descendants("h1").Count(), Is.EqualTo(1));
            Assert.That(page.Descendants("h2").Where(h => h.Element("span") is not null).Select(h => h.Value), Is.EqualTo(new[]
            {
                "1What the sets keep of the data", "2Accuracy", "3What predicts accuracy", "4Scores", "5Candidates and choice", "6Distance to the data",
                "7Distilled images", "8Weights", "9Time", "10Limits", "11Reproduction",
            }));
            Assert.That(captions.Select(caption => caption.Split('.')[0]), Is.EqualTo(Enumerable.Range(1, captions.Length).Select(n => $"Table {n}")));
            Assert.That(captions, Has.Length.EqualTo(13));
            Assert.That(page.Descendants("figure").Count(), Is.EqualTo(6));
            Assert.That(page.Descendants("img").Count(), Is.EqualTo(18));
            Assert.That(page.Descendants("nav").Descendants("a").Count(), Is.EqualTo(11));
        });
    }

    [Test]
    public void Page_LoadsNothing()
    {
        string html = ReportWriter.ToHtml(SampleReport.Create());
        XDocument page = Parse(html);
        string[] ids = [.. page.Descendants().Attributes("id").Select(id => id.Value)];
        string[] links = [.. page.Descendants().Attributes("href").Select(href => href.Value)];
        string style = page.Descendants("style").Single().Value;
        Assert.Multiple(() =>
        {
            Assert.That(html, Does.Not.Contain("http:").And.Not.Contain("https:").IgnoreCase);
            Assert.That(style, Does.Not.Contain("url(").And.Not.Contain("@import"));
            Assert.That(page.Descendants().Attributes("src").Select(src => src.Value), Has.All.StartsWith("data:image/png;base64,iVBORw0KGgo"));
            Assert.That(links, Is.Not.Empty.And.All.StartsWith("#"));
            Assert.That(links.Select(link => link[1..]), Is.SubsetOf(ids));
            Assert.That(ids, Is.Unique);
            Assert.That(page.Descendants().Select(e => e.Name.LocalName).Intersect(["script", "link", "iframe", "object", "embed", "base", "form"]), Is.Empty);
            Assert.That(page.Descendants().Attributes().Select(a => a.Name.LocalName), Has.None.StartsWith("on"));
            Assert.That(page.Descendants("meta").Single(m => (string?)m.Attribute("http-equiv") == "Content-Security-Policy").Attribute("content")!.Value, Does.StartWith("default-src 'none';"));
        });
    }

    [Test]
    public void Names_AreEscaped()
    {
        XDocument page = Parse(ReportWriter.ToHtml(SampleReport.Create()));
        string shown = SampleReport.HostileName.Replace('\u0007', '\uFFFD').Replace('\u202E', '\uFFFD');
        Assert.Multiple(() =>
        {
            Assert.That(page.Descendants("script"), Is.Empty);
            Assert.That(page.Descendants("th").Select(cell => cell.Value), Does.Contain(shown));
            Assert.That(page.Descendants("h3").Select(heading => heading.FirstNode!.ToString()), Has.Some.Contain("&lt;script&gt;"));
            Assert.That(page.Descendants("img").Attributes("alt").Select(alt => alt.Value), Does.Contain($"Distilled image 1 of {shown}, weight 0.100, 0 training images"));
        });
    }

    [Test]
    public void EveryImageAndChart_HasAText_AndEveryTableHeaders()
    {
        XDocument page = Parse(ReportWriter.ToHtml(SampleReport.Create()));
        Assert.Multiple(() =>
        {
            Assert.That(page.Descendants("img").Select(image => (string?)image.Attribute("alt")), Has.All.Not.Empty);
            Assert.That(page.Descendants("svg").Select(chart => (string?)chart.Attribute("aria-label")), Is.Not.Empty.And.All.Not.Empty);
            Assert.That(page.Descendants("th").Select(cell => (string?)cell.Attribute("scope")), Has.All.EqualTo("col").Or.EqualTo("row"));
            Assert.That(page.Descendants("tbody").Elements("tr").Select(row => row.Elements("th").Count()), Has.All.EqualTo(1));
            foreach (XElement table in page.Descendants("table"))
            {
                int columns = table.Element("thead")!.Descendants("th").Count();
                Assert.That(table.Element("tbody")!.Elements("tr").Select(row => row.Elements().Count()), Has.All.EqualTo(columns), table.Element("caption")!.Value);
            }
        });
    }

    [Test]
    public void Images_AreMagnifiedByWholeFactors_OrShrunk()
    {
        XElement[] images = [.. Parse(ReportWriter.ToHtml(SampleReport.Create() with { Candidates = null })).Descendants("img")];
        Assert.Multiple(() =>
        {
            Assert.That(Shape(images[0]), Is.EqualTo("tiny 84x84"));
            Assert.That(Shape(images[4]), Is.EqualTo(" 176x22"));
        });

        static string Shape(XElement image) => $"{(string?)image.Attribute("class")} {(string?)image.Attribute("width")}x{(string?)image.Attribute("height")}";
    }

    [Test]
    public void Accuracy_MarksTheBest_OnlyAmongComparableArms()
    {
        string[][] tables = [.. Parse(ReportWriter.ToHtml(SampleReport.Create() with { Prototypes = null, Images = null })).Descendants("table").Select(Rows)];
        Assert.Multiple(() =>
        {
            Assert.That(tables[0], Is.EqualTo(new[]
            {
                "Arm|rded (%)|minimax-hard (%)",
                "DDOQ|61.1 ± 0.6*|40.0",
                "D4M|59.0 ± 0.6|–",
                "Random real|70.0|–",
                "Oracle|80.0|–",
                "Full data|90.5 ± 0.5|–",
            }));
            Assert.That(tables[1], Is.EqualTo(new[]
            {
                "Arm|Images per class|Last (%)|Best (%)|Minus D4M (points)|Sets|Students|Updates",
                "DDOQ|10|61.1 ± 0.6*|62.1 ± 0.6|+2.1 ± 0.1|3|3|1,000",
                "D4M|10|59.0 ± 0.6|60.0 ± 0.6|–|3|3|1,000",
                "Random real|50|70.0|71.0|+12.0|1|1|1,000",
                "Oracle|10|80.0|81.0|+22.0|1|1|1,000",
                "Full data|all|90.5 ± 0.5|91.5 ± 0.5|+32.0 ± 0.0|2|2|999",
            }));
            Assert.That(tables[3][1], Is.EqualTo("DDOQ|10|40.0|41.0|1|1|1,000"), "another protocol is another table, without a best");
        });

        static string[] Rows(XElement table) => [.. table.Descendants("tr").Select(row =>
            string.Join("|", row.Elements().Select(cell => cell.Value + (cell.Element("strong") is null ? "" : "*"))))];
    }

    [Test]
    public void Finding_HasBothSidesOfThePushForward_AndArmsThatHaveOnlyOne()
    {
        XElement table = Parse(ReportWriter.ToHtml(SampleReport.Create())).Descendants("table").First();
        string[] rows = [.. table.Descendants("tr").Select(row => string.Join("|", row.Elements().Select(cell => cell.Value)))];
        Assert.That(rows, Is.EqualTo(new[]
        {
            "Arm|Variance kept, prototypes|Variance kept, images|Energy, prototypes|Energy, images|W2, prototypes|W2, images|Test accuracy, rded (%)",
            "DDOQ|0.45|0.40|0.90|0.80|9.00|8.00|61.1 ± 0.6",
            "D4M|0.55|0.50|1.10|1.00|11.00|10.00|59.0 ± 0.6",
            "Random real|–|0.65|–|1.30|–|13.00|70.0",
        }));
    }

    [Test]
    public void Prediction_SaysWhichDistanceOrdersTheArmsAsAccuracyDoes()
    {
        ReportModel model = SampleReport.Create();
        PrototypeComparison images = PrototypeComparison.FromMeasurements([.. model.Images!.Measurements.Select(m => m with
        {
            EnergyDistance = m.Arm switch { "DDOQ" => 2, "D4M" => 3, _ => 1 },
        })]);
        string caption = Parse(ReportWriter.ToHtml(model with { Images = images })).Descendants("section").Single(s => (string?)s.Attribute("id") == "prediction").Descendants("figcaption").Single().Value;
        Assert.That(caption, Does.Contain("over 3 arms: energy \u22121.00, W2 +0.50; energy predicts better"));
    }

    [Test]
    public void Candidates_AreALinePerPrototype_ChosenOnesMarked()
    {
        XElement section = Parse(ReportWriter.ToHtml(SampleReport.Create())).Descendants("section").Single(s => (string?)s.Attribute("id") == "candidates");
        Assert.Multiple(() =>
        {
            Assert.That(section.Descendants("ol").Select(line => line.Elements().Count()), Is.EqualTo(new[] { 3, 3 }));
            Assert.That(section.Descendants("img").Select(image => (string?)image.Attribute("class")), Is.EqualTo(new[] { "tiny", "tiny chosen", "tiny", "tiny", "tiny chosen", "tiny" }));
        });
    }

    [Test]
    public void SameModel_GivesTheSameBytes()
    {
        string folder = Directory.CreateTempSubdirectory("ddoq-report").FullName;
        try
        {
            string path = Path.Combine(folder, "report.html");
            File.WriteAllText(path, "old");
            ReportWriter.Write(path, SampleReport.Create());
            byte[] first = File.ReadAllBytes(path);
            ReportWriter.Write(path, SampleReport.Create());
            Assert.Multiple(() =>
            {
                Assert.That(File.ReadAllBytes(path), Is.EqualTo(first));
                Assert.That(first.AsSpan(0, 15).SequenceEqual("<!DOCTYPE html>"u8), "no byte order mark");
                Assert.That(first, Has.None.EqualTo((byte)'\r'));
                Assert.That(Directory.GetFileSystemEntries(folder), Has.Length.EqualTo(1));
            });
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Test]
    public void EmptyModel_IsAPageWithATitle()
    {
        XDocument page = Parse(ReportWriter.ToHtml(new ReportModel { Title = "Nothing yet" }));
        Assert.Multiple(() =>
        {
            Assert.That(page.Descendants("h1").Single().Value, Is.EqualTo("Nothing yet"));
            Assert.That(page.Descendants("section"), Is.Empty);
            Assert.That(page.Descendants("nav"), Is.Empty);
        });
    }

    [Test]
    public void BadInput_NamesItsPlace()
    {
        ReportModel sample = SampleReport.Create();
        AccuracyArm twice = sample.Accuracy!.Arms[0] with { Runs = [new AccuracyRun(1, 2, 50), new AccuracyRun(1, 2, 51)] };
        byte[] empty = TestPng.Create(1, 1, 0);
        empty[19] = 0;
        Assert.Multiple(() =>
        {
            Assert.That(() => ReportWriter.ToHtml(sample with { Classes = [new ReportClass("cat", [new ReportImage(new byte[30], 1)])] }), Fails("class 'cat', image 1: the 30 bytes are not a PNG"));
            Assert.That(() => ReportWriter.ToHtml(sample with { Classes = [new ReportClass("cat", [new ReportImage(empty, 1)])] }), Fails("0x1 pixels"));
            Assert.That(() => ReportWriter.ToHtml(sample with { Accuracy = sample.Accuracy with { Arms = [twice] } }), Fails("two runs of set seed 1"));
        });

        static NUnit.Framework.Constraints.IResolveConstraint Fails(string words) =>
            Throws.TypeOf<DdoqException>().With.Message.Contains(words);
    }

    internal static XDocument Parse(string html)
    {
        using var reader = XmlReader.Create(
            new StringReader(html), new XmlReaderSettings { DtdProcessing = DtdProcessing.Ignore, XmlResolver = null });
        return XDocument.Load(reader);
    }
}
