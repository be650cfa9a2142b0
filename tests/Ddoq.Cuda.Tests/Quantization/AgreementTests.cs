using Ddoq.Cuda.Tests.Emulation;
using Ddoq.Numerics;
using Ddoq.Quantization;
using Ddoq.Tests.Quantization;

namespace Ddoq.Cuda.Tests.Quantization;

/// <summary>The device and the processor give the same: same seed, same labels up to ties, distortion within 1e-5.</summary>
public class AgreementTests
{
    // Support points move until rounding decides: SupportPoints_ReachTheSameEnergy.
    [Test]
    public void SameSeed_GivesTheSame(
        [Values(QuantizationAlgorithm.D4m, QuantizationAlgorithm.Clvq, QuantizationAlgorithm.MiniBatch, QuantizationAlgorithm.Lloyd, QuantizationAlgorithm.Hartigan)] QuantizationAlgorithm algorithm,
        [Values(1, 7, 33, 64)] int dimension)
    {
        EmulatedDriver.Start();
        int[] rowCounts = dimension switch
        {
            1 => [1, 2, 3, 7, 8, 9, 129],
            7 => [31, 32, 33, 127],
            33 => [3, 9, 128, 257],
            _ => [8, 33, 65],
        };
        var source = new ArrayLatentSource(dimension, [.. rowCounts.Select((rows, index) => TestRows.Gaussian(rows, dimension, (ulong)index))]);
        var options = new QuantizerOptions { CentroidCount = 6, Algorithm = algorithm, Seed = 3, BatchSize = 20, Passes = 2, Space = QuantizationSpace.Gram };

        // Random batches hold a row more than once, so reassignment can put two centres on one row: rounding decides that tie.
        if (algorithm == QuantizationAlgorithm.MiniBatch)
            options = options with { ReassignmentRatio = 0 };
        Agreement.Check(source, options);
    }

    [Test]
    public void Variants_GiveTheSame([Range(0, 13)] int variant)
    {
        EmulatedDriver.Start(seed: (ulong)variant);
        var source = new ArrayLatentSource(24, TestRows.Gaussian(90, 24, 1), TestRows.Gaussian(41, 24, 2), []);
        var options = new QuantizerOptions { CentroidCount = 7, Seed = 12, Space = QuantizationSpace.Gram };
        Agreement.Check(source, variant switch
        {
            0 => options with { Restarts = 4 },
            1 => options with { Initialization = CentroidInitialization.Random, Restarts = 2 },
            2 => options with { HoldOutFraction = 0.25 },
            3 => options with { Algorithm = QuantizationAlgorithm.Lloyd, MaxIterations = 2 },
            4 => options with { Algorithm = QuantizationAlgorithm.Lloyd, Tolerance = 0.01 },
            5 => options with { MaxIterations = 1 },
            6 => options with { Algorithm = QuantizationAlgorithm.Clvq, ClvqSteps = ClvqStepRule.Decaying(1, 10), Passes = 3 },
            7 => options with { Algorithm = QuantizationAlgorithm.Clvq, HoldOutFraction = 0.1, Restarts = 2 },
            8 => options with { Algorithm = QuantizationAlgorithm.D4m, KmExpand = 3, Passes = 4 },
            9 => options with { Algorithm = QuantizationAlgorithm.D4m, Initialization = CentroidInitialization.Random },
            10 => options with { Algorithm = QuantizationAlgorithm.MiniBatch, BatchSize = 30, MaxNoImprovement = 3, ReassignmentRatio = 0 },
            11 => options with { Algorithm = QuantizationAlgorithm.MiniBatch, BatchSize = 50, MaxIterations = 3, ReassignmentRatio = 0 },
            12 => options with { CentroidCount = 200 },
            _ => options with { Seed = ulong.MaxValue, CentroidCount = 1 },
        });
    }

    // A point starts beside its row, whose distance fp32 knows to some percent, so points differ; their energy does not.
    [Test]
    public void ManySupportPoints_ReachNoMoreEnergy([Values(1, 2)] int restarts)
    {
        EmulatedDriver.Start();
        var source = new ArrayLatentSource(24, TestRows.Gaussian(90, 24, 1), TestRows.Gaussian(41, 24, 2));
        Agreement.CheckEnergy(
            source, new() { CentroidCount = 20, Algorithm = QuantizationAlgorithm.Support, Seed = 12, Restarts = restarts, Space = QuantizationSpace.Gram }, share: 0.01);
    }

    [Test]
    public void SupportPoints_ReachTheSameEnergy([Values(1, 2)] int restarts)
    {
        EmulatedDriver.Start();
        var source = new ArrayLatentSource(24, TestRows.Gaussian(90, 24, 1), TestRows.Gaussian(41, 24, 2), TestRows.Gaussian(3, 24, 3));
        var options = new QuantizerOptions { CentroidCount = 3, Algorithm = QuantizationAlgorithm.Support, Seed = 12, Restarts = restarts, Space = QuantizationSpace.Gram };
        using var cpu = new CpuQuantizer();
        using var cuda = new CudaQuantizer();
        Dictionary<int, ClassQuantization> expected = Agreement.Fit(cpu, source, options), actual = Agreement.Fit(cuda, source, options);
        Assert.Multiple(() =>
        {
            foreach ((int index, ClassQuantization one) in expected)
            {
                // Relative to the mean distance, of which the energy distance is the small rest of a difference.
                double scale = Math.Sqrt(one.Distortion) + 1;
                Assert.That(actual[index].EnergyDistance, Is.EqualTo(one.EnergyDistance).Within(1e-5 * scale), $"class {index}");
                Assert.That(EnergyTerms.Measure(source, index, actual[index].Centroids).Distance, Is.EqualTo(actual[index].EnergyDistance).Within(1e-5 * scale), $"class {index}");
                Assert.That(actual[index].RunningCounts, Is.Null);
            }
        });
    }

    // Small integers: inner products are exact, and most rows lie at equal distances from several centres until a mean is taken.
    [TestCase(40, 1)]
    [TestCase(129, 2)]
    [TestCase(257, 3)]
    public void ExactTies_GoToTheLowestCentre(int rows, int dimension)
    {
        EmulatedDriver.Start(seed: (ulong)rows);
        var random = new CounterRandom(7, (ulong)rows);
        Half[] values = [.. Enumerable.Range(0, rows * dimension).Select(_ => (Half)random.NextInt32(4))];
        foreach (CentroidInitialization initialization in new[] { CentroidInitialization.Random, CentroidInitialization.GreedyKMeansPlusPlus })
        {
            Agreement.Check(
                new ArrayLatentSource(dimension, values),
                new QuantizerOptions { CentroidCount = 9, Algorithm = QuantizationAlgorithm.Lloyd, MaxIterations = 1, Initialization = initialization, Seed = 5, Space = QuantizationSpace.Gram });
        }
    }

    // 16, 64, 128, 256 centroids and more each take another assignment kernel.
    [TestCase(17)]
    [TestCase(65)]
    [TestCase(130)]
    [TestCase(258)]
    public void ManyCentroids_GiveTheSame(int centroids)
    {
        EmulatedDriver.Start();
        var source = new ArrayLatentSource(19, TestRows.Gaussian(centroids + 40, 19, 4));
        Agreement.Check(source, new QuantizerOptions { CentroidCount = centroids, Seed = 1, Space = QuantizationSpace.Gram });
    }

    [Test]
    public void LatentsFarFromTheOrigin_GiveTheSame()
    {
        EmulatedDriver.Start();
        var source = new ArrayLatentSource(40, TestRows.Gaussian(70, 40, 6, offset: 5));
        Agreement.Check(source, new QuantizerOptions { CentroidCount = 6, Seed = 1, Space = QuantizationSpace.Gram });
    }

    // A few units of the smallest half: the assignment, which takes centres in halves, cannot tell them apart.
    [Test]
    public void SmallestHalves_GetTheirNearestCentre_ByExactDistances()
    {
        EmulatedDriver.Start();
        const int Dimension = 40;
        var random = new CounterRandom(3, 3);
        Half[] rows = [.. Enumerable.Range(0, 60 * Dimension).Select(_ => BitConverter.UInt16BitsToHalf((ushort)(random.NextInt32(3) | (random.NextInt32(2) << 15))))];
        using var quantizer = new CudaQuantizer();
        ClassQuantization result = quantizer.FitClass(new ArrayLatentSource(Dimension, rows), 0, new QuantizerOptions { CentroidCount = 7, Seed = 1 }, default);
        double[] exact = ReferenceKMeans.ToDouble(rows);
        Assert.That(result.Labels, Is.EqualTo(Enumerable.Range(0, 60).Select(row => ReferenceKMeans.Nearest(exact, row, result.Centroids, Dimension).Label)));
    }
}
