namespace Ddoq.Quantization.Spaces;

/// <summary>Hartigan's test: what the sum of squared distances loses and gains when one row changes its cell.</summary>
/// <remarks>
/// Both means move with the row, so leaving a cell of n rows saves <c>n / (n - 1) * d</c> and joining one costs
/// <c>n / (n + 1) * d</c>, d the squared distance to the mean. Lloyd compares the bare distances, and stops earlier: the
/// row's own mean contains 1/n of the row. Source: J. A. Hartigan, "Clustering Algorithms" (1975), chapter 4.
/// </remarks>
internal static class HartiganTest
{
    /// <summary>What leaving a cell of <paramref name="count"/> &gt; 1 rows saves.</summary>
    public static double Leave(int count, double distance) => count / (count - 1.0) * distance;

    /// <summary>What joining a cell of <paramref name="count"/> rows costs; an empty cell costs nothing.</summary>
    public static double Join(int count, double distance) => count / (count + 1.0) * distance;
}
