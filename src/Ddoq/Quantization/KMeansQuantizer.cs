using CommunityToolkit.HighPerformance;
using Ddoq.Latents;
using Ddoq.Numerics.Kernels;
using Ddoq.Quantization.Spaces;

namespace Ddoq.Quantization;

/// <summary>Quantises one set of rows in memory, in the words of scikit-learn.</summary>
/// <example>
/// <code>
/// var quantizer = new KMeansQuantizer(new QuantizerOptions { CentroidCount = 10 });
/// quantizer.Fit(rows, dimension);
/// int[] labels = quantizer.Predict(otherRows);
/// </code>
/// </example>
/// <remarks>Not thread-safe. Runs on the calling thread. Random streams are those of class 0.</remarks>
public sealed class KMeansQuantizer
{
    private readonly QuantizerOptions _options;
    private ClassQuantization? _result;

    /// <summary>Creates a quantiser.</summary>
    /// <exception cref="UsageException">A setting is out of range.</exception>
    public KMeansQuantizer(QuantizerOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        _options = options;
    }

    /// <summary>Everything about the last fit.</summary>
    /// <exception cref="UsageException"><see cref="Fit(ReadOnlySpan{Half}, int, ReadOnlySpan{float})"/> has not been called.</exception>
    public ClassQuantization Result =>
        _result ?? throw new UsageException("The quantizer holds no result yet.", "Call Fit first.");

    /// <summary>Centres (K x D, row-major).</summary>
    public float[] ClusterCenters => Result.Centroids;

    /// <summary>Nearest centre of each fitted row (N).</summary>
    public int[] Labels => Result.Labels;

    /// <summary>Sum of squared distances of the fitted rows to their nearest centre, each times its sample weight.</summary>
    public double Inertia => Result.Distortion * (Result.FitMass ?? Result.RowCount - Result.HeldOutRowCount);

    /// <summary>Iterations of the kept run; see <see cref="ClassQuantization.IterationCount"/>.</summary>
    public long IterationCount => Result.IterationCount;

    /// <summary>Finds the centres of rows.</summary>
    /// <param name="rows">N x D values, row-major, read in place.</param>
    /// <param name="dimension">D.</param>
    /// <param name="sampleWeight">Weight of each row (N), finite, 0 or more, not all 0; empty when all weigh the same.</param>
    /// <returns>This quantiser.</returns>
    /// <exception cref="UsageException">
    /// The rows do not divide into <paramref name="dimension"/> values, there is none, or there are not as many weights.
    /// </exception>
    /// <exception cref="DdoqException">A value or a weight is not usable.</exception>
    public KMeansQuantizer Fit(ReadOnlySpan<Half> rows, int dimension, ReadOnlySpan<float> sampleWeight = default)
    {
        int count = CountRows(rows.Length, dimension);
        if (!sampleWeight.IsEmpty && sampleWeight.Length != count)
            throw new UsageException($"{sampleWeight.Length} sample weights for {count} rows: one weight per row, or none at all, is needed.");
        using var quantizer = new CpuQuantizer();
        _result = quantizer.FitRows(rows, count, dimension, sampleWeight, _options);
        return this;
    }

    /// <summary>Finds the centres of the rows of a matrix, which may be a part of a wider one.</summary>
    /// <param name="rows">[N, D], read in place where its rows lie together, else from a copy.</param>
    /// <param name="sampleWeight">Weight of each row (N), finite, 0 or more, not all 0; empty when all weigh the same.</param>
    /// <returns>This quantiser.</returns>
    /// <exception cref="UsageException">There are no rows or no columns, or not as many weights as rows.</exception>
    /// <exception cref="DdoqException">A value or a weight is not usable.</exception>
    public KMeansQuantizer Fit(ReadOnlySpan2D<Half> rows, ReadOnlySpan<float> sampleWeight = default) => Fit(MatrixRows.Together(rows), rows.Width, sampleWeight);

    /// <summary>Nearest centre of each of some rows, the lowest index among equals.</summary>
    /// <param name="rows">M x D values, row-major.</param>
    /// <exception cref="UsageException"><see cref="Fit(ReadOnlySpan{Half}, int, ReadOnlySpan{float})"/> has not been called, or the rows do not divide into D values.</exception>
    /// <exception cref="DdoqException">A value is not finite.</exception>
    public unsafe int[] Predict(ReadOnlySpan<Half> rows)
    {
        ClassQuantization result = Result;
        int count = CountRows(rows.Length, result.Dimension);
        var labels = new int[count];
        fixed (Half* values = rows)
            NearestCentroids.Assign(result.Centroids, result.Dimension, (byte*)values, LatentElementType.F16, labels, []);
        return labels;
    }

    /// <summary>Nearest centre of each row of a matrix, the lowest index among equals.</summary>
    /// <param name="rows">[M, D], read in place where its rows lie together, else from a copy.</param>
    /// <exception cref="UsageException"><see cref="Fit(ReadOnlySpan{Half}, int, ReadOnlySpan{float})"/> has not been called, or the rows have another width than D.</exception>
    /// <exception cref="DdoqException">A value is not finite.</exception>
    public int[] Predict(ReadOnlySpan2D<Half> rows) => rows.Width == Result.Dimension
        ? Predict(MatrixRows.Together(rows))
        : throw new UsageException($"Rows of {rows.Width} values do not fit centres of {Result.Dimension}.");

    private static int CountRows(int values, int dimension)
    {
        if (dimension < 1 || values == 0 || values % dimension != 0)
            throw new UsageException($"{values} values are not rows of {dimension}: a positive multiple of the dimension is needed.");
        return values / dimension;
    }
}

/// <summary>Rows of matrices as the plain spans that the engine reads.</summary>
internal static class MatrixRows
{
    /// <summary>The values of a matrix, row by row: in place where its rows lie together, else a copy.</summary>
    public static ReadOnlySpan<T> Together<T>(ReadOnlySpan2D<T> matrix)
    {
        if (matrix.TryGetSpan(out ReadOnlySpan<T> values))
            return values;
        var copy = new T[checked((int)matrix.Length)];
        matrix.CopyTo(copy);
        return copy;
    }
}

/// <summary>Assigns rows to given centres.</summary>
/// <remarks>Deterministic; stateless and thread-safe. Runs on the calling thread, with the instruction set of <c>DDOQ_SIMD</c>.</remarks>
internal static unsafe class NearestCentroids
{
    /// <summary>The nearest centre of each row, the lowest index among equals.</summary>
    /// <param name="centroids">K x D, row-major; K is at least 1.</param>
    /// <param name="dimension">D, positive.</param>
    /// <param name="rows">As many rows of D values as there is room for labels.</param>
    /// <param name="type">How they are stored.</param>
    /// <param name="labels">Receives a label per row.</param>
    /// <param name="distances">Receives squared distances, fp64 from the fp32 difference; empty for none.</param>
    /// <exception cref="DdoqException">A value of a row is not finite.</exception>
    public static void Assign(ReadOnlySpan<float> centroids, int dimension, byte* rows, LatentElementType type, Span<int> labels, Span<double> distances)
    {
        LatentKernels kernels = KernelTable.Default.ForRows(type);
        nint rowBytes = (nint)dimension * LatentElement.Size(type);
        using var table = new ClassRows();
        using var known = new CentroidTable(kernels);
        table.Reset(labels.Length, dimension);
        for (int i = 0; i < labels.Length; i++)
        {
            byte* row = rows + (i * rowBytes);
            var bytes = new ReadOnlySpan<byte>(row, checked((int)rowBytes));
            int bad = FiniteScan.IndexOfUnusable(bytes, type);
            if (bad >= 0)
                throw new DdoqException($"Row {i}: value {bad} is {FiniteScan.ValueAt(bytes, type, bad)}; rows must be finite{(type == LatentElementType.F16 ? string.Empty : ", and at most 1e14 in size")}.");
            table.Add(row);
        }

        known.Reset(centroids.Length / dimension, dimension);
        known.Load(centroids, table);
        known.Assign(table, table.Pointers, labels, new float[labels.Length]);
        for (int i = 0; i < distances.Length; i++)
            distances[i] = known.SquaredDistance(table, table[i], labels[i]);
    }
}
