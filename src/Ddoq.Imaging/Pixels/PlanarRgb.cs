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
        for (int i = 0, j = 0; i < plane; i++, j += 3)
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

    /// <summary>Repeats a grey image in three planes.</summary>
    /// <exception cref="ArgumentException"><paramref name="planar"/> is not three times as long.</exception>
    public static void FromGrey(ReadOnlySpan<byte> grey, Span<byte> planar)
    {
        int plane = PlaneOf(planar.Length, 3 * grey.Length);
        for (int channel = 0; channel < 3; channel++)
            grey.CopyTo(planar[(channel * plane)..]);
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

    private static int PlaneOf(int length, int otherLength) => length == otherLength && length % 3 == 0
        ? length / 3
        : throw new ArgumentException($"lengths {length} and {otherLength} do not belong to one image of three channels");
}
