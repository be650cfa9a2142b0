using Ddoq.Cuda.Kernels;

namespace Ddoq.Cuda.Tests.Kernels;

/// <summary>Launch shapes are those of the kernels' headers.</summary>
public class KernelShapesTests
{
    [Test]
    public void TileShapes_AreThoseOfTheHeaders() => Assert.Multiple(() =>
    {
        foreach ((string name, TileShape shape) in new[]
        {
            ("AssignK16", KernelShapes.Assign(1)), ("AssignK16", KernelShapes.Assign(16)), ("AssignK64", KernelShapes.Assign(17)),
            ("AssignK64", KernelShapes.Assign(64)), ("AssignK128", KernelShapes.Assign(128)), ("AssignK256", KernelShapes.Assign(129)),
            ("AssignK256", KernelShapes.Assign(5000)), ("AssignFp32", KernelShapes.AssignFp32), ("GramTensor", KernelShapes.Gram), ("GramFp32", KernelShapes.GramFp32),
        })
        {
            int[] declared = KernelHeaders.Shape(name); // rows, columns, warp rows, warp columns, stages, bytes of a row
            Assert.That(shape, Is.EqualTo(new TileShape(declared[0], declared[1], declared[2] * declared[3] * 32, declared[4], declared[5])), name);
        }
    });

    [Test]
    public void Constants_AreThoseOfTheHeaders() => Assert.Multiple(() =>
    {
        foreach ((string name, int value) in new[]
        {
            ("NormsThreads", KernelShapes.NormsThreads), ("CentroidsThreads", KernelShapes.CentroidsThreads), ("DistancesThreads", KernelShapes.DistancesThreads),
            ("ClusterMaximumTrials", KernelShapes.ClusterMaximumTrials), ("ClusterSupportHistory", KernelShapes.ClusterSupportHistory), ("ClusterSharedBytes", KernelShapes.ClusterSharedBytes), ("ClusterThreads", KernelShapes.ClusterThreads),
            ("CombineCentroids", KernelShapes.CombineCentroids), ("WeightedCeWarpThreads", KernelShapes.WeightedCeThreads), ("WeightedCeBlockThreads", KernelShapes.WeightedCeThreads),
            ("WeightedCeWarpClasses", KernelShapes.WeightedCeWarpClasses),
        })
        {
            Assert.That(value, Is.EqualTo(KernelHeaders.Constant(name)), name);
        }

        Assert.That(KernelHeaders.Constant("NormsThreads") / 32, Is.EqualTo(KernelShapes.CenterRows));
        Assert.That(KernelHeaders.Constant("DistancesThreads") / 32, Is.EqualTo(KernelShapes.DistancesRows));
        Assert.That(KernelHeaders.Constant("CentroidsThreads") * KernelHeaders.Constant("ThreadColumns"), Is.EqualTo(KernelShapes.ChunkColumns));
    });

    // Every tile whose last column reaches the diagonal of its first row, counted one by one.
    [Test]
    public void GramTiles_CoverTheUpperTriangle([Values(0, 1, 127, 128, 129, 256, 257, 443, 1000)] int rows)
    {
        foreach (TileShape shape in new[] { KernelShapes.Gram, KernelShapes.GramFp32 })
        {
            int tiles = 0;
            for (int i = 0; i < rows; i += shape.Rows)
            {
                for (int j = 0; j < rows; j += shape.Columns)
                    tiles += j + shape.Columns > i ? 1 : 0;
            }

            Assert.That(KernelShapes.GramTiles(shape, rows), Is.EqualTo(tiles), $"{shape}");
        }
    }

    [TestCase(0, 8, 0)]
    [TestCase(1, 8, 1)]
    [TestCase(8, 8, 1)]
    [TestCase(9, 8, 2)]
    [TestCase(int.MaxValue, 2, 1 << 30)]
    public void Ceiling_RoundsUp(int value, int divisor, int expected) => Assert.That(KernelShapes.Ceiling(value, divisor), Is.EqualTo(expected));
}
