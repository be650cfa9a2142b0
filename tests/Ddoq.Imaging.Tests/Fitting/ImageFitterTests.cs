using System.Globalization;

namespace Ddoq.Imaging.Tests;

/// <summary>Resizing against Pillow (bit for bit) and a double-precision reference; cropping against torchvision; padding.</summary>
public sealed class ImageFitterTests
{
    // Source height and width, target height and width: up, down, both, identity in one direction, prime and tiny sizes.
    private static readonly (int Height, int Width, int ToHeight, int ToWidth)[] s_sizes =
    [
        (37, 53, 16, 16), (16, 16, 37, 53), (28, 28, 32, 32), (28, 28, 28, 56), (28, 28, 14, 28), (1, 1, 5, 7), (7, 5, 1, 1),
        (2, 300, 64, 3), (127, 129, 128, 128), (375, 500, 224, 224), (31, 33, 33, 31), (3, 9, 8, 8), (255, 257, 32, 32),
    ];

    [Test]
    public void Resize_IsPillowsToTheBit()
    {
        using var folder = new TemporaryFolder();
        var cases = new List<(string Name, int Channels, ImageSize Size, ImageFit Fit, byte[] Source)>();
        foreach ((int height, int width, int toHeight, int toWidth) in s_sizes)
        {
            foreach (ImageInterpolation interpolation in Enum.GetValues<ImageInterpolation>())
            {
                foreach (int channels in new[] { 1, 3 })
                {
                    byte[] source = TestData.RandomBytes(channels * height * width, (uint)cases.Count);
                    cases.Add(($"case{cases.Count}", channels, new(width, height), new(toHeight, toWidth, FitMode.Resize, interpolation), source));
                }
            }
        }

        RunCases(folder, cases);
    }

    [Test]
    public void CropCentre_IsTorchvisionsResizeAndCenterCrop()
    {
        using var folder = new TemporaryFolder();
        var cases = new List<(string Name, int Channels, ImageSize Size, ImageFit Fit, byte[] Source)>();
        foreach ((int height, int width, int target) in new[] { (375, 500, 224), (500, 333, 64), (31, 100, 32), (101, 33, 32), (28, 28, 32), (33, 32, 32), (32, 35, 32), (7, 1000, 5) })
        {
            byte[] source = TestData.RandomBytes(3 * height * width, (uint)cases.Count);
            cases.Add(($"case{cases.Count}", 3, new(width, height), new(target, target, FitMode.CropCentre, ImageInterpolation.Bicubic), source));
        }

        RunCases(folder, cases);
    }

    private static void RunCases(TemporaryFolder folder, List<(string Name, int Channels, ImageSize Size, ImageFit Fit, byte[] Source)> cases)
    {
        File.WriteAllLines(folder["cases.txt"], cases.Select(c => string.Create(
            CultureInfo.InvariantCulture,
            $"{c.Name} {c.Channels} {c.Size.Height} {c.Size.Width} {c.Fit.ModeName} {c.Fit.InterpolationName} {c.Fit.Height} {c.Fit.Width}")));
        foreach (var c in cases)
            File.WriteAllBytes(folder[c.Name + ".in"], c.Source);
        PythonOracle.Run("resize.py", folder.Path);

        Assert.Multiple(() =>
        {
            foreach (var c in cases)
            {
                int plane = c.Fit.Height * c.Fit.Width;
                byte[] planar = new byte[3 * plane], expected = new byte[3 * plane];
                ImageFitter.Fit(new PixelSource(c.Source, c.Size, c.Channels, c.Name), c.Fit, planar);
                byte[] output = File.ReadAllBytes(folder[c.Name + ".out"]);
                if (c.Channels == 3)
                    PlanarRgb.FromInterleaved(output, expected);
                else
                    expected = [.. output, .. output, .. output];
                Assert.That(planar, Is.EqualTo(expected), $"{c.Size} x {c.Channels}: {c.Fit}");
            }
        });
    }

    private static void FitPlanes(byte[] planes, ImageSize size, ImageFit fit, byte[] target)
    {
        int from = size.Width * size.Height, to = fit.Width * fit.Height;
        byte[] grey = new byte[3 * to];
        for (int plane = 0; plane < planes.Length / from; plane++)
        {
            ImageFitter.Fit(new PixelSource(planes.AsSpan(plane * from, from), size, 1, "a"), fit, grey);
            grey.AsSpan(0, to).CopyTo(target.AsSpan(plane * to));
        }
    }

    // The definition: normalised, stretched filter in both directions, in doubles. Two roundings to bytes stand between.
    [Test]
    public void Resize_IsTheFilterItSaysItIs(
        [Values(ImageInterpolation.Bilinear, ImageInterpolation.Bicubic, ImageInterpolation.Lanczos)] ImageInterpolation interpolation)
    {
        foreach ((int height, int width, int toHeight, int toWidth) in s_sizes.Where(size => size.Height * size.Width < 20_000))
        {
            byte[] source = TestData.RandomBytes(height * width, 5);
            byte[] target = new byte[toHeight * toWidth];
            FitPlanes(source, new ImageSize(width, height), new ImageFit(toHeight, toWidth, FitMode.Resize, interpolation), target);
            double[] across = Matrix(interpolation, width, toWidth), down = Matrix(interpolation, height, toHeight);
            double worst = 0;
            for (int y = 0; y < toHeight; y++)
            {
                for (int x = 0; x < toWidth; x++)
                {
                    double sum = 0;
                    for (int v = 0; v < height; v++)
                    {
                        double row = 0;
                        for (int u = 0; u < width; u++)
                            row += across[x * width + u] * source[v * width + u];
                        sum += down[y * height + v] * Math.Clamp(row, 0, 255);
                    }

                    worst = Math.Max(worst, Math.Abs(Math.Clamp(sum, 0, 255) - target[y * toWidth + x]));
                }
            }

            // 0.5 of the first rounding through weights whose magnitudes sum to at most 1.5, and 0.5 of the second.
            Assert.That(worst, Is.LessThanOrEqualTo(1.26), $"{width}x{height} to {toWidth}x{toHeight}");
        }
    }

    private static double[] Matrix(ImageInterpolation interpolation, int from, int to)
    {
        double scale = (double)from / to, stretch = Math.Max(1, scale);
        var matrix = new double[to * from];
        for (int x = 0; x < to; x++)
        {
            double centre = (x + 0.5) * scale;
            // Samples whose centre is inside the stretched support.
            double sum = 0;
            for (int u = 0; u < from; u++)
                sum += matrix[x * from + u] = Filter(interpolation, (u + 0.5 - centre) / stretch);
            for (int u = 0; u < from; u++)
                matrix[x * from + u] /= sum;
        }

        return matrix;
    }

    private static double Filter(ImageInterpolation interpolation, double x)
    {
        x = Math.Abs(x);
        switch (interpolation)
        {
            case ImageInterpolation.Bilinear:
                return x < 1 ? 1 - x : 0;
            case ImageInterpolation.Bicubic:
                return x < 1 ? 1.5 * x * x * x - 2.5 * x * x + 1 : x < 2 ? -0.5 * x * x * x + 2.5 * x * x - 4 * x + 2 : 0;
            default:
                return x == 0 ? 1 : x < 3 ? 3 * Math.Sin(Math.PI * x) * Math.Sin(Math.PI * x / 3) / (Math.PI * Math.PI * x * x) : 0;
        }
    }

    [Test, Pairwise]
    public void Resize_OfAFlatImage_IsFlat([Values] ImageInterpolation interpolation, [Values(0, 127, 255)] int level)
    {
        byte[] source = new byte[3 * 37 * 53], target = new byte[3 * 19 * 88];
        Array.Fill(source, (byte)level);
        FitPlanes(source, new ImageSize(53, 37), new ImageFit(19, 88, FitMode.Resize, interpolation), target);
        Assert.That(target, Has.All.EqualTo((byte)level));
    }

    [Test]
    public void Fit_AtTheTargetSize_ChangesNothing([Values] FitMode mode)
    {
        byte[] source = TestData.RandomBytes(3 * 9 * 11, 1), target = new byte[source.Length];
        FitPlanes(source, new ImageSize(11, 9), new ImageFit(9, 11, mode), target);
        Assert.That(target, Is.EqualTo(source));
    }

    [TestCase(28, 28, 32, 32, 2, 2), TestCase(28, 27, 32, 32, 2, 2), TestCase(1, 1, 4, 2, 1, 0), TestCase(5, 4, 5, 9, 0, 2)]
    public void Pad_CentresOnTheBorderLevel(int height, int width, int toHeight, int toWidth, int top, int left)
    {
        byte[] interleaved = TestData.RandomBytes(3 * height * width, 3);
        byte[] planar = new byte[3 * toHeight * toWidth + 5];
        Array.Fill(planar, (byte)99);
        ImageFitter.Fit(new PixelSource(interleaved, new ImageSize(width, height), 3, "a"), new ImageFit(toHeight, toWidth, FitMode.Pad, PadValue: 7), planar);
        Assert.Multiple(() =>
        {
            for (int c = 0; c < 3; c++)
            {
                for (int y = 0; y < toHeight; y++)
                {
                    for (int x = 0; x < toWidth; x++)
                    {
                        int v = y - top, u = x - left;
                        byte expected = v >= 0 && v < height && u >= 0 && u < width ? interleaved[3 * (v * width + u) + c] : (byte)7;
                        Assert.That(planar[(c * toHeight + y) * toWidth + x], Is.EqualTo(expected), $"{c},{y},{x}");
                    }
                }
            }

            Assert.That(planar[^5..], Has.All.EqualTo((byte)99), "what follows the image is kept");
        });
    }

    [Test]
    public void Pad_OfALargerImage_NamesFileAndRemedy()
    {
        var error = Assert.Throws<DdoqException>(() => ImageFitter.Fit(
            new PixelSource(new byte[33 * 20], new ImageSize(33, 20), 1, "cat/1.png"), new ImageFit(32, 32, FitMode.Pad), new byte[3 * 32 * 32]));
        TestData.AssertMessage(error, "cat/1.png", "33x20", "32x32");
        Assert.That(error!.Hint, Does.Contain("--fit resize"));
    }

    [Test]
    public void Fit_IntoAShortSpan_IsAnArgumentError() => Assert.Throws<ArgumentException>(() =>
        ImageFitter.Fit(new PixelSource(new byte[12], new ImageSize(2, 2), 3, "a"), new ImageFit(2, 2), new byte[11]));

    [TestCase("pad", FitMode.Pad), TestCase("resize", FitMode.Resize), TestCase("crop-centre", FitMode.CropCentre)]
    public void ModeName_IsTheRecordsWord(string name, FitMode mode) => Assert.That(new ImageFit(1, 1, mode).ModeName, Is.EqualTo(name));

    [TestCase("nearest", ImageInterpolation.Nearest), TestCase("bilinear", ImageInterpolation.Bilinear)]
    [TestCase("bicubic", ImageInterpolation.Bicubic), TestCase("lanczos", ImageInterpolation.Lanczos)]
    public void InterpolationName_IsTheRecordsWord(string name, ImageInterpolation interpolation) =>
        Assert.That(new ImageFit(1, 1, FitMode.Resize, interpolation).InterpolationName, Is.EqualTo(name));

    [Test]
    public void SizesBelowOne_AreUsageErrors() => Assert.That(() => new ImageFit(0, 3), Throws.TypeOf<UsageException>());

    [Test]
    public void ToString_IsTheRecordOfTheFit() => Assert.Multiple(() =>
    {
        Assert.That(new ImageFit(224, 224).ToString(), Is.EqualTo("crop-centre 224x224 bicubic"));
        Assert.That(new ImageFit(32, 30, FitMode.Pad).ToString(), Is.EqualTo("pad 30x32 with 0"));
    });
}
