using Ddoq.Numerics;

namespace Ddoq.Imaging.Tests;

/// <summary>Images and places that many tests use.</summary>
internal static class TestData
{
    /// <summary>The shipped part of Fashion-MNIST.</summary>
    public static string Sample { get; } = Path.Combine(FindRepository(), "samples", "fashion-mnist");

    /// <summary>Random bytes that depend on the seed alone.</summary>
    public static byte[] RandomBytes(int length, uint seed)
    {
        var random = new CounterRandom(seed, CounterRandom.Stream(1, 0));
        var bytes = new byte[length];
        for (int i = 0; i < length; i++)
            bytes[i] = (byte)random.NextUInt32();
        return bytes;
    }

    /// <summary>Writes a random PNG and returns its pixels, [channels, H, W].</summary>
    public static byte[] WritePng(string path, int channels, int height, int width, uint seed)
    {
        byte[] planar = RandomBytes(channels * height * width, seed);
        File.WriteAllBytes(path, ImageWriter.EncodePng(planar, channels, height, width));
        return planar;
    }

    /// <summary>A random PNG file of 8x8 RGB pixels.</summary>
    public static byte[] Png(uint seed)
    {
        string path = Path.GetTempFileName();
        try
        {
            WritePng(path, 3, 8, 8, seed);
            return File.ReadAllBytes(path);
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>Asserts that an error names what it should and offers a remedy.</summary>
    public static void AssertMessage(DdoqException? error, params string[] parts)
    {
        Assert.That(error, Is.Not.Null);
        Assert.Multiple(() =>
        {
            foreach (string part in parts)
                Assert.That(error!.Message, Does.Contain(part));
            Assert.That(error!.Hint, Is.Not.Null.And.Not.Empty);
        });
    }

    private static string FindRepository()
    {
        string? folder = TestContext.CurrentContext.TestDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "DDOQ.sln")))
            folder = Path.GetDirectoryName(folder);
        return folder ?? throw new InvalidOperationException("DDOQ.sln is not above the test's folder");
    }
}
