using System.Globalization;
using Ddoq.Storage;

namespace Ddoq.Latents;

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
