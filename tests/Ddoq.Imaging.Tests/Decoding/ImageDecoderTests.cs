using System.Buffers.Binary;
using System.Text;

namespace Ddoq.Imaging.Tests;

/// <summary>Decoding against Pillow, on files that Pillow made, and the errors for files that are not what they should be.</summary>
[Parallelizable(ParallelScope.Children)]
public sealed class ImageDecoderTests
{
    private TemporaryFolder _folder = null!;

    [OneTimeSetUp]
    public void MakeImages()
    {
        _folder = new TemporaryFolder();
        PythonOracle.Run("make_images.py", _folder.Path);
    }

    [OneTimeTearDown]
    public void RemoveImages() => _folder?.Dispose();

    [TestCase("rgb.png"), TestCase("interlaced.png"), TestCase("grey.png"), TestCase("palette.png"), TestCase("bilevel.png")]
    [TestCase("rgb16.png"), TestCase("grey16.png")]
    [TestCase("lossless.webp"), TestCase("rgb.tif"), TestCase("grey.tiff")]
    [TestCase("rgb.bmp"), TestCase("grey.bmp"), TestCase("palette.bmp"), TestCase("sixteen.bmp"), TestCase("bilevel.bmp")]
    [TestCase("rgba.bmp"), TestCase("topdown.bmp"), TestCase("masks.bmp")]
    [TestCase("rgba.png"), TestCase("greyalpha.png")]
    public void Decode_Lossless_IsExact(string name) => AssertPixels(name, name, 0, ImageDatasetOptions.Default);

    // Two decoders of one JPEG may round the inverse transform and the chroma upsampling differently.
    [TestCase("rgb.jpg", 3), TestCase("rgb444.jpg", 3), TestCase("progressive.jpeg", 3), TestCase("grey.jpg", 1), TestCase("cmyk.jpg", 3)]
    [TestCase("exif1.jpg", 3), TestCase("exif2.jpg", 3), TestCase("exif3.jpg", 3), TestCase("exif4.jpg", 3)]
    [TestCase("exif5.jpg", 3), TestCase("exif6.jpg", 3), TestCase("exif7.jpg", 3), TestCase("exif8.jpg", 3)]
    public void Decode_Jpeg_IsClose(string name, int tolerance) => AssertPixels(name, name, tolerance, ImageDatasetOptions.Default);

    [Test]
    public void Decode_Alpha_UsesTheBackground() =>
        AssertPixels("rgba.png", "rgba.png.black", 0, new ImageDatasetOptions { AlphaBackground = 0 });

    [TestCase("grey.png", true), TestCase("grey16.png", true), TestCase("greyalpha.png", true), TestCase("bilevel.png", true)]
    [TestCase("grey.jpg", true), TestCase("grey.bmp", true), TestCase("grey.tiff", true), TestCase("bilevel.bmp", true)]
    [TestCase("rgb.png", false), TestCase("palette.png", false), TestCase("cmyk.jpg", false), TestCase("palette.bmp", false), TestCase("rgb.bmp", false)]
    public void Header_SaysWhetherGrey(string name, bool expected) =>
        Assert.That(ImageHeader.Read(_folder[name], ImageDatasetOptions.Default).IsGrey, Is.EqualTo(expected));

    [TestCase("exif1.jpg", 53, 37), TestCase("exif4.jpg", 53, 37), TestCase("exif5.jpg", 37, 53), TestCase("exif8.jpg", 37, 53)]
    [TestCase("rgb.bmp", 53, 37), TestCase("rgb.tif", 53, 37), TestCase("lossless.webp", 53, 37)]
    public void Header_GivesTheSizeAsShown(string name, int width, int height) =>
        Assert.That(ImageHeader.Read(_folder[name], ImageDatasetOptions.Default).Size, Is.EqualTo(new ImageSize(width, height)));

    [Test]
    public void Decode_AnyTruncation_IsDamage([Values("rgb.png", "rgb.jpg", "progressive.jpeg", "lossless.webp", "rgb.tif", "rgb.bmp", "palette.bmp")] string name)
    {
        byte[] whole = File.ReadAllBytes(_folder[name]);
        foreach (int length in new[] { 0, 1, 7, 13, 40, whole.Length / 4, whole.Length / 2, whole.Length * 9 / 10 })
        {
            var error = Assert.Throws<DamagedImageException>(
                () => ImageDecoder.Decode(whole[..length], "train/cat/" + name, ImageDatasetOptions.Default).Dispose(), $"{length} of {whole.Length}");
            TestData.AssertMessage(error, "train/cat/" + name);
        }
    }

    [Test]
    public void Decode_CorruptPng_IsDamage()
    {
        byte[] content = File.ReadAllBytes(_folder["rgb.png"]);
        content[content.Length / 2] ^= 0xFF;
        Assert.Throws<DamagedImageException>(() => ImageDecoder.Decode(content, "a.png", ImageDatasetOptions.Default).Dispose());
    }

    [Test]
    public void Decode_StrayBytesInAJpeg_AreNoDamage()
    {
        byte[] content = File.ReadAllBytes(_folder["rgb.jpg"]);
        byte[] stray = [.. content[..^2], 0, 0, 0, 0, .. content[^2..]];
        using DecodedImage image = ImageDecoder.Decode(stray, "a.jpg", ImageDatasetOptions.Default);
        Assert.That(image.Size, Is.EqualTo(new ImageSize(53, 37)));
    }

    [Test]
    public void Decode_WrongExtension_NamesFileFoundAndExpected()
    {
        byte[] content = File.ReadAllBytes(_folder["rgb.jpg"]);
        var error = Assert.Throws<DdoqException>(() => ImageDecoder.Decode(content, "dog/n01.png", ImageDatasetOptions.Default).Dispose());
        TestData.AssertMessage(error, "dog/n01.png", "JPEG", "PNG");
        Assert.That(error!.Hint, Does.Contain("the extension of its contents"));

        using DecodedImage image = ImageDecoder.Decode(content, "dog/n01.png", new ImageDatasetOptions { AllowMismatchedExtension = true });
        Assert.That(image.Channels, Is.EqualTo(3));
    }

    [Test]
    public void Decode_OtherContents_SayWhatTheyAre()
    {
        TestData.AssertMessage(Throws("picture.gif", "a.png"), "a.png", "GIF");
        TestData.AssertMessage(Throws("float.tif", "float.tif"), "float.tif", "Float");
        var html = Assert.Throws<DamagedImageException>(
            () => ImageDecoder.Decode(Encoding.ASCII.GetBytes("<html>404</html>"), "a.jpg", ImageDatasetOptions.Default).Dispose());
        TestData.AssertMessage(html, "a.jpg", "3c68746d");

        // Of a format that is not read, an image may be skipped like a damaged one: in an archive it cannot be converted.
        DdoqException? Throws(string file, string name) => Assert.Catch<DdoqException>(
            () => ImageDecoder.Decode(File.ReadAllBytes(_folder[file]), name, ImageDatasetOptions.Default).Dispose());
    }

    // The header of a small file must not make us allocate for the size it claims.
    [Test]
    public void Decode_ImpossibleSize_IsDamage()
    {
        byte[] content = File.ReadAllBytes(_folder["rgb.bmp"]);
        BinaryPrimitives.WriteInt32LittleEndian(content.AsSpan(18), 1 << 20);
        BinaryPrimitives.WriteInt32LittleEndian(content.AsSpan(22), 1 << 20);
        var error = Assert.Throws<DamagedImageException>(() => ImageDecoder.Decode(content, "a.bmp", ImageDatasetOptions.Default).Dispose());
        TestData.AssertMessage(error, "a.bmp", "1048576x1048576");

        // Few enough pixels to be allowed, and more than deflate can pack into the file.
        content = File.ReadAllBytes(_folder["rgb.png"]);
        BinaryPrimitives.WriteInt32BigEndian(content.AsSpan(16), 1 << 23);
        BinaryPrimitives.WriteInt32BigEndian(content.AsSpan(20), 20);
        ReaderFuzzTests.MendPngChecksums(content);
        error = Assert.Throws<DamagedImageException>(() => ImageDecoder.Decode(content, "a.png", ImageDatasetOptions.Default).Dispose());
        TestData.AssertMessage(error, "a.png", "8388608x20 pixels cannot be packed");
    }

    private void AssertPixels(string name, string expectedName, int tolerance, ImageDatasetOptions options)
    {
        byte[] expected = File.ReadAllBytes(_folder[expectedName + ".rgb"]);
        var size = new ImageSize(BinaryPrimitives.ReadInt32LittleEndian(expected), BinaryPrimitives.ReadInt32LittleEndian(expected.AsSpan(4)));
        expected = expected[8..];
        using DecodedImage image = ImageDecoder.Decode(File.ReadAllBytes(_folder[name]), name, options);
        Assert.That(image.Size, Is.EqualTo(size));
        int largest = 0;
        for (int i = 0; i < expected.Length; i++)
            largest = Math.Max(largest, Math.Abs(expected[i] - image.Samples[image.Channels == 3 ? i : i / 3]));
        Assert.That(largest, Is.LessThanOrEqualTo(tolerance));
        TestContext.Out.WriteLine($"{name}: largest difference {largest}");
    }
}
