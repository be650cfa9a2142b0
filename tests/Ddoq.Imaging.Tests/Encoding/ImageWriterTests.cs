using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Ddoq.Imaging.Tests;

public sealed class ImageWriterTests
{
    private static readonly (int Channels, int Height, int Width)[] s_shapes =
        [(1, 1, 1), (3, 1, 1), (1, 7, 5), (3, 5, 7), (1, 28, 28), (3, 32, 32), (3, 127, 129), (1, 255, 3), (3, 2, 257)];

    [Test]
    public void EncodePng_ReadByPillow_IsTheSameImage()
    {
        using var folder = new TemporaryFolder();
        var paths = new List<string>();
        var expected = new List<string>();
        foreach ((int channels, int height, int width) in s_shapes)
        {
            string path = folder[$"{channels}x{height}x{width}.png"];
            byte[] planar = TestData.WritePng(path, channels, height, width, 4);
            byte[] interleaved = new byte[planar.Length];
            if (channels == 3)
                PlanarRgb.ToInterleaved(planar, interleaved);
            else
                planar.CopyTo(interleaved, 0);
            paths.Add(path);
            expected.Add(string.Create(CultureInfo.InvariantCulture,
                $"PNG {(channels == 3 ? "RGB" : "L")} {width} {height} {Convert.ToHexStringLower(SHA256.HashData(interleaved))}"));
        }

        string[] lines = PythonOracle.Run("read_png.py", [.. paths]).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.That(lines, Is.EqualTo(expected));
    }

    [Test]
    public void EncodePng_ReadByOurDecoder_IsTheSameImage()
    {
        foreach ((int channels, int height, int width) in s_shapes)
        {
            byte[] planar = TestData.RandomBytes(channels * height * width, 8);
            byte[] png = ImageWriter.EncodePng(planar, channels, height, width);
            using DecodedImage image = ImageDecoder.Decode(png, "a.png", ImageDatasetOptions.Default);
            byte[] back = image.Samples.ToArray();
            if (channels == 3)
                PlanarRgb.FromInterleaved(image.Samples, back);
            Assert.Multiple(() =>
            {
                Assert.That(image.Channels, Is.EqualTo(channels));
                Assert.That(image.Size, Is.EqualTo(new ImageSize(width, height)));
                Assert.That(back, Is.EqualTo(planar));
            });
        }
    }

    [Test]
    public void EncodePng_BytesDoNotDependOnThreads()
    {
        byte[] planar = TestData.RandomBytes(3 * 64 * 65, 8);
        byte[] alone = ImageWriter.EncodePng(planar, 3, 64, 65);
        var together = new byte[32][];
        Parallel.For(0, together.Length, new ParallelOptions { MaxDegreeOfParallelism = 4 }, i => together[i] = ImageWriter.EncodePng(planar, 3, 64, 65));
        Assert.That(together, Has.All.EqualTo(alone));
    }

    [Test]
    public void IsWholePng_NoticesEveryCut()
    {
        using var folder = new TemporaryFolder();
        string path = folder["image.png"];
        Assert.That(ImageWriter.IsWholePng(path), Is.False, "no file");
        byte[] png = ImageWriter.EncodePng(TestData.RandomBytes(12, 3), 3, 2, 2);
        for (int length = 0; length < png.Length; length++)
        {
            File.WriteAllBytes(path, png[..length]);
            Assert.That(ImageWriter.IsWholePng(path), Is.False, $"{length} of {png.Length} bytes");
        }

        File.WriteAllBytes(path, png);
        Assert.That(ImageWriter.IsWholePng(path), Is.True);
        File.WriteAllBytes(path, new byte[png.Length]);
        Assert.That(ImageWriter.IsWholePng(path), Is.False, "blocks that never reached the disk read as zeros");
    }

    [Test]
    public void EncodePng_CarriesNoMetadata()
    {
        string png = Encoding.Latin1.GetString(ImageWriter.EncodePng(new byte[12], 3, 2, 2));
        foreach (string chunk in new[] { "tIME", "tEXt", "iTXt", "zTXt", "eXIf", "iCCP" })
            Assert.That(png, Does.Not.Contain(chunk));
    }

    [Test]
    public void EncodePng_OfTheWrongLength_IsAnArgumentError() => Assert.Multiple(() =>
    {
        Assert.Throws<ArgumentException>(() => ImageWriter.EncodePng(new byte[11], 3, 2, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => ImageWriter.EncodePng(new byte[8], 2, 2, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => ImageWriter.EncodePng([], 3, 0, 2));
    });
}
