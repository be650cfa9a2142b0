using System.Runtime.Intrinsics;

namespace Ddoq.Imaging;

/// <summary>Conversions between planar [3, H, W], interleaved [H, W, 3] and grey [H, W] images of bytes.</summary>
/// <remarks>Source and target must not overlap.</remarks>
public static class PlanarRgb
{
    /// <summary>Splits interleaved pixels into planes.</summary>
    /// <exception cref="ArgumentException">The lengths differ or are not a multiple of 3.</exception>
    public static void FromInterleaved(ReadOnlySpan<byte> interleaved, Span<byte> planar)
    {
        int plane = PlaneOf(planar.Length, interleaved.Length);
        Span<byte> red = planar[..plane], green = planar.Slice(plane, plane), blue = planar.Slice(2 * plane, plane);
        interleaved = interleaved[..(3 * plane)];
        int done = Vector128.IsHardwareAccelerated ? SplitVectors(interleaved, red, green, blue) : 0;
        for (int i = done, j = 3 * done; i < plane; i++, j += 3)
        {
            red[i] = interleaved[j];
            green[i] = interleaved[j + 1];
            blue[i] = interleaved[j + 2];
        }
    }

    /// <summary>Interleaves planes.</summary>
    /// <exception cref="ArgumentException">The lengths differ or are not a multiple of 3.</exception>
    public static void ToInterleaved(ReadOnlySpan<byte> planar, Span<byte> interleaved)
    {
        int plane = PlaneOf(planar.Length, interleaved.Length);
        ReadOnlySpan<byte> red = planar[..plane], green = planar.Slice(plane, plane), blue = planar.Slice(2 * plane, plane);
        for (int i = 0, j = 0; i < plane; i++, j += 3)
        {
            interleaved[j] = red[i];
            interleaved[j + 1] = green[i];
            interleaved[j + 2] = blue[i];
        }
    }

    /// <summary>
    /// The luma of each pixel, Y = (19595 R + 38470 G + 7471 B + 32768) / 65536 (ITU-R BT.601, as Pillow's <c>convert("L")</c>).
    /// A pixel with R = G = B keeps its value.
    /// </summary>
    /// <exception cref="ArgumentException"><paramref name="planar"/> is not three times as long.</exception>
    public static void ToGrey(ReadOnlySpan<byte> planar, Span<byte> grey)
    {
        int plane = PlaneOf(planar.Length, 3 * grey.Length);
        ReadOnlySpan<byte> red = planar[..plane], green = planar.Slice(plane, plane), blue = planar.Slice(2 * plane, plane);
        for (int i = 0; i < grey.Length; i++)
            grey[i] = (byte)((19595 * red[i] + 38470 * green[i] + 7471 * blue[i] + 32768) >> 16);
    }

    /// <summary>Splits sixteen pixels at a time; returns how many pixels are done.</summary>
    private static int SplitVectors(ReadOnlySpan<byte> interleaved, Span<byte> red, Span<byte> green, Span<byte> blue)
    {
        // Where each plane's bytes lie in the three vectors; an index out of range gives zero.
        const byte No = 0xFF;
        Vector128<byte> redA = Vector128.Create(0, 3, 6, 9, 12, 15, No, No, No, No, No, No, No, No, No, No);
        Vector128<byte> redB = Vector128.Create(No, No, No, No, No, No, 2, 5, 8, 11, 14, No, No, No, No, No);
        Vector128<byte> redC = Vector128.Create(No, No, No, No, No, No, No, No, No, No, No, 1, 4, 7, 10, 13);
        Vector128<byte> greenA = Vector128.Create(1, 4, 7, 10, 13, No, No, No, No, No, No, No, No, No, No, No);
        Vector128<byte> greenB = Vector128.Create(No, No, No, No, No, 0, 3, 6, 9, 12, 15, No, No, No, No, No);
        Vector128<byte> greenC = Vector128.Create(No, No, No, No, No, No, No, No, No, No, No, 2, 5, 8, 11, 14);
        Vector128<byte> blueA = Vector128.Create(2, 5, 8, 11, 14, No, No, No, No, No, No, No, No, No, No, No);
        Vector128<byte> blueB = Vector128.Create(No, No, No, No, No, 1, 4, 7, 10, 13, No, No, No, No, No, No);
        Vector128<byte> blueC = Vector128.Create(No, No, No, No, No, No, No, No, No, No, 0, 3, 6, 9, 12, 15);
        int i = 0;
        for (; i <= red.Length - Vector128<byte>.Count; i += Vector128<byte>.Count)
        {
            ReadOnlySpan<byte> from = interleaved.Slice(3 * i, 3 * Vector128<byte>.Count);
            Vector128<byte> a = Vector128.Create(from), b = Vector128.Create(from[16..]), c = Vector128.Create(from[32..]);
            (Vector128.Shuffle(a, redA) | Vector128.Shuffle(b, redB) | Vector128.Shuffle(c, redC)).CopyTo(red[i..]);
            (Vector128.Shuffle(a, greenA) | Vector128.Shuffle(b, greenB) | Vector128.Shuffle(c, greenC)).CopyTo(green[i..]);
            (Vector128.Shuffle(a, blueA) | Vector128.Shuffle(b, blueB) | Vector128.Shuffle(c, blueC)).CopyTo(blue[i..]);
        }

        return i;
    }

    private static int PlaneOf(int length, int otherLength) => length == otherLength && length % 3 == 0
        ? length / 3
        : throw new ArgumentException($"lengths {length} and {otherLength} do not belong to one image of three channels");
}
