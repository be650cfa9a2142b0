using Ddoq.Distilled;
using Ddoq.Imaging;
using Ddoq.Onnx.Tests.OnnxFiles;
using Ddoq.Pipeline.Configuration;
using Ddoq.Pipeline.Stages;

namespace Ddoq.Pipeline.Tests.Stages;

/// <summary>Coresets of a folder of images without any model: rows are pixels.</summary>
public class CoresetTests
{
    private const int Side = 4, Keep = 3;
    private static readonly (string Name, int Count)[] s_classes = [("bag", 9), ("coat", 2), ("shoe", 7)];

    private string _folder = string.Empty;

    [SetUp]
    public void WriteImages()
    {
        _folder = Directory.CreateTempSubdirectory("ddoq-select-").FullName;
        RandomClassFolders.Write(Path.Combine(_folder, "data", "train"), s_classes, Side);
    }

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void EveryObjective_KeepsImagesAsTheyAre_AndNamesTheirSource([ValueSource(nameof(Objectives))] string objective)
    {
        string output = Run("set", ("--objective", objective));
        DistilledSet set = DistilledSet.Load(output);
        using IImageDataset data = ImageDatasets.Open(Data, DatasetSplit.Train), kept = ImageDatasets.Open(output, DatasetSplit.Train);
        var fit = new ImageFit(Side, Side, FitMode.Pad);
        byte[] original = new byte[3 * Side * Side], written = new byte[3 * Side * Side];
        Assert.That(set.ImageCounts(), Is.EqualTo(new[] { Keep, 2, Keep }), "a class with fewer images keeps them all");
        for (int i = 0; i < set.Images.Count; i++)
        {
            DistilledImage image = set.Images[i];
            int source = (int)image.SourceRow!.Value;
            data.ReadRgb(source, fit, original);
            kept.ReadRgb(i, fit, written);
            Assert.That(written, Is.EqualTo(original), $"image {i}");
            Assert.That((image.Source, image.Label), Is.EqualTo((data.NameOf(source), data.LabelOf(source))));
        }

        Assert.That(set.Images.Select(image => image.SourceRow), Is.Unique);
        foreach (IGrouping<int, DistilledImage> images in set.Images.GroupBy(image => image.Label))
            Assert.That(images.Sum(image => image.ClusterSize), Is.EqualTo(s_classes[images.Key].Count), "cells share out the class");
    }

    [Test]
    public void Wasserstein_IsTheLeastOfAllSubsets()
    {
        DistilledSet set = DistilledSet.Load(Run("set", ("--objective", "w2")));
        double[][] rows = Rows(0);
        double least = Triples(rows.Length).Min(triple => Distortion(rows, triple));
        Assert.That(Distortion(rows, [.. set.Images.Where(image => image.Label == 0).Select(image => (int)image.SourceRow!.Value)]), Is.EqualTo(least).Within(1e-9));
    }

    [Test]
    public void Energy_IsTheLeastOfAllSubsets_AtEqualWeights()
    {
        DistilledSet set = DistilledSet.Load(Run("set", ("--objective", "energy")));
        double[][] rows = Rows(0);
        double least = Triples(rows.Length).Min(triple => Energy(rows, triple));
        Assert.Multiple(() =>
        {
            Assert.That(Energy(rows, [.. set.Images.Where(image => image.Label == 0).Select(image => (int)image.SourceRow!.Value)]), Is.EqualTo(least).Within(1e-9));
            Assert.That(set.Images.Select(image => image.Weight), Is.All.EqualTo(1));
        });
    }

    [Test]
    public void FeaturesOfANetwork_AreWhatIsCompared()
    {
        // Two features: the mean of the red pixels, and that of the green ones less the blue ones.
        string network = Path.Combine(_folder, "network", "features.onnx");
        new OnnxGraph().Input("pixels", OnnxType.F32, "batch", 3, Side, Side).Output("maps", OnnxType.F32, "batch", 2, Side, Side)
            .Constant("weight", [2, 3, 1, 1], 1f, 0f, 0f, 0f, 1f, -1f)
            .Node("Conv", ["pixels", "weight"], "maps", ("kernel_shape", new[] { 1, 1 }))
            .Save(network);
        DistilledSet set = DistilledSet.Load(Run("set", ("--objective", "energy"), ("--features", network)));
        double[][] rows = [.. Rows(0).Select(row =>
        {
            double[] means = [.. row.Select(value => (value + 1) / 2).Chunk(Side * Side).Select(plane => plane.Average())];
            return new[] { (double)(Half)means[0], (double)(Half)(means[1] - means[2]) };
        })];
        int[] chosen = [.. set.Images.Where(image => image.Label == 0).Select(image => (int)image.SourceRow!.Value)];
        Assert.That(Energy(rows, chosen), Is.EqualTo(Triples(rows.Length).Min(triple => Energy(rows, triple))).Within(2e-3), "pixels are halves here, and single precision there");
        Assert.That(
            () => SelectRun.Run(Configuration(("--features", network)), Path.Combine(_folder, "set", "rows"), null, Path.Combine(_folder, "both"), Context()),
            Throws.InstanceOf<UsageException>().With.Message.Contains("--features"));
    }

    [Test]
    public void AnInterruptedRun_EndsWithTheSameBytes_AndOtherWeightsNeedNoNewChoice()
    {
        string whole = Run("whole", ("--objective", "medoids")), cut = Run("cut", ("--objective", "medoids"));
        string record = Path.Combine(cut, "stage.json");
        File.WriteAllText(record, File.ReadAllText(record).Replace("\"completed\":true", "\"completed\":false", StringComparison.Ordinal).Replace("\"completed\": true", "\"completed\": false", StringComparison.Ordinal));
        File.Delete(Path.Combine(cut, "classes", "00001.json"));
        File.Delete(Directory.EnumerateFiles(cut, "*.png", SearchOption.AllDirectories).First());
        Run("cut", ("--objective", "medoids"));
        Assert.That(Content(cut), Is.EqualTo(Content(whole)));

        DateTime before = File.GetLastWriteTimeUtc(Path.Combine(cut, "classes", "00000.json"));
        Run("cut", ("--objective", "medoids"), ("--weights", "none"));
        Assert.Multiple(() =>
        {
            Assert.That(DistilledSet.Load(cut).Images.Select(image => image.Weight), Is.All.EqualTo(1));
            Assert.That(File.GetLastWriteTimeUtc(Path.Combine(cut, "classes", "00000.json")), Is.EqualTo(before));
        });
    }

    [Test]
    public void RowsBehindADamagedImage_KeepTheirSource()
    {
        File.WriteAllText(Path.Combine(Data, "train", "bag", "1.png"), "no image");
        DistilledSet set = DistilledSet.Load(Run("set", ("--ipc", "8"), ("--max-damaged", "1")));
        Assert.That(
            set.Images.Where(image => image.Label == 0).Select(image => image.Source),
            Is.EquivalentTo(Enumerable.Range(0, 9).Where(i => i != 1).Select(i => $"train/bag/{i}.png")));
    }

    [Test]
    public void AFolderWithFilesOfAnotherOrigin_IsRefused_BeforeAnythingIsWritten()
    {
        string output = Path.Combine(_folder, "other"), own = Path.Combine(output, "own.txt");
        Directory.CreateDirectory(output);
        File.WriteAllText(own, "mine");
        Assert.That(() => Run("other"), Throws.InstanceOf<DdoqException>().With.Message.Contains("own.txt"));
        Assert.That(Directory.GetFileSystemEntries(output), Is.EqualTo(new[] { own }));
    }

    [Test]
    public void OddImages_AreCountedOnce_HoweverOftenTheyAreRead()
    {
        using IImageDataset data = ImageDatasets.Open(OneColour(), DatasetSplit.Train);
        var pixels = new byte[3 * Side * Side];
        for (int i = 0; i < 2 * data.Count; i++)
            data.ReadRgb(i % data.Count, new ImageFit(Side, Side, FitMode.Pad), pixels);
        Assert.That(data.Remarks.Single().Count, Is.EqualTo(2));
    }

    private string OneColour()
    {
        foreach (string name in (string[])["0.png", "1.png"])
        {
            string path = Path.Combine(_folder, "plain", "train", "grey", name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(path, ImageWriter.EncodePng(new byte[Side * Side], 1, Side, Side));
        }

        return Path.Combine(_folder, "plain");
    }

    [Test]
    public void LatentsOfOtherImages_AreRefused()
    {
        string rows = Path.Combine(Run("set"), "rows");
        File.Delete(Path.Combine(Data, "train", "bag", "8.png"));
        Assert.That(
            () => SelectRun.Run(Configuration(), rows, null, Path.Combine(_folder, "other"), Context()),
            Throws.InstanceOf<DdoqException>().With.Message.Contains("17 training images").And.Message.Contains("of 18"));
    }

    private static IEnumerable<string> Objectives => SelectionRule.All.Select(rule => rule.Name);

    private string Data => Path.Combine(_folder, "data");

    private static StageContext Context() => new(NullProgress.Instance, 2, false, default);

    private static IEnumerable<int[]> Triples(int count) =>
        from a in Enumerable.Range(0, count) from b in Enumerable.Range(a + 1, count - a - 1) from c in Enumerable.Range(b + 1, count - b - 1) select new[] { a, b, c };

    private static double Distortion(double[][] rows, int[] chosen) => rows.Average(row => chosen.Min(k => Squared(row, rows[k])));

    private static double Energy(double[][] rows, int[] chosen) =>
        (2 * rows.Average(row => chosen.Average(k => Math.Sqrt(Squared(row, rows[k])))))
        - chosen.Average(k => chosen.Average(j => Math.Sqrt(Squared(rows[k], rows[j]))));

    private static double Squared(double[] a, double[] b) => a.Zip(b, (x, y) => (x - y) * (x - y)).Sum();

    private static SortedDictionary<string, byte[]> Content(string folder) => new(
        Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Where(path => !path.EndsWith("-timing.json", StringComparison.Ordinal))
            .ToDictionary(path => Path.GetRelativePath(folder, path), File.ReadAllBytes), StringComparer.Ordinal);

    private PipelineConfiguration Configuration(params (string Flag, string Value)[] options)
    {
        PipelineConfiguration configuration = PipelineConfiguration.Empty.With(DataSettings.DataDir, Data).With(QuantizeSettings.Ipc, $"{Keep}").With(QuantizeSettings.Device, "cpu");
        foreach ((string flag, string value) in options)
            configuration = configuration.With(Settings.All.Single(setting => setting.Flag == flag), value);
        return configuration;
    }

    private string Run(string name, params (string Flag, string Value)[] options)
    {
        string output = Path.Combine(_folder, name);
        SelectRun.Run(Configuration(options), latents: null, prototypes: null, output, Context());
        return output;
    }

    // The pixels of a class as the rows are made of them, which are the first classes' here.
    private double[][] Rows(int label)
    {
        using IImageDataset data = ImageDatasets.Open(Data, DatasetSplit.Train);
        var pixels = new byte[3 * Side * Side];
        return
        [
            .. Enumerable.Range(0, data.Count).Where(i => data.LabelOf(i) == label).Select(i =>
            {
                data.ReadRgb(i, new ImageFit(Side, Side, FitMode.Pad), pixels);
                return pixels.Select(value => (double)(Half)((value / 127.5) - 1)).ToArray();
            }),
        ];
    }
}
