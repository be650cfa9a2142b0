using Ddoq.Numerics.Kernels;
using Ddoq.Quantization;
using Ddoq.Quantization.Spaces;

namespace Ddoq.Tests.Quantization.Spaces;

/// <summary>The two spaces as the algorithms see them.</summary>
public unsafe class ClusterSpaceTests
{
    private static readonly QuantizationSpace[] Kinds = [QuantizationSpace.Gram, QuantizationSpace.Direct];

    [TestCaseSource(nameof(Kinds))]
    public void DistancesFrom_AreExactlyZeroForEqualRows(QuantizationSpace kind)
    {
        const int Dimension = 700;
        Half[] distinct = TestRows.Gaussian(7, Dimension, seed: 90);
        Half[] data = [.. distinct, .. distinct];
        Use(kind, data, Dimension, centroids: 2, space =>
        {
            float[] distances = new float[3 * 14];
            space.DistancesFrom([0, 5, 9], 14, distances);
            foreach ((int origin, int row) in new[] { (0, 0), (5, 5), (9, 2) })
            {
                ReadOnlySpan<float> own = distances.AsSpan((origin == 0 ? 0 : origin == 5 ? 1 : 2) * 14, 14);
                for (int i = 0; i < 14; i++)
                    Assert.That(own[i] == 0, Is.EqualTo(i % 7 == row % 7), $"origin {origin} row {i}");
            }
        });
    }

    [TestCaseSource(nameof(Kinds))]
    public void Refine_LowersTheSumWithEveryMove(QuantizationSpace kind)
    {
        // One block of the direct space holds all rows: its later moves meet centres that earlier ones have changed.
        const int Dimension = 12, Rows = 40, Centroids = 6;
        Half[] data = TestRows.Gaussian(Rows, Dimension, seed: 91);
        double last = double.PositiveInfinity;
        long lastMoves = -1;
        for (int limit = 0; limit < 60; limit++)
        {
            (double sum, long moves) = RefineRandomCells(kind, data, Dimension, Rows, Centroids, limit);
            if (moves == lastMoves)
                continue;
            Assert.That(sum, Is.LessThan(last), $"after {moves} moves");
            last = sum;
            lastMoves = moves;
        }

        Assert.That(lastMoves, Is.GreaterThan(10), "the start was arbitrary");
    }

    private static (double Sum, long Moves) RefineRandomCells(QuantizationSpace kind, Half[] data, int dimension, int rows, int centroids, int limit)
    {
        int[] labels = [.. Enumerable.Range(0, rows).Select(i => i % centroids)];
        int[] counts = [.. Enumerable.Range(0, centroids).Select(k => labels.Count(label => label == k))];
        float[] centres = new float[centroids * dimension];
        long moves = 0;
        Use(kind, data, dimension, centroids, space =>
        {
            for (int k = 0; k < centroids; k++)
                space.Place(k, k);
            var cells = new CellSizes(counts, new double[centroids]);
            cells.Measure(labels, []);
            space.MoveToMeans(labels, cells);
            moves = space.Refine(labels, cells, limit, default).Moves;
        });
        for (int i = 0; i < data.Length; i++)
            centres[(labels[i / dimension] * dimension) + (i % dimension)] += (float)data[i] / counts[labels[i / dimension]];
        double[] exact = ReferenceKMeans.ToDouble(data);
        return (Enumerable.Range(0, rows).Sum(i => ReferenceKMeans.SquaredDistance(exact, i, centres, labels[i], dimension)), moves);
    }

    private static void Use(QuantizationSpace kind, Half[] data, int dimension, int centroids, Action<ClusterSpace> use)
    {
        using var rows = new ClassRows();
        using var gram = new GramSpace(KernelTable.Default);
        using var direct = new DirectSpace(KernelTable.Default);
        fixed (Half* values = data)
        {
            rows.Reset(data.Length / dimension, dimension);
            for (int i = 0; i < data.Length / dimension; i++)
                rows.Add(values + (i * dimension));
            rows.ComputeMean(KernelTable.Default);
            if (kind == QuantizationSpace.Gram)
                gram.Reset(rows, centroids);
            else
                direct.Reset(rows, centroids);
            use(kind == QuantizationSpace.Gram ? gram : direct);
        }
    }
}
