using System.Runtime.Intrinsics;

namespace Ddoq.Evaluation.Transport;

/// <summary>All pairwise squared Euclidean distances of two sets of rows, summed in double precision.</summary>
internal static unsafe class PairwiseDistances
{
    /// <summary>Columns per pass: a pass over the second set's columns stays in the second-level cache for K of 50.</summary>
    private const int BlockColumns = 1024;

    /// <summary>Rows of the first set per unit of work; each reuses the block of the second set.</summary>
    private const int BlockRows = 16;

    /// <summary>costs[i, j] = |x_i - y_j|^2, without the cancellation of the |x|^2 - 2xy + |y|^2 form.</summary>
    /// <param name="x">N x D, row-major.</param>
    /// <param name="y">K x D, row-major.</param>
    /// <param name="dimension">D.</param>
    /// <param name="costs">Receives N x K, row-major.</param>
    /// <param name="cancellation">Looked at every few rows.</param>
    /// <remarks>
    /// The order of the additions is fixed (four lanes, blocks of columns), so the result has the same bits for any number
    /// of threads and any vector width of the machine.
    /// </remarks>
    public static void Squared(ReadOnlySpan<float> x, ReadOnlySpan<float> y, int dimension, Span<double> costs, CancellationToken cancellation = default)
    {
        int n = x.Length / dimension;
        int k = y.Length / dimension;
        fixed (float* xPinned = x, yPinned = y)
        fixed (double* costsPinned = costs)
        {
            float* xs = xPinned, ys = yPinned;
            double* cs = costsPinned;
            costs[..(n * k)].Clear();
            Parallel.For(0, (n + BlockRows - 1) / BlockRows, new ParallelOptions { CancellationToken = cancellation }, block =>
            {
                int first = block * BlockRows;
                AccumulateRows(xs, ys, cs, first, Math.Min(first + BlockRows, n), k, dimension);
            });
        }
    }

    private static void AccumulateRows(float* x, float* y, double* costs, int firstRow, int endRow, int k, int dimension)
    {
        for (int column = 0; column < dimension; column += BlockColumns)
        {
            int count = Math.Min(BlockColumns, dimension - column);
            for (int i = firstRow; i < endRow; i++)
            {
                float* row = x + ((nint)i * dimension) + column;
                double* cost = costs + ((nint)i * k);
                for (int j = 0; j < k; j++)
                    cost[j] += SquaredDistance(row, y + ((nint)j * dimension) + column, count);
            }
        }
    }

    private static double SquaredDistance(float* a, float* b, int count)
    {
        Vector256<double> low = Vector256<double>.Zero, high = Vector256<double>.Zero;
        int d = 0;
        for (; d <= count - 8; d += 8)
        {
            (Vector256<double> aLow, Vector256<double> aHigh) = Vector256.Widen(Vector256.Load(a + d));
            (Vector256<double> bLow, Vector256<double> bHigh) = Vector256.Widen(Vector256.Load(b + d));
            Vector256<double> differenceLow = aLow - bLow, differenceHigh = aHigh - bHigh;
            low += differenceLow * differenceLow;
            high += differenceHigh * differenceHigh;
        }

        double sum = Vector256.Sum(low + high);
        for (; d < count; d++)
        {
            double difference = (double)a[d] - b[d];
            sum += difference * difference;
        }

        return sum;
    }
}
