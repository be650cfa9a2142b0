using Ddoq.Training.Augmentation;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddoq.Training.Tests.Augmentation;

public sealed class CropMosaicTests
{
    private const int Size = SyntheticImages.Size;

    private static readonly TrainingImages Images = SyntheticImages.Make(30, 6);

    [Test]
    public void Make_TakesTheBestCropsOfTheBestImages()
    {
        var scored = new List<double>();
        IReadOnlyList<Mosaic> mosaics = CropMosaic.Make(Images, SyntheticImages.Classes, 1, Options(2), Recording(scored));

        // Ten images of the class with three crops each: the best crop of every image, then the eight best of these.
        double[] expected = [.. scored.Chunk(3).Select(image => image.Min()).Order().Take(8)];
        MosaicPart[] parts = [.. mosaics.SelectMany(mosaic => mosaic.Parts)];
        Assert.That(scored, Has.Count.EqualTo(30));
        Assert.That(parts.Select(part => part.Loss), Is.EqualTo(expected).Within(1e-12));
        Assert.That(parts.Select(part => part.Row), Is.Unique);
        Assert.That(parts.Select(part => Images.Labels[part.Row]), Is.All.EqualTo(1));
    }

    [Test]
    public void Make_PastesEachCropIntoItsQuarter()
    {
        Mosaic mosaic = CropMosaic.Make(Images, SyntheticImages.Classes, 0, Options(1), SyntheticImages.Teach)[0];
        float[] quarter = new float[3 * Size * Size / 4];
        for (int t = 0; t < 4; t++)
        {
            CropMosaic.Resize(Images, mosaic.Parts[t], Size / 2, Size / 2, quarter);
            for (int i = 0; i < quarter.Length; i++)
            {
                (int line, int x) = Math.DivRem(i, Size / 2);
                (int channel, int y) = Math.DivRem(line, Size / 2);
                int pixel = (((channel * Size) + y + (t / 2 * Size / 2)) * Size) + x + (t % 2 * Size / 2);
                Assert.That(mosaic.Pixels[pixel], Is.EqualTo(255 * quarter[i]).Within(0.5001), $"part {t}, value {i}");
            }
        }
    }

    [Test]
    public void Make_FewImages_AddTheirSecondBestCrops()
    {
        TrainingImages few = SyntheticImages.Pick(Images, [0, 3, 6], weights: null);
        MosaicPart[] parts = [.. CropMosaic.Make(few, SyntheticImages.Classes, 0, Options(2), SyntheticImages.Teach).SelectMany(mosaic => mosaic.Parts)];
        Assert.That(parts.GroupBy(part => part.Row).Select(image => image.Count()).Order(), Is.EqualTo(new[] { 2, 3, 3 }));
        Assert.That(() => CropMosaic.Make(few, SyntheticImages.Classes, 0, Options(3), SyntheticImages.Teach), Throws.TypeOf<DdoqException>().With.Message.Contains("12 crops"));
    }

    [Test]
    public void Make_SameSeed_SameBytes_OtherSeed_OtherCrops()
    {
        Mosaic Run(ulong seed) => CropMosaic.Make(Images, SyntheticImages.Classes, 2, Options(1) with { Seed = seed }, SyntheticImages.Teach)[0];
        Mosaic first = Run(4), again = Run(4), other = Run(5);
        Assert.That(again.Pixels, Is.EqualTo(first.Pixels));
        Assert.That(other.Parts, Is.Not.EqualTo(first.Parts));
    }

    [TestCase(7, 16)]
    [TestCase(16, 8)]
    [TestCase(13, 8)]
    public void Resize_IsASeparableTriangleFilter(int side, int size)
    {
        using DisposeScope scope = NewDisposeScope();
        var crop = new MosaicPart(3, 2, 0, side, 0);
        crop = crop with { Top = Math.Min(crop.Top, Size - side) };
        float[] found = new float[3 * size * size];
        CropMosaic.Resize(Images, crop, size, size, found);

        Tensor image = tensor(Images.Pixels, [Images.Count, 3, Size, Size]).select(0, 3).to(ScalarType.Float32) / 255;
        Tensor part = image.narrow(1, crop.Top, side).narrow(2, crop.Left, side);
        Assert.That(found, Is.EqualTo(Tensors.Values(Separable(part, side, size))).Within(1e-5));
    }

    private static MosaicOptions Options(int imagesPerClass) => new() { ImagesPerClass = imagesPerClass, CropsPerImage = 3, Seed = 4 };

    private static TeacherFunction Recording(List<double> losses) => (images, count, logits) =>
    {
        SyntheticImages.Teach(images, count, logits);
        for (int i = 0; i < count; i++)
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor row = tensor(logits.Slice(i * SyntheticImages.Classes, SyntheticImages.Classes).ToArray()).to(ScalarType.Float64);
            losses.Add(-nn.functional.log_softmax(row, 0)[1].item<double>());
        }
    };

    // A matrix of triangles per axis, written apart from the code under test: rows of weights times the image.
    private static Tensor Separable(Tensor image, int from, int to)
    {
        double scale = (double)from / to, width = Math.Max(1, scale);
        Tensor positions = arange(from, dtype: ScalarType.Float64).unsqueeze(0);
        Tensor centres = ((arange(to, dtype: ScalarType.Float64) + 0.5) * scale - 0.5).unsqueeze(1);
        Tensor weights = (1 - ((positions - centres).abs() / width)).clamp_min(0);
        weights = weights / weights.sum(1, keepdim: true);
        return weights.matmul(image.to(ScalarType.Float64)).matmul(weights.t()).to(ScalarType.Float32);
    }
}
