using Ddoq.Imaging;
using Ddoq.Numerics;
using Ddoq.Onnx.Sessions;
using Ddoq.Onnx.Tests.OnnxFiles;
using Ddoq.Pipeline.Stages;

namespace Ddoq.Pipeline.Tests.Stages;

/// <summary>The control of random real images, as they are and through the autoencoder.</summary>
public class RandomImagesTests
{
    private const int PerClass = 4, Chosen = 2;

    private TinyModel _model = null!;
    private string _folder = string.Empty;

    [SetUp]
    public void WriteImages()
    {
        _model = new TinyModel();
        _folder = Directory.CreateTempSubdirectory("ddoq-random-").FullName;
        var random = new CounterRandom(3, 1);
        foreach (string name in (string[])["bag", "coat", "shoe"])
        {
            string folder = Path.Combine(_folder, "data", "train", name);
            Directory.CreateDirectory(folder);
            for (int i = 0; i < PerClass; i++)
            {
                var pixels = new byte[TinyModel.Pixels];
                for (int p = 0; p < pixels.Length; p++)
                    pixels[p] = (byte)(120 + random.NextInt32(16));
                File.WriteAllBytes(Path.Combine(folder, $"{i}.png"), ImageWriter.EncodePng(pixels, 3, TinyModel.ImageSize, TinyModel.ImageSize));
            }
        }
    }

    [TearDown]
    public void DeleteFolders()
    {
        _model.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Test]
    public void ThroughTheAutoencoder_TheSameImagesAreChosenAndDecoded([Values(1, 3)] int workers)
    {
        byte[][] real = Run(throughAutoencoder: false, workers), decoded = Run(throughAutoencoder: true, workers);
        Assert.That(real, Has.Length.EqualTo(3 * Chosen));
        for (int i = 0; i < real.Length; i++)
        {
            byte[] expected = TinyAutoencoder.Levels(TinyAutoencoder.Decode(TinyAutoencoder.Encode(real[i])));
            Assert.That(decoded[i], Is.EqualTo(expected).Within(1), $"image {i}");
            Assert.That(decoded[i], Is.Not.EqualTo(real[i]).Within(1), "guards the line above");
        }
    }

    [Test]
    public void OneKindInTheFolderOfTheOther_IsRefused()
    {
        string output = Path.Combine(_folder, "set");
        RandomImagesStage.Run(Options(), Chosen, throughAutoencoder: false, output, Context(1));
        Assert.That(
            () => RandomImagesStage.Run(Options(), Chosen, throughAutoencoder: true, output, Context(1)),
            Throws.InstanceOf<DdoqException>().With.Message.Contains("decoder"));
    }

    private static StageContext Context(int workers) => new(NullProgress.Instance, workers, false, default);

    private EncodeOptions Options() => new() { Images = new ImageOptions { Folder = Path.Combine(_folder, "data") }, Model = _model.Path, BatchSize = 4, Seed = 5, Provider = ExecutionProvider.Cpu };

    private byte[][] Run(bool throughAutoencoder, int workers)
    {
        string output = Path.Combine(_folder, $"set-{throughAutoencoder}");
        RandomImagesStage.Run(Options(), Chosen, throughAutoencoder, output, Context(workers));
        using IImageDataset images = ImageDatasets.Open(output, DatasetSplit.Train);
        var fit = new ImageFit(TinyModel.ImageSize, TinyModel.ImageSize, FitMode.Pad);
        return [.. Enumerable.Range(0, images.Count).Select(i =>
        {
            var pixels = new byte[TinyModel.Pixels];
            images.ReadRgb(i, fit, pixels);
            return pixels;
        })];
    }
}
