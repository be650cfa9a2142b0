using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.CompilerServices;
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
