using Ddoq.Imaging;
using Ddoq.Latents;
using Ddoq.Pipeline.Configuration;
using Ddoq.Pipeline.Estimates;

namespace Ddoq.Pipeline.Tests.Estimates;

/// <summary>Estimates of choices without a store, on images written by the tests.</summary>
public class SelectEstimateTests
{
    private const int Side = 4;
    private static readonly (string Name, int Count)[] s_classes = [("bag", 9), ("coat", 2), ("shoe", 7)];

    private string _folder = string.Empty;

    [SetUp]
    public void WriteImages()
    {
        _folder = Directory.CreateTempSubdirectory("ddoq-estimate-").FullName;
        RandomClassFolders.Write(Path.Combine(_folder, "data", "train"), s_classes, Side);
    }

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void Select_HasAPartForRowsCentresAndChoice_EachOfAllImages()
    {
        string[] before = Directory.GetFileSystemEntries(_folder, "*", SearchOption.AllDirectories);
        Assert.That(Parts("energy"), Is.EqualTo(new[] { "encode 18 images", "select 18 rows" }));
        Assert.That(Parts("nearest"), Is.EqualTo(new[] { "encode 18 images", "quantize 18 rows", "select 18 rows" }));
        Assert.That(Directory.GetFileSystemEntries(_folder, "*", SearchOption.AllDirectories), Is.EquivalentTo(before));
    }

    [Test]
    public void StandInRows_AreAsManyAsTheImagesOfEachClass_TheKeptOnesOrMixturesOfTwo_AndAllDistinct()
    {
        using IImageDataset data = ImageDatasets.Open(Path.Combine(_folder, "data"), DatasetSplit.Train);
        var shape = new LatentShape(1, 1, 3);
        ILatentSource rows = new StandInRows(shape, data.ClassNames, data, [1f, 0, 0, 0, 1, 0, 0, 0, 1]);
        for (int c = 0; c < s_classes.Length; c++)
        {
            Assert.That(rows.RowCount(c), Is.EqualTo(s_classes[c].Count));
            var values = new float[rows.RowCount(c) * shape.Length];
            rows.ReadRows(c, 0, values);
            Assert.That(values.Chunk(shape.Length).Select(row => string.Join(' ', row)), Is.Unique);
            foreach (float[] row in values.Chunk(shape.Length))
                Assert.That(row.Sum(value => value * value), Is.EqualTo(1).Within(1e-3), "as long as the kept ones");
        }
    }

    [Test]
    public void EveryBeginningOfTheMeasuredClasses_StandsForAllSizes()
    {
        var rows = new InMemoryLatents(new LatentShape(1, 1, 1), [.. Enumerable.Range(0, 7).Select(c => $"{c}")], [.. Enumerable.Range(1, 7).Select(n => new Half[n])]);
        int[][] groups = [.. SpreadClasses.Of(rows, [.. Enumerable.Range(0, 7)], 1)];
        Assert.That(groups.SelectMany(group => group), Is.EquivalentTo(Enumerable.Range(0, 7)));
        foreach (int beginning in new[] { 1, 3, 7 })
            Assert.That(groups.Take(beginning).Average(group => rows.RowCount(group[0])), Is.EqualTo(4), $"mean rows of the first {beginning}");
    }

    [Test]
    public void TheFirstPiece_IsCountedApart()
    {
        int calls = 0;
        UnitCost cost = UnitCost.Measure(() =>
        {
            Thread.Sleep(calls == 0 ? 400 : 10);
            return ++calls <= 11 ? 1 : 0;
        });
        Assert.Multiple(() =>
        {
            Assert.That(cost.Units, Is.EqualTo(11));
            Assert.That(cost.Start.Seconds, Is.GreaterThan(0.2));
            Assert.That(cost.PerUnit.Seconds, Is.GreaterThanOrEqualTo(0.01).And.LessThan(cost.Start.Seconds));
        });
    }

    private string[] Parts(string objective)
    {
        PipelineConfiguration configuration = PipelineConfiguration.Empty
            .With(DataSettings.DataDir, Path.Combine(_folder, "data")).With(QuantizeSettings.Ipc, "2").With(SelectSettings.Objective, objective);
        return [.. SelectEstimate.Measure(configuration, null, null, new StageContext(NullProgress.Instance, 2, false, default)).Select(part => $"{part.Stage} {part.Units} {part.Unit}")];
    }
}
