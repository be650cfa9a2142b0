using System.Runtime.InteropServices;
using NetVips;
using VipsImage = NetVips.Image;

namespace Ddoq.Imaging;

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
