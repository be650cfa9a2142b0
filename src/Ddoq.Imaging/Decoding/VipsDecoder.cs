using System.Runtime.InteropServices;
using NetVips;
using VipsImage = NetVips.Image;

namespace Ddoq.Imaging;

/// <summary>Decodes PNG, JPEG, WebP and TIFF by libvips.</summary>
/// <remarks>
/// Loaders are called by name, so that the contents decide and libvips guesses nothing. Errors of the decoder fail the
/// image, its warnings do not: ImageNet has JPEGs with stray bytes between segments that every reader accepts. EXIF
/// orientation is applied (torchvision's default loader ignores it). Colour profiles are not, as in Pillow.
/// </remarks>
internal static class VipsDecoder
{
    private const Enums.FailOn FailOn = Enums.FailOn.Error;
    private const string Orientation = "orientation";

    // libvips collects the errors of all threads in one text. Decoders share this lock; one that failed takes it alone to hear
    // what is wrong with its own image.
    private static readonly ReaderWriterLockSlim s_errors = new();

    public static DecodedImage Decode(byte[] content, ImageFormat format, string path, byte alphaBackground) =>
        Guard(path, (content, format, path, alphaBackground), static image => DecodeOnce(image.content, image.format, image.path, image.alphaBackground));

    public static ImageHeader ReadHeader(string path, ImageFormat format) => ReadHeader(path, (path, format), static file => OpenFile(file.path, file.format));

    public static ImageHeader ReadHeader(byte[] content, string path, ImageFormat format) =>
        ReadHeader(path, (content, format), static image => OpenBuffer(image.content, image.format));

    private static DecodedImage DecodeOnce(byte[] content, ImageFormat format, string path, byte alphaBackground)
    {
        using VipsImage stored = OpenBuffer(content, format);
        DecodedImage.CheckSize(stored.Width, stored.Height, path);
        if (format == ImageFormat.Png)
            CheckPngData(content, stored.Width, stored.Height, path);
        int orientation = OrientationOf(stored);
        if (orientation == 1)
            return Convert(stored, orientation, path, alphaBackground);

        // Turning needs the rows in another order than the decoder gives them.
        using VipsImage complete = stored.CopyMemory();
        using VipsImage upright = complete.Autorot();
        return Convert(upright, orientation, path, alphaBackground);
    }

    // A header of a few bytes may claim a gigabyte, over which the decoder takes seconds before it finds that the data end.
    private static void CheckPngData(ReadOnlySpan<byte> content, int width, int height, string path)
    {
        const int Depth = 24, Colour = 25; // places in a PNG
        int channels = content[Colour] switch { 2 => 3, 4 => 2, 6 => 4, _ => 1 };
        long row = (((long)width * channels * content[Depth]) + 7) / 8;
        if (row * height > (long)content.Length * DataFile.MaximumDeflateRatio)
            throw new DamagedImageException(path, $"the image is truncated or corrupt ({width}x{height} pixels cannot be packed into {content.Length} bytes)");
    }

    private static ImageHeader ReadHeader<TState>(string path, TState state, Func<TState, VipsImage> open) => Guard(path, (path, state, open), static header =>
    {
        using VipsImage image = header.open(header.state);
        DecodedImage.CheckSize(image.Width, image.Height, header.path);
        // Orientations 5 to 8 are the ones that lie on their side.
        ImageSize size = OrientationOf(image) >= 5 ? new(image.Height, image.Width) : new(image.Width, image.Height);
        return new ImageHeader(size, PixelConversion.IsGrey(image));
    });

    private static TResult Guard<TState, TResult>(string path, TState state, Func<TState, TResult> run)
    {
        VipsLibrary.EnsureLoaded();
        s_errors.EnterReadLock();
        try
        {
            return run(state);
        }
        catch (VipsException)
        {
            // Tried again below.
        }
        finally
        {
            s_errors.ExitReadLock();
        }

        s_errors.EnterWriteLock();
        try
        {
            // An exception takes the text with it, so this one leaves none for the next.
            _ = new VipsException("");
            return run(state);
        }
        catch (VipsException e)
        {
            throw Damaged(path, e);
        }
        finally
        {
            s_errors.ExitWriteLock();
        }
    }

    private static VipsImage OpenBuffer(byte[] content, ImageFormat format) => format switch
    {
        ImageFormat.Png => VipsImage.PngloadBuffer(content, access: Enums.Access.Sequential, failOn: FailOn),
        ImageFormat.Jpeg => VipsImage.JpegloadBuffer(content, access: Enums.Access.Sequential, failOn: FailOn),
        ImageFormat.WebP => VipsImage.WebploadBuffer(content, access: Enums.Access.Sequential, failOn: FailOn),
        ImageFormat.Tiff => VipsImage.TiffloadBuffer(content, access: Enums.Access.Sequential, failOn: FailOn),
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, "not decoded by libvips"),
    };

    private static VipsImage OpenFile(string path, ImageFormat format) => format switch
    {
        ImageFormat.Png => VipsImage.Pngload(path, access: Enums.Access.Sequential),
        ImageFormat.Jpeg => VipsImage.Jpegload(path, access: Enums.Access.Sequential),
        ImageFormat.WebP => VipsImage.Webpload(path, access: Enums.Access.Sequential),
        ImageFormat.Tiff => VipsImage.Tiffload(path, access: Enums.Access.Sequential),
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, "not decoded by libvips"),
    };

    private static unsafe DecodedImage Convert(VipsImage image, int orientation, string path, byte alphaBackground)
    {
        nint samples = image.WriteToMemory(out ulong length);
        try
        {
            return PixelConversion.Convert(new ReadOnlySpan<byte>((void*)samples, checked((int)length)), image, orientation, path, alphaBackground);
        }
        finally
        {
            NetVips.NetVips.Free(samples);
        }
    }

    private static int OrientationOf(VipsImage image) =>
        image.GetTypeOf(Orientation) != 0 && image.Get(Orientation) is int orientation and >= 1 and <= 8 ? orientation : 1;

    // libvips repeats itself over several lines, the first of which only says what it was doing.
    private static DamagedImageException Damaged(string path, VipsException e)
    {
        string[] lines = [.. e.Message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Distinct()];
        return new DamagedImageException(path, "the image is truncated or corrupt (" + string.Join("; ", lines.Skip(lines.Length > 1 ? 1 : 0)) + ")", e);
    }
}

/// <summary>Loads libvips and sets it up for many small images at once.</summary>
/// <remarks>
/// The settings hold for the process: one thread an operation (the images are dealt to threads here, and results then do
/// not depend on how libvips divides one), no cache of operations (every image is seen once), and no warnings on standard
/// error (what matters in them is in the exception).
/// </remarks>
internal static class VipsLibrary
{
    // Kept for the life of the process: libvips calls it.
    private static readonly Log.LogDelegate s_ignore = static (_, _, _) => { };

    private static readonly Exception? s_failure = Load();

    /// <exception cref="DdoqException">The native library cannot be loaded.</exception>
    public static void EnsureLoaded()
    {
        if (s_failure is not null)
        {
            throw new DdoqException(
                $"the image library libvips cannot be loaded: {s_failure.Message.Split('\n')[0].Trim()}",
                "install libvips (Debian: libvips42), or use a build that carries it", s_failure);
        }
    }

    private static Exception? Load()
    {
        try
        {
            NetVips.NetVips.Concurrency = 1;
            Cache.Max = 0;
            Log.SetLogHandler("VIPS", Enums.LogLevelFlags.Warning, s_ignore);
            return null;
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException or TypeInitializationException or VipsException)
        {
            return e.InnerException ?? e;
        }
    }
}

/// <summary>Turns the pixels of any image file into 8-bit grey or RGB.</summary>
/// <remarks>
/// <list type="bullet">
/// <item>16 bits: the high byte. Palettes and 1, 2 and 4 bits: expanded by the decoder.</item>
/// <item>Alpha, 8 or 16 bits: composited on a grey level, v = round((c a + b (255 - a)) / 255).</item>
/// <item>CMYK: v = round((255 - ink) (255 - black) / 255), without profiles, as Pillow converts it.</item>
/// </list>
/// </remarks>
internal static class PixelConversion
{
    private enum Colour
    {
        Grey,
        Rgb,
        Cmyk,
    }

    /// <summary>True for one channel, with or without alpha.</summary>
    public static bool IsGrey(VipsImage image) => image.Bands <= 2;

    /// <summary>Converts the samples libvips wrote for <paramref name="image"/>, [H, W, bands].</summary>
    /// <param name="samples">The samples.</param>
    /// <param name="image">What they are.</param>
    /// <param name="orientation">EXIF orientation that the file had.</param>
    /// <param name="path">Its name, for errors.</param>
    /// <param name="alphaBackground">The grey level behind transparent pixels.</param>
    /// <exception cref="DdoqException">Samples or colours that are not converted, such as floating point or Lab.</exception>
    public static DecodedImage Convert(ReadOnlySpan<byte> samples, VipsImage image, int orientation, string path, byte alphaBackground)
    {
        int bands = image.Bands;
        int sampleBytes = image.Format switch
        {
            Enums.BandFormat.Uchar => 1,
            Enums.BandFormat.Ushort => 2,
            _ => throw Unsupported(image, path),
        };
        Colour colour = (image.Interpretation, bands) switch
        {
            (Enums.Interpretation.Cmyk, 4 or 5) => Colour.Cmyk,
            (Enums.Interpretation.Bw or Enums.Interpretation.Grey16 or Enums.Interpretation.Multiband, 1 or 2) => Colour.Grey,
            (Enums.Interpretation.Srgb or Enums.Interpretation.Rgb or Enums.Interpretation.Rgb16, 3 or 4) => Colour.Rgb,
            _ => throw Unsupported(image, path),
        };

        var decoded = new DecodedImage(new ImageSize(image.Width, image.Height), colour == Colour.Grey ? 1 : 3)
        {
            Mode = ModeOf(colour, bands, sampleBytes),
            Orientation = orientation,
            LargestSample = sampleBytes == 2 ? LargestOf(MemoryMarshal.Cast<byte, ushort>(samples), bands, colour) : 0,
        };
        if (sampleBytes == 1 && bands == decoded.Channels)
            samples.CopyTo(decoded.Samples);
        else
            Convert(samples, sampleBytes, bands, colour, alphaBackground, decoded.Samples);
        return decoded;
    }

    private static string ModeOf(Colour colour, int bands, int sampleBytes)
    {
        int colourBands = colour switch { Colour.Grey => 1, Colour.Rgb => 3, _ => 4 };
        return (colour switch { Colour.Grey => "grey", Colour.Rgb => "RGB", _ => "CMYK" })
            + (bands > colourBands ? " with alpha" : "") + (sampleBytes == 2 ? ", 16 bits" : "");
    }

    // Alpha is left out: it reaches the top in an image of any depth.
    private static int LargestOf(ReadOnlySpan<ushort> samples, int bands, Colour colour)
    {
        int colourBands = colour switch { Colour.Grey => 1, Colour.Rgb => 3, _ => 4 }, largest = 0;
        for (int pixel = 0; pixel < samples.Length; pixel += bands)
        {
            for (int band = 0; band < colourBands; band++)
                largest = Math.Max(largest, samples[pixel + band]);
        }

        return largest;
    }

    private static void Convert(ReadOnlySpan<byte> samples, int sampleBytes, int bands, Colour colour, byte background, Span<byte> target)
    {
        int channels = colour == Colour.Grey ? 1 : 3;
        int colourBands = colour == Colour.Cmyk ? 4 : channels;
        int high = sampleBytes == 2 && BitConverter.IsLittleEndian ? 1 : 0;
        Span<byte> pixel = stackalloc byte[5];
        for (int from = 0, to = 0; to < target.Length; to += channels)
        {
            for (int band = 0; band < bands; band++, from += sampleBytes)
                pixel[band] = samples[from + high];
            int alpha = bands > colourBands ? pixel[colourBands] : 255;
            for (int channel = 0; channel < channels; channel++)
            {
                int value = colour == Colour.Cmyk ? Blend(255 - pixel[channel], 0, 255 - pixel[3]) : pixel[channel];
                target[to + channel] = (byte)Blend(value, background, alpha);
            }
        }
    }

    // 255 is odd, so there are no ties.
    private static int Blend(int over, int under, int alpha) => (over * alpha + under * (255 - alpha) + 127) / 255;

    private static DdoqException Unsupported(VipsImage image, string path) => new(
        $"{path} has {image.Bands} channels of type {image.Format} and colours {image.Interpretation}; 8 or 16 bits of grey, RGB or CMYK are read",
        "convert the file to 8-bit RGB");
}
