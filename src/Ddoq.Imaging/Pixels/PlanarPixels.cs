using System.Numerics;

namespace Ddoq.Imaging;

/// <summary>Conversions between bytes (0 to 255) and the ranges networks use.</summary>
/// <remarks>
/// Every step is one correctly rounded IEEE operation in single precision, so results are the same on every machine and for
/// every vector width, and the same as <c>x / 127.5 - 1</c> and <c>x / 255</c> in NumPy or PyTorch.
/// </remarks>
public static class PlanarPixels
{
    /// <summary>y = x / 127.5 - 1, in [-1, 1].</summary>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static void ToSigned(ReadOnlySpan<byte> bytes, Span<float> values)
    {
        RequireSameLength(bytes.Length, values.Length);
        int i = 0;
        for (; i <= bytes.Length - Vector<byte>.Count; i += Vector<byte>.Count)
        {
            Widen(bytes[i..], out Vector<float> a, out Vector<float> b, out Vector<float> c, out Vector<float> d);
            Span<float> to = values[i..];
            (a / 127.5f - Vector<float>.One).CopyTo(to);
            (b / 127.5f - Vector<float>.One).CopyTo(to[Vector<float>.Count..]);
            (c / 127.5f - Vector<float>.One).CopyTo(to[(2 * Vector<float>.Count)..]);
            (d / 127.5f - Vector<float>.One).CopyTo(to[(3 * Vector<float>.Count)..]);
        }

        for (; i < bytes.Length; i++)
            values[i] = bytes[i] / 127.5f - 1f;
    }

    /// <summary>y = x / 255, in [0, 1].</summary>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static void ToUnit(ReadOnlySpan<byte> bytes, Span<float> values)
    {
        RequireSameLength(bytes.Length, values.Length);
        int i = 0;
        for (; i <= bytes.Length - Vector<byte>.Count; i += Vector<byte>.Count)
        {
            Widen(bytes[i..], out Vector<float> a, out Vector<float> b, out Vector<float> c, out Vector<float> d);
            Span<float> to = values[i..];
            (a / 255f).CopyTo(to);
            (b / 255f).CopyTo(to[Vector<float>.Count..]);
            (c / 255f).CopyTo(to[(2 * Vector<float>.Count)..]);
            (d / 255f).CopyTo(to[(3 * Vector<float>.Count)..]);
        }

        for (; i < bytes.Length; i++)
            values[i] = bytes[i] / 255f;
    }

    /// <summary>y = round((x + 1) * 127.5), halves to even, clamped to 0 and 255; the inverse of <see cref="ToSigned"/>.</summary>
    /// <remarks>Infinities are clamped. NaN becomes 0: a caller that may have NaN must look for it before.</remarks>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static void FromSigned(ReadOnlySpan<float> values, Span<byte> bytes)
    {
        RequireSameLength(bytes.Length, values.Length);
        int i = 0;
        for (; i <= bytes.Length - Vector<byte>.Count; i += Vector<byte>.Count)
        {
            ReadOnlySpan<float> from = values[i..];
            Vector<ushort> low = Narrow(from), high = Narrow(from[(2 * Vector<float>.Count)..]);
            Vector.Narrow(low, high).CopyTo(bytes[i..]);
        }

        for (; i < bytes.Length; i++)
            bytes[i] = (byte)MathF.Round(Clamp((values[i] + 1f) * 127.5f), MidpointRounding.ToEven);
    }

    private static void Widen(ReadOnlySpan<byte> bytes, out Vector<float> a, out Vector<float> b, out Vector<float> c, out Vector<float> d)
    {
        Vector.Widen(new Vector<byte>(bytes), out Vector<ushort> low, out Vector<ushort> high);
        Vector.Widen(low, out Vector<uint> ua, out Vector<uint> ub);
        Vector.Widen(high, out Vector<uint> uc, out Vector<uint> ud);
        a = Vector.ConvertToSingle(Vector.AsVectorInt32(ua));
        b = Vector.ConvertToSingle(Vector.AsVectorInt32(ub));
        c = Vector.ConvertToSingle(Vector.AsVectorInt32(uc));
        d = Vector.ConvertToSingle(Vector.AsVectorInt32(ud));
    }

    private static Vector<ushort> Narrow(ReadOnlySpan<float> values) =>
        Vector.Narrow(ToLevel(new Vector<float>(values)), ToLevel(new Vector<float>(values[Vector<float>.Count..])));

    private static Vector<uint> ToLevel(Vector<float> values)
    {
        Vector<float> level = (values + Vector<float>.One) * 127.5f;
        // A comparison with NaN is false, so NaN takes the zero.
        level = Vector.ConditionalSelect(Vector.GreaterThan(level, Vector<float>.Zero), level, Vector<float>.Zero);
        level = Vector.ConditionalSelect(Vector.LessThan(level, new Vector<float>(255f)), level, new Vector<float>(255f));
        return Vector.AsVectorUInt32(Vector.ConvertToInt32(Vector.Round(level, MidpointRounding.ToEven)));
    }

    private static float Clamp(float level) => level > 0f ? (level < 255f ? level : 255f) : 0f;

    private static void RequireSameLength(int bytes, int floats)
    {
        if (bytes != floats)
            throw new ArgumentException($"{bytes} bytes and {floats} numbers are not the same image");
    }
}
