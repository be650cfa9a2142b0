using Ddoq.Numerics;
using Ddoq.Numerics.Kernels;

namespace Ddoq.Quantization.Spaces;

/// <summary>Means of cells, straight from the rows: what Lloyd moves to in direct space, and the centres that are reported.</summary>
internal sealed unsafe class CellMeans(LatentKernels kernels) : IDisposable
{
    private readonly NativeBuffer<int> _order = new();
    private readonly NativeBuffer<int> _ends = new();
    private readonly NativeBuffer<float> _sum = new();
    private readonly NativeBuffer<float> _row = new();

    /// <summary>Calls back with the mean of every cell that has rows, cell by cell.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="labels">Cell of each row (N).</param>
    /// <param name="cells">Rows and mass of each cell.</param>
    /// <param name="write">Receives the cell and D values, in the coordinates of the latents; valid during the call.</param>
    /// <remarks>
    /// Rows of a cell are added in order, in fp32. Sorting the rows by cell first keeps one sum of D floats in the cache
    /// and reads every row once, from start to end.
    /// </remarks>
    public void Write(ClassRows rows, ReadOnlySpan<int> labels, CellSizes cells, MeanWriter write)
    {
        ReadOnlySpan<int> counts = cells.Counts;
        ReadOnlySpan<float> weights = rows.Weights;
        Span<int> order = _order.Span(rows.Count), ends = _ends.Span(counts.Length);
        int total = 0;
        for (int k = 0; k < counts.Length; k++)
        {
            ends[k] = total;
            total += counts[k];
        }

        for (int i = 0; i < labels.Length; i++)
            order[ends[labels[i]]++] = i;
        int first = 0;
        for (int k = 0; k < counts.Length; k++)
        {
            if (counts[k] == 0)
                continue;
            float* sum = _sum.ReserveZeroed(rows.PaddedDimension);
            if (weights.IsEmpty)
            {
                for (; first < ends[k]; first++)
                    kernels.AddWidened(rows[order[first]], sum, rows.Dimension);
            }
            else
            {
                float* row = _row.ReserveZeroed(rows.PaddedDimension);
                for (; first < ends[k]; first++)
                {
                    kernels.Widen(rows[order[first]], row, rows.Dimension);
                    kernels.AddScaled(weights[order[first]], row, sum, rows.PaddedDimension);
                }
            }

            double scale = 1.0 / cells.Masses[k];
            for (int j = 0; j < rows.Dimension; j++)
                sum[j] = (float)(sum[j] * scale);
            write(k, new ReadOnlySpan<float>(sum, rows.Dimension));
        }
    }

    /// <summary>Writes the mean of every cell that has rows; other centres are left as they are.</summary>
    public void Write(ClassRows rows, ReadOnlySpan<int> labels, CellSizes cells, float[] centroids) =>
        Write(rows, labels, cells, (k, mean) => mean.CopyTo(centroids.AsSpan(k * mean.Length)));

    /// <inheritdoc/>
    public void Dispose()
    {
        _order.Dispose();
        _ends.Dispose();
        _sum.Dispose();
        _row.Dispose();
    }
}

/// <summary>Receives the mean of a cell.</summary>
internal delegate void MeanWriter(int cell, ReadOnlySpan<float> mean);

/// <summary>What each cell of a partition holds: its rows, and their mass.</summary>
/// <param name="counts">Rows of each cell (K).</param>
/// <param name="masses">Sum of the rows' weights in each cell (K); equal to the counts without weights.</param>
internal readonly ref struct CellSizes(Span<int> counts, Span<double> masses)
{
    /// <summary>Rows of each cell (K).</summary>
    public readonly Span<int> Counts = counts;

    /// <summary>Sum of the rows' weights in each cell (K).</summary>
    public readonly Span<double> Masses = masses;

    /// <summary>Measures the cells.</summary>
    /// <param name="labels">Cell of each row (N).</param>
    /// <param name="weights">Weight of each row (N); empty when all are 1.</param>
    public void Measure(ReadOnlySpan<int> labels, ReadOnlySpan<float> weights)
    {
        Counts.Clear();
        foreach (int label in labels)
            Counts[label]++;
        if (weights.IsEmpty)
        {
            for (int k = 0; k < Counts.Length; k++)
                Masses[k] = Counts[k];
            return;
        }

        Masses.Clear();
        for (int i = 0; i < labels.Length; i++)
            Masses[labels[i]] += weights[i];
    }

    /// <summary>Moves a row from one cell to another.</summary>
    public void Move(int from, int to, double weight)
    {
        Counts[from]--;
        Counts[to]++;
        Masses[from] -= weight;
        Masses[to] += weight;
    }
}
