using Ddoq.Quantization.Algorithms;

namespace Ddoq.Quantization.Spaces;

/// <summary>K moving centres among the N rows of one class: what an algorithm may ask and do, whatever the coordinates.</summary>
/// <remarks>
/// Squared distances are fp32, never negative; among equal ones the lowest centre wins. One thread; buffers are reused
/// from class to class.
/// </remarks>
internal abstract class ClusterSpace : IDisposable
{
    /// <summary>The fraction of the mean squared norm below which squared distances are rounding.</summary>
    public const double RelativeZero = 1e-6;

    /// <summary>Rows (N).</summary>
    public int RowCount { get; protected set; }

    /// <summary>Centres (K).</summary>
    public int CentroidCount { get; protected set; }

    /// <summary>Values per row (D).</summary>
    public int Dimension { get; protected set; }

    /// <summary>Weight of each row (N), all above 0; empty when all weigh the same.</summary>
    public abstract ReadOnlySpan<float> Weights { get; }

    /// <summary>Which coordinates.</summary>
    public abstract QuantizationSpace Kind { get; }

    /// <summary>Below this a squared distance is rounding: rows so near to a centre count as equal to it.</summary>
    public float ZeroDistance { get; protected set; }

    /// <summary>Nearest centre of every row.</summary>
    public abstract void Assign(Span<int> labels, Span<float> distances);

    /// <summary>Nearest centre of some rows, in their order.</summary>
    public abstract void Assign(ReadOnlySpan<int> rows, Span<int> labels, Span<float> distances);

    /// <summary>Announces how many origins <see cref="DistancesFrom"/> will be asked for at a row limit, so that it may prepare.</summary>
    public virtual void ExpectOrigins(int count, int rowLimit)
    {
    }

    /// <summary>Squared distances of the rows below a limit to some rows; 0 for equal rows.</summary>
    /// <param name="origins">T rows.</param>
    /// <param name="rowLimit">Rows 0 to this number are measured.</param>
    /// <param name="distances">T x <paramref name="rowLimit"/>, one row per origin.</param>
    public abstract void DistancesFrom(ReadOnlySpan<int> origins, int rowLimit, Span<float> distances);

    /// <summary>Puts a centre on a row.</summary>
    public abstract void Place(int centroid, int row);

    /// <summary>Puts all centres on given points (K x D).</summary>
    public abstract void Place(ReadOnlySpan<float> centroids);

    /// <summary>Puts each centre that has rows on their mean; a centre without rows stays where it is.</summary>
    public abstract void MoveToMeans(ReadOnlySpan<int> labels, CellSizes cells);

    /// <summary><c>centre = (1 - rate) * centre + rate * row</c>.</summary>
    public abstract void Step(int centroid, int row, double rate);

    /// <summary><c>centre = (mass * centre + weighted sum of the rows) / (mass + weight of the rows)</c>; a row may occur twice.</summary>
    /// <param name="centroid">The centre.</param>
    /// <param name="mass">What the centre stands for so far.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="added">The sum of their weights.</param>
    public abstract void Absorb(int centroid, double mass, ReadOnlySpan<int> rows, double added);

    /// <summary>
    /// Moves single rows between cells while Hartigan's test finds a gain; the centres are the means of
    /// <paramref name="labels"/> before and after.
    /// </summary>
    /// <returns>Rounds over the rows and rows moved.</returns>
    public abstract (long Rounds, long Moves) Refine(Span<int> labels, CellSizes cells, long moveLimit, CancellationToken cancellation);

    /// <summary>
    /// Writes the centres (K x D) in the coordinates of the latents. Where <paramref name="counts"/> is not empty, a
    /// centre whose count is not 0 is the mean of its cell, which the caller computes from the rows: it is left out.
    /// </summary>
    public abstract void CopyCentroids(Span<float> destination, ReadOnlySpan<int> counts);

    /// <summary>Weight of a row; 1 when all weigh the same.</summary>
    public float Weight(int row) => Weights.IsEmpty ? 1f : Weights[row];

    /// <inheritdoc/>
    public abstract void Dispose();
}

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

/// <summary>Chooses the coordinates of a class from its size and the options alone.</summary>
/// <remarks>
/// Unit: one multiply-add of the packed kernels. The Gram matrix costs <c>N^2 D / 2</c>; each pass in direct space costs
/// <c>N D (K + 14)</c>: reading and converting a value takes as long as 14 centres do (measured between K = 10 and 200). Passes expected: Lloyd 15 from greedy k-means++; Hartigan's moves as many
/// again; mini-batch about 30 passes' worth of batches (scikit-learn's stopping rule); greedy k-means++ itself one pass
/// per trial. For Lloyd and Hartigan, measured from D = 16 to 4096 and N = 300 to 6000: a row's values cost as 60 more in direct space, an entry of the
/// Gram matrix 40 more to make and 1.6 in each pass, and the more the less of the matrix stays in the cache. So many rows of few values, which the
/// matrix made up to nine times slower, are fitted in direct space.
/// </remarks>
internal static class SpaceCostModel
{
    /// <summary>Rows above which the Gram matrix is not considered: 4 N^2 bytes per worker, 256 MiB here.</summary>
    public const int MostRows = 8192;

    private const double ConversionInCentroids = 14;
    private const double LloydPasses = 15;
    private const double MiniBatchPasses = 30;

    private const double ValuesPerRow = 60;
    private const double GramEntry = 40;
    private const double GramEntryPerPass = 1.6;
    private const double CacheBytes = 64 << 20;

    // One row at a time against unpacked centres runs at the speed of memory.
    private const double SingleRowFactor = 6;

    /// <summary>The cheaper space for a class.</summary>
    public static QuantizationSpace Choose(QuantizerOptions options, int rows, int centroids, int dimension)
    {
        if (options.Space != QuantizationSpace.Auto)
            return options.Space;
        if (rows > MostRows || (options.Algorithm == QuantizationAlgorithm.Support && options.Initialization == CentroidInitialization.Given))
            return QuantizationSpace.Direct;
        double passes = DirectPasses(options, rows, centroids) * options.Restarts, entries = (double)rows * rows;
        double gram = entries * dimension / 2;
        double direct = (double)rows * dimension * (centroids + ConversionInCentroids) * passes;
        if (options.Algorithm is QuantizationAlgorithm.Lloyd or QuantizationAlgorithm.Hartigan)
        {
            gram += entries * (GramEntry + (GramEntryPerPass * passes * (1 + (sizeof(float) * entries / CacheBytes))));
            direct += rows * ValuesPerRow * (centroids + ConversionInCentroids) * passes;
        }

        return gram <= direct ? QuantizationSpace.Gram : QuantizationSpace.Direct;
    }

    private static double DirectPasses(QuantizerOptions options, int rows, int centroids)
    {
        double first = options.Initialization == CentroidInitialization.GreedyKMeansPlusPlus ? 2 + Math.Log(centroids) : 0;
        return options.Algorithm switch
        {
            QuantizationAlgorithm.D4m => options.Passes + (first * Math.Min(1, (double)options.KmExpand * centroids / rows)),
            QuantizationAlgorithm.Clvq => first + (SingleRowFactor * options.Passes),
            QuantizationAlgorithm.Support => 2 * Math.Min(SupportIteration.ExpectedRounds, options.MaxIterations),
            QuantizationAlgorithm.MiniBatch => first + Math.Min(MiniBatchPasses, options.MaxIterations),
            QuantizationAlgorithm.Lloyd => first + Math.Min(LloydPasses, options.MaxIterations),
            _ => first + (2 * Math.Min(LloydPasses, options.MaxIterations)),
        };
    }
}
