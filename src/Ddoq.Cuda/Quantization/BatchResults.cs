using Ddoq.Cuda.Kernels;
using Ddoq.Latents;
using Ddoq.Quantization;

namespace Ddoq.Cuda.Quantization;

/// <summary>Turns what a batch brought back into results.</summary>
internal static unsafe class BatchResults
{
    /// <summary>The result of one class.</summary>
    /// <param name="buffers">The batch, finished.</param>
    /// <param name="one">The class.</param>
    /// <param name="place">Its place in the batch.</param>
    /// <param name="order">Which row is which.</param>
    /// <param name="deal">The run.</param>
    /// <param name="seconds">Its share of the batch's time.</param>
    public static ClassQuantization Collect(BatchBuffers buffers, in BatchClass one, int place, RowOrder order, BatchDeal deal, double seconds)
    {
        ClusterReport report = buffers.HostReports.Pointer[place];
        QuantizerOptions options = deal.Options;
        float[] centroids = Centroids(buffers, one);
        var labels = new int[one.Rows];
        var counts = new long[one.Centroids];
        double training = 0, heldOut = 0;
        ReadOnlySpan<int> origins = order.Of(one);
        var exact = new ExactDistances(deal.Source, one, centroids);
        for (int i = 0; i < one.Rows; i++)
        {
            int label = buffers.HostLabels.Pointer[one.RowBegin + i];
            int other = i < one.TrainingRows ? buffers.HostCells.Pointer[one.RowBegin + i] : label;
            double distance = buffers.HostDistances.Pointer[one.RowBegin + i];

            // The clustering's cell and the assignment are two computations of one thing: where they differ, they tie
            // within rounding (or the clustering stopped early), and exact distances decide.
            if (label != other || (uint)label >= (uint)one.Centroids)
                label = exact.Nearer(origins[i], label, other, out distance);
            labels[origins[i]] = label;
            counts[label]++;
            if (i < one.TrainingRows)
                training += distance;
            else
                heldOut += distance;
        }

        double squares = 0;
        int empty = 0;
        foreach (long count in counts)
        {
            squares += (double)count * count;
            empty += count == 0 ? 1 : 0;
        }

        bool counted = ClusterSettings.KeepsCounts(options.Algorithm);
        return new ClassQuantization
        {
            ClassIndex = one.ClassIndex,
            RowCount = one.Rows,
            Dimension = one.Dimension,
            RequestedCentroidCount = options.CentroidCount,
            CentroidCount = one.Centroids,
            Centroids = centroids,
            Counts = counts,
            Labels = labels,
            Distortion = training / one.TrainingRows,
            HeldOutDistortion = one.HeldOut > 0 ? heldOut / one.HeldOut : null,
            HeldOutRowCount = one.HeldOut,
            EnergyDistance = options.Algorithm == QuantizationAlgorithm.Support ? report.EnergyDistance : null,
            CompanionWeights = options.Algorithm == QuantizationAlgorithm.Clvq ? buffers.HostCompanion.Span(one.CentroidBegin, one.Centroids).ToArray() : null,
            RunningCounts = counted ? buffers.HostRunning.Span(one.CentroidBegin, one.Centroids).ToArray() : null,
            IterationCount = report.Iterations,
            MoveCount = report.Moves,
            EmptyCells = empty,
            EffectiveCells = (double)one.Rows * one.Rows / squares,
            Space = QuantizationSpace.Gram,
            Seconds = seconds,
        };
    }

    private static float[] Centroids(BatchBuffers buffers, in BatchClass one)
    {
        var centroids = new float[one.Centroids * one.Dimension];
        for (int k = 0; k < one.Centroids; k++)
            buffers.HostCentroids.Span((one.CentroidBegin + k) * one.Stride, one.Dimension).CopyTo(centroids.AsSpan(k * one.Dimension));
        return centroids;
    }
}

/// <summary>Squared distances of single rows of a class to its centres, in fp64 on the processor.</summary>
internal sealed class ExactDistances(ILatentSource source, BatchClass one, float[] centroids)
{
    private byte[] _copy = [];

    /// <summary>The nearer of two centres, the lower index among equals; of all centres when one of the two does not exist.</summary>
    /// <param name="row">The row of the class.</param>
    /// <param name="first">A centre.</param>
    /// <param name="second">Another.</param>
    /// <param name="distance">Squared distance to the nearer one.</param>
    public int Nearer(int row, int first, int second, out double distance)
    {
        ReadOnlySpan<byte> values = Read(row);
        bool known = (uint)first < (uint)one.Centroids && (uint)second < (uint)one.Centroids;
        if (known)
        {
            (int low, int high) = first < second ? (first, second) : (second, first);
            double toLow = Squared(values, low), toHigh = Squared(values, high);
            distance = Math.Min(toLow, toHigh);
            return toHigh < toLow ? high : low;
        }

        int nearest = 0;
        distance = double.PositiveInfinity;
        for (int k = 0; k < one.Centroids; k++)
        {
            double own = Squared(values, k);
            if (own < distance)
                (nearest, distance) = (k, own);
        }

        return nearest;
    }

    private ReadOnlySpan<byte> Read(int row)
    {
        int bytes = one.Dimension * one.Format.Bytes;
        if (source.TryGetRowBytes(one.ClassIndex, out ReadOnlySpan<byte> rows))
            return rows.Slice(checked(row * bytes), bytes);
        if (_copy.Length == 0)
            _copy = new byte[bytes];
        source.ReadRowBytes(one.ClassIndex, row, _copy);
        return _copy;
    }

    private double Squared(ReadOnlySpan<byte> row, int centroid)
    {
        ReadOnlySpan<float> centre = centroids.AsSpan(centroid * one.Dimension, one.Dimension);
        double sum = 0;
        for (int j = 0; j < centre.Length; j++)
        {
            double difference = (double)one.Format.Value(row, j) - centre[j];
            sum += difference * difference;
        }

        return sum;
    }
}
