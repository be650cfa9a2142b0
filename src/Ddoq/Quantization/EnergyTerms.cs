using CommunityToolkit.HighPerformance;
using Ddoq.Latents;
using Ddoq.Numerics;
using Ddoq.Numerics.Kernels;
using Ddoq.Quantization.Spaces;
using Ddoq.Selection;

namespace Ddoq.Quantization;

/// <summary>The three mean distances of which the energy distance of rows and points is made.</summary>
/// <param name="Between">E|X - Z|, X a row and Z a point, each drawn by its weight.</param>
/// <param name="Rows">E|X - X'| of two rows, drawn independently.</param>
/// <param name="Points">E|Z - Z'| of two points, drawn independently.</param>
/// <remarks>
/// <c>E = 2 E|X - Z| - E|X - X'| - E|Z - Z'|</c> is 0 only where both are the same measure, and a squared maximum mean
/// discrepancy: the means of a function f differ by at most |f| sqrt(E) in the norm of its native space. Source: G. Szekely and
/// M. Rizzo, "Energy statistics" (2013).
/// </remarks>
public readonly record struct EnergyTerms(double Between, double Rows, double Points)
{
    /// <summary>Rows up to which the distances of all pairs of rows are taken.</summary>
    public const int MostRows = 8192;

    private const int RowsPerChunk = 240;

    /// <summary>The energy distance.</summary>
    public double Distance => (2 * Between) - Rows - Points;

    /// <summary>Measures a class of a source against points.</summary>
    /// <param name="source">The rows, with their weights where it has any.</param>
    /// <param name="classIndex">The class, 0-based; at least one row.</param>
    /// <param name="points">K x D values, row-major, finite; K is at least 1.</param>
    /// <param name="pointWeights">Weight of each point (K), finite, 0 or more, not all 0; empty when all weigh the same.</param>
    /// <param name="seed">Names the rows that stand for all of them in a class of more than <see cref="MostRows"/>.</param>
    /// <param name="cancellation">Stops between blocks of rows.</param>
    /// <returns>
    /// The terms, from fp32 distances summed in fp64; deterministic. <see cref="Between"/> and <see cref="Points"/> are exact for
    /// any number of rows; <see cref="Rows"/> is that of <see cref="MostRows"/> random rows, drawn without replacement, where there are more.
    /// </returns>
    /// <remarks>Runs on the calling thread: <c>N D (K + N/2)</c> multiply-adds, and 4 D (K + 240) bytes beside a copy of rows that are not in place.</remarks>
    /// <exception cref="UsageException">The shapes do not fit each other, or the class does not exist or has no rows.</exception>
    /// <exception cref="DdoqException">A row, point or weight is not usable.</exception>
    public static EnergyTerms Measure(
        ILatentSource source, int classIndex, ReadOnlySpan<float> points, ReadOnlySpan<float> pointWeights = default, ulong seed = 0, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        int dimension = source.Shape.Length, count = points.Length / dimension;
        PointMasses.CheckPoints(points, dimension);
        if (!pointWeights.IsEmpty && pointWeights.Length != count)
            throw new UsageException($"{pointWeights.Length} weights for {count} points: one per point, or none at all, is needed.");
        float[] weights = pointWeights.IsEmpty ? [.. Enumerable.Repeat(1f, count)] : pointWeights.ToArray();
        double mass = 0;
        foreach (float weight in weights)
            mass += weight;
        if (SampleWeights.IndexOfBad(weights) >= 0 || !(mass > 0))
            throw new DdoqException($"The weights of {count} points are not usable: they are finite, 0 or more, and not all 0.");
        LatentKernels kernels = KernelTable.Default.ForRows(source.ElementType);
        using var rows = new LoadedRows(kernels);
        using var table = new CentroidTable(kernels);
        float[] copy = points.ToArray();
        return rows.With(source, classIndex, () =>
        {
            table.Reset(count, dimension);
            table.Load(copy, rows.Used);
            double own = 0;
            for (int k = 0; k < count; k++)
            {
                for (int l = k + 1; l < count; l++)
                    own += (double)weights[k] * weights[l] * table.Distance(k, l);
            }

            double between = MeanDistance(kernels, rows, 0, rows.Used.Count, table, weights, cancellation) / mass;
            var sample = new CounterRandom(seed, RandomStreams.Of(classIndex, RandomPurpose.EnergySample, 0));
            return new EnergyTerms(between, MeanRowDistance(kernels, rows, sample, cancellation), 2 * own / (mass * mass));
        }, cancellation);
    }

    /// <summary>Measures a class of a source against the rows of a matrix.</summary>
    /// <param name="source">The rows, with their weights where it has any.</param>
    /// <param name="classIndex">The class, 0-based; at least one row.</param>
    /// <param name="points">[K, D], finite; K is at least 1.</param>
    /// <param name="pointWeights">Weight of each point (K), finite, 0 or more, not all 0; empty when all weigh the same.</param>
    /// <param name="seed">Names the rows that stand for all of them in a class of more than <see cref="MostRows"/>.</param>
    /// <param name="cancellation">Stops between blocks of rows.</param>
    /// <inheritdoc cref="Measure(ILatentSource, int, ReadOnlySpan{float}, ReadOnlySpan{float}, ulong, CancellationToken)" path="/*[self::returns or self::remarks or self::exception]"/>
    public static EnergyTerms Measure(
        ILatentSource source, int classIndex, ReadOnlySpan2D<float> points, ReadOnlySpan<float> pointWeights = default, ulong seed = 0, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        return points.Width == source.Shape.Length
            ? Measure(source, classIndex, MatrixRows.Together(points), pointWeights, seed, cancellation)
            : throw new UsageException($"Points of {points.Width} values do not fit rows of {source.Shape.Length}.");
    }

    // Sum over points of weight times the mean distance of rows from first to end.
    private static unsafe double MeanDistance(
        LatentKernels kernels, LoadedRows rows, int first, int end, CentroidTable table, ReadOnlySpan<float> weights, CancellationToken cancellation)
    {
        using var padded = new NativeBuffer<float>();
        using var distances = new NativeBuffer<float>();
        using var norms = new NativeBuffer<float>();
        int stride = LatentKernels.Pad(table.Count);
        weights.CopyTo(new Span<float>(padded.ReserveZeroed(stride), stride));
        norms.ReserveZeroed(stride);
        distances.Reserve(stride);
        for (int k = 0; k < table.Count; k++)
            norms.Pointer[k] = (float)table.Norm(k);
        double sum = 0, mass = 0;
        for (int block = first; block < end; block += LatentKernels.RowsPerBlock)
        {
            cancellation.ThrowIfCancellationRequested();
            int count = Math.Min(LatentKernels.RowsPerBlock, end - block);
            float* scores = table.Scores(rows.Used, rows.Used.Pointers + block, count);
            for (int i = 0; i < count; i++)
            {
                float weight = rows.Weight(block + i);
                float* row = scores + ((nint)i * table.ScoreStride);
                new Span<float>(row + table.Count, stride - table.Count).Clear();
                kernels.DistancesInColumns(row, norms.Pointer, rows.Norms[block + i], distances.Pointer, stride);
                sum += weight * kernels.SumOfDistances(distances.Pointer, padded.Pointer, rows.ZeroDistance, stride);
                mass += weight;
            }
        }

        return sum / mass;
    }

    private static unsafe double MeanRowDistance(LatentKernels kernels, LoadedRows all, CounterRandom random, CancellationToken cancellation)
    {
        if (all.Used.Count > MostRows)
            all.Sample(MostRows, random);
        int rows = all.Used.Count;
        using var table = new CentroidTable(kernels);
        double sum = 0, mass = 0;
        var weights = new float[RowsPerChunk];
        for (int first = 0; first < rows; first += RowsPerChunk)
        {
            int count = Math.Min(RowsPerChunk, rows - first);
            table.Reset(count, all.Used.Dimension);
            double chunk = 0, rest = 0;
            for (int k = 0; k < count; k++)
            {
                table.Load(k, all.Used[first + k], all.Used);
                chunk += weights[k] = all.Weight(first + k);
            }

            // Pairs within the chunk are met twice, those with later rows once.
            for (int i = first + count; i < rows; i++)
                rest += all.Weight(i);
            sum += chunk * MeanDistance(kernels, all, first, first + count, table, weights.AsSpan(0, count), cancellation);
            if (first + count < rows)
                sum += 2 * rest * MeanDistance(kernels, all, first + count, rows, table, weights.AsSpan(0, count), cancellation);
            mass += chunk;
        }

        return sum / (mass * mass);
    }
}
