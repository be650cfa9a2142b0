using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Ddoq.Storage;

namespace Ddoq.Latents;

/// <summary>The checks and messages that all latent sources share.</summary>
internal static class LatentErrors
{
    public static DdoqException NotFinite(string where, long row, int classIndex, string className, int value, float found) => new(
        string.Create(CultureInfo.InvariantCulture,
            $"{where}: row {row} (class {classIndex} {StorageErrors.Quote(className)}) holds {found} at value {value}; latents are finite, at most 65504 in size (1e14 in bfloat16 and single precision)"),
        "Encode this image again in single precision; if the value is right, scale the latents down.");

    /// <summary>Checks that labels name classes and that there are as many as rows.</summary>
    public static void CheckLabels(string where, long valueCount, int length, ReadOnlySpan<int> labels, int classCount, long firstRow)
    {
        if (valueCount != (long)labels.Length * length)
            throw new DdoqException($"{where}: {valueCount} values for {labels.Length} labels, expected {length} per label", "Give one label per row.");
        int bad = labels.IndexOfAnyExceptInRange(0, classCount - 1);
        if (bad >= 0)
            throw new DdoqException($"{where}: row {firstRow + bad} has label {labels[bad]}, allowed are 0 to {classCount - 1}", "Check the class list.");
    }

    /// <summary>Checks a window of a class and returns its number of rows.</summary>
    public static int CheckWindow(int firstRow, int destinationLength, int length, int rowCount, [CallerArgumentExpression(nameof(firstRow))] string? name = null)
    {
        (int count, int rest) = Math.DivRem(destinationLength, length);
        if (rest != 0)
            throw new ArgumentException($"the destination has {destinationLength} values, no multiple of D = {length}", nameof(destinationLength));
        if (firstRow < 0 || firstRow > rowCount - count)
            throw new ArgumentOutOfRangeException(name, firstRow, $"{count} rows from {firstRow} are not within the class's {rowCount} rows");
        return count;
    }

    public static void CheckClass(int classIndex, int classCount)
    {
        if ((uint)classIndex >= (uint)classCount)
            ThrowNoClass(classIndex, classCount);
    }

    [DoesNotReturn]
    private static void ThrowNoClass(int classIndex, int classCount) =>
        throw new ArgumentOutOfRangeException(nameof(classIndex), classIndex, $"classes are 0 to {classCount - 1}");
}

/// <summary>Finds values that the engine cannot work with, by their bits: infinities, NaNs, and sizes above 1e14.</summary>
/// <remarks>
/// Kernels widen halves by shifts and one multiplication, which maps infinities and NaNs to finite numbers: they must be
/// found here, once, when data is loaded. bfloat16 and single precision reach 3e38, where squared distances overflow:
/// up to <see cref="Largest"/> the sum of 2^29 squared differences still fits single precision.
/// </remarks>
internal static class FiniteScan
{
    /// <summary>The largest size of a value in bfloat16 and single precision.</summary>
    public const float Largest = 1e14f;

    private const ushort HalfLargest = 0x7BFF;
    private const ushort BFloatLargest = 0x56B5;

    /// <summary>Index of the first value that is not finite, or -1.</summary>
    public static int IndexOfNonFinite(ReadOnlySpan<Half> values) => IndexAbove(MemoryMarshal.Cast<Half, short>(values), (short)HalfLargest);

    /// <summary>Index of the first value, counted in values, that is not finite or too large; -1 when there is none.</summary>
    /// <param name="bytes">Values as they are stored.</param>
    /// <param name="type">Their type.</param>
    public static int IndexOfUnusable(ReadOnlySpan<byte> bytes, LatentElementType type) => type switch
    {
        LatentElementType.F16 => IndexAbove(MemoryMarshal.Cast<byte, short>(bytes), (short)HalfLargest),
        LatentElementType.BF16 => IndexAbove(MemoryMarshal.Cast<byte, short>(bytes), (short)BFloatLargest),
        _ => IndexAbove(MemoryMarshal.Cast<byte, int>(bytes), BitConverter.SingleToInt32Bits(Largest)),
    };

    /// <summary>One stored value, for messages.</summary>
    public static float ValueAt(ReadOnlySpan<byte> bytes, LatentElementType type, int index) => type switch
    {
        LatentElementType.F16 => (float)MemoryMarshal.Cast<byte, Half>(bytes)[index],
        LatentElementType.BF16 => BitConverter.Int32BitsToSingle(MemoryMarshal.Cast<byte, short>(bytes)[index] << 16),
        _ => MemoryMarshal.Cast<byte, float>(bytes)[index],
    };

    // Without the sign the bits of floating-point numbers order as integers do, infinity and NaN above all others.
    private static int IndexAbove<T>(ReadOnlySpan<T> bits, T largest) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        int i = 0;
        Vector<T> mask = new(T.MaxValue), limit = new(largest);
        for (; i <= bits.Length - Vector<T>.Count; i += Vector<T>.Count)
        {
            if (Vector.GreaterThanAny(new Vector<T>(bits[i..]) & mask, limit))
                break;
        }

        for (; i < bits.Length; i++)
        {
            if ((bits[i] & T.MaxValue) > largest)
                return i;
        }

        return -1;
    }
}

/// <summary>The checks and messages of weights of rows that all sources and quantisers share.</summary>
internal static class SampleWeights
{
    /// <summary>Index of the first weight that is negative, infinite or NaN, or -1.</summary>
    public static int IndexOfBad(ReadOnlySpan<float> weights)
    {
        for (int i = 0; i < weights.Length; i++)
        {
            if (!(weights[i] >= 0 && weights[i] <= float.MaxValue))
                return i;
        }

        return -1;
    }

    public static DdoqException Bad(string where, long row, int classIndex, string className, float found) => new(
        string.Create(CultureInfo.InvariantCulture,
            $"{where}: row {row} (class {classIndex} {StorageErrors.Quote(className)}) has sample weight {found}; sample weights are finite, 0 or more"),
        "Check the tool that wrote the weights; a row that must not count has weight 0.");

    public static DdoqException AllZero(int rows, int classIndex, string className) => new(
        string.Create(CultureInfo.InvariantCulture, $"class {classIndex} {StorageErrors.Quote(className)}: all {rows} sample weights are 0; at least one row of a class needs a weight above 0"),
        "Leave the class out, or weigh its rows.");

    /// <summary>Refuses weights of another number than rows.</summary>
    public static void CheckCount(string where, int weights, int rows)
    {
        if (weights != rows)
            throw new DdoqException(string.Create(CultureInfo.InvariantCulture, $"{where}: {weights} sample weights for {rows} rows"), "Give one weight per row, or none at all.");
    }
}
