using Ddoq.Distilled;
using Ddoq.Imaging;
using Ddoq.Numerics;
using Ddoq.Onnx.Sessions;
using Ddoq.Onnx.Tests.OnnxFiles;
using Ddoq.Pipeline.Stages;
using Ddoq.Training;
using Ddoq.Training.Augmentation;
using ImageFit = Ddoq.Imaging.ImageFit;

namespace Ddoq.Pipeline.Tests.Stages;

/// <summary>RDED's control as a stage: what it reads and writes around <see cref="CropMosaic"/>.</summary>
public class MosaicTests
{
    private const int Keep = 2;
    private static readonly (string Name, int Count)[] s_classes = [("bag", 9), ("coat", 1), ("shoe", 7)];

    private TinyModel _model = null!;
    private string _folder = string.Empty;

    [SetUp]
    public void WriteImages()
    {
        _folder = Directory.CreateTempSubdirectory("ddoq-mosaics-").FullName;
        _model = new TinyModel();
        var random = new CounterRandom(3, 1);
        foreach ((string name, int count) in s_classes)
        {
            Directory.CreateDirectory(Path.Combine(_folder, "data", "train", name));
            for (int i = 0; i < count; i++)
            {
                byte[] pixels = [.. Enumerable.Range(0, TinyModel.Pixels).Select(_ => (byte)random.NextInt32(256))];
                File.WriteAllBytes(Path.Combine(_folder, "data", "train", name, $"{i}.png"), ImageWriter.EncodePng(pixels, 3, TinyModel.ImageSize, TinyModel.ImageSize));
            }
        }
    }

    [TearDown]
    public void DeleteFolder()
    {
        _model.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Test]
    public void EveryClass_IsMadeOfItsOwnBestCrops_AndAClassOfFewImagesGivesWhatTheyFill()
    {
        string output = Run("set");
        DistilledSet set = DistilledSet.Load(output);
        Assert.That(set.ImageCounts(), Is.EqualTo(new[] { Keep, 1, Keep }), "five crops of one image fill one");
        Assert.That(set.Images.Select(image => image.Weight), Is.All.EqualTo(1));
        using IImageDataset data = ImageDatasets.Open(Path.Combine(_folder, "data"), DatasetSplit.Train), made = ImageDatasets.Open(output, DatasetSplit.Train);
        var fit = new ImageFit(TinyModel.ImageSize, TinyModel.ImageSize, FitMode.Pad);
        byte[] all = new byte[data.Count * TinyModel.Pixels], written = new byte[TinyModel.Pixels];
        for (int i = 0; i < data.Count; i++)
            data.ReadRgb(i, fit, all.AsSpan(i * TinyModel.Pixels, TinyModel.Pixels));
        for (int c = 0, image = 0; c < s_classes.Length; c++)
        {
            byte[] own = [.. Enumerable.Range(0, data.Count).Where(i => data.LabelOf(i) == c).SelectMany(i => all.AsSpan(i * TinyModel.Pixels, TinyModel.Pixels).ToArray())];
            var images = new TrainingImages(own, [.. Enumerable.Repeat(c, s_classes[c].Count)], null, null, s_classes[c].Count, TinyModel.ImageSize, TinyModel.ImageSize);
            foreach (Mosaic mosaic in CropMosaic.Make(images, 3, c, new MosaicOptions { ImagesPerClass = set.ImageCounts()[c], Seed = 4 }, Teach))
            {
                made.ReadRgb(image++, fit, written);
                Assert.That(written, Is.EqualTo(mosaic.Pixels), $"class {c}");
            }
        }
    }

    [Test]
    public void AnInterruptedRun_EndsWithTheSameBytes_ForAnyNumberOfWorkers()
    {
        byte[][] whole = Images(Run("whole", workers: 1));
        string cut = Run("cut", workers: 3), record = Path.Combine(cut, "stage.json");
        Assert.That(Images(cut), Is.EqualTo(whole));
        File.WriteAllText(record, File.ReadAllText(record).Replace("\"completed\": true", "\"completed\": false", StringComparison.Ordinal));
        File.Delete(Directory.EnumerateFiles(cut, "*.png", SearchOption.AllDirectories).First());
        Assert.That(Images(Run("cut")), Is.EqualTo(whole));
    }

    // The model's teacher: the mean of the normalised pixels times c + 1, minus c.
    private static void Teach(ReadOnlySpan<float> images, int count, Span<float> logits)
    {
        float[] mean = [0.5f, 0.25f, 0.125f], deviation = [0.5f, 0.25f, 2];
        for (int i = 0; i < count; i++)
        {
            float[] image = images.Slice(i * TinyModel.Pixels, TinyModel.Pixels).ToArray();
            double average = image.Select((value, p) => (value - mean[p / 16]) / deviation[p / 16]).Average();
            for (int c = 0; c < TinyModel.Classes; c++)
                logits[(i * TinyModel.Classes) + c] = (float)((average * (c + 1)) - c);
        }
    }

    private static byte[][] Images(string output) =>
        [.. Directory.EnumerateFiles(output, "*.png", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(File.ReadAllBytes)];

    private string Run(string name, int workers = 2)
    {
        string output = Path.Combine(_folder, name);
        var source = new EncodeOptions { Model = _model.Path, Images = new ImageOptions { Folder = Path.Combine(_folder, "data") }, Seed = 4 };
        MosaicStage.Run(source, new LabelOptions { Model = _model.Path, Provider = ExecutionProvider.Cpu }, Keep, output, new StageContext(NullProgress.Instance, workers, false, default));
        return output;
    }
}
