namespace Ddoq.Quantization.Spaces;

/// <summary>Hartigan's test: what the sum of squared distances loses and gains when one row changes its cell.</summary>
/// <remarks>
/// Both means move with the row, so a row of weight w that leaves a cell of mass W saves <c>w W / (W - w) * d</c> and joining
/// one costs <c>w W / (W + w) * d</c>, d the squared distance to the mean; without weights w is 1 and W the number of rows.
/// The common w is left out here. Lloyd compares the bare distances, and stops earlier: the row's own mean contains w/W of
/// the row. Source: J. A. Hartigan, "Clustering Algorithms" (1975), chapter 4.
/// </remarks>
internal static class HartiganTest
{
    // A row of nearly all the mass of its cell has a distance of nearly nothing but rounding.
    private const double LargestFactor = 1e6;

    /// <summary>What leaving a cell saves, per weight of the row and squared distance.</summary>
    public static double Leave(double mass, double weight) => mass / (mass - weight);

    /// <summary>What joining a cell costs, per weight of the row and squared distance; an empty cell costs nothing.</summary>
    public static double Join(double mass, double weight) => mass / (mass + weight);

    /// <summary>Whether a row may leave its cell: others are in it, and they have mass that rounding does not hide.</summary>
    /// <param name="count">Rows of the cell.</param>
    /// <param name="leave"><see cref="Leave"/> of the row.</param>
    public static bool MayLeave(int count, double leave) => count > 1 && leave < LargestFactor;

    /// <summary>The gain per weight of the row below which a move is rounding.</summary>
    /// <param name="leave"><see cref="Leave"/> of the row, by which the rounding of the distance grows.</param>
    /// <param name="zeroDistance">What allows for the factor of equal weights, at most 2.</param>
    public static double LeastGain(double leave, float zeroDistance) => leave <= 2 ? zeroDistance : zeroDistance * leave / 2;
}
