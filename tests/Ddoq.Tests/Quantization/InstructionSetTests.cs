using Ddoq.Numerics.Kernels;
using Ddoq.Quantization;
using Ddoq.Tests.Numerics.Kernels;

namespace Ddoq.Tests.Quantization;

/// <summary>The whole quantiser over every variant of the kernels.</summary>
[TestFixtureSource(typeof(KernelVariants), nameof(KernelVariants.All))]
public class InstructionSetTests(string variant)
{
    [Test]
    public void EveryVariant_FollowsTheReference([Values(QuantizationSpace.Gram, QuantizationSpace.Direct)] QuantizationSpace space, [Values(3, 50)] int centroids)
    {
        const int Rows = 150, Dimension = 45;
        LatentKernels kernels = KernelVariants.Get(variant);
        Half[] data = TestRows.Gaussian(Rows, Dimension, seed: 80);
        float[] start = TestRows.FirstRows(data, Dimension, centroids);
        (int[] labels, double distortion, _) = ReferenceKMeans.Lloyd(ReferenceKMeans.ToDouble(data), start, Dimension);
        using var quantizer = new CpuQuantizer(kernels);
        ClassQuantization result = quantizer.FitClass(
            new ArrayLatentSource(Dimension, data),
            0,
            new()
            {
                CentroidCount = centroids,
                Algorithm = QuantizationAlgorithm.Lloyd,
                Space = space,
                Initialization = CentroidInitialization.Given,
                InitialCentroids = [start],
            },
            default);
        Assert.Multiple(() =>
        {
            Assert.That(quantizer.Description, Does.Contain(variant));
            Assert.That(result.Labels, Is.EqualTo(labels));
            Assert.That(result.Distortion, Is.EqualTo(distortion).Within(1e-5 * distortion));
        });
    }
}
