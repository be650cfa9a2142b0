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
