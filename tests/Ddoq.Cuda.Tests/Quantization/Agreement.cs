using Ddoq.Latents;
using Ddoq.Quantization;

namespace Ddoq.Cuda.Tests.Quantization;

/// <summary>Compares the CUDA quantiser with the processor's in Gram space.</summary>
internal static class Agreement
{
    /// <summary>All classes of a source, on the devices that there are.</summary>
    public static void Check(ILatentSource source, QuantizerOptions options, CudaQuantizerOptions? devices = null)
    {
        using var cpu = new CpuQuantizer();
        using var cuda = new CudaQuantizer(devices ?? new CudaQuantizerOptions());
        Dictionary<int, ClassQuantization> expected = Fit(cpu, source, options), actual = Fit(cuda, source, options);
        Assert.That(actual.Keys, Is.EquivalentTo(expected.Keys));
        foreach (int index in expected.Keys)
            Check(expected[index], actual[index], $"{options.Algorithm} class {index}: N={expected[index].RowCount} D={expected[index].Dimension} K={options.CentroidCount} seed={options.Seed}");
    }

    /// <summary>
    /// The energy distances of support points: the device's is no worse. Energy has several minima where K is not small beside N, and
    /// rounding chooses between them, so points and the better of both energies differ.
    /// </summary>
    /// <param name="source">The rows.</param>
    /// <param name="options">Support points.</param>
    /// <param name="share">Most that the device's may lie above the processor's, as a share of it.</param>
    /// <param name="cuda">The device's options.</param>
    public static void CheckEnergy(ILatentSource source, QuantizerOptions options, double share, CudaQuantizerOptions? cuda = null)
    {
        using var cpu = new CpuQuantizer();
        using var device = new CudaQuantizer(cuda ?? new());
        Dictionary<int, ClassQuantization> expected = Fit(cpu, source, options), actual = Fit(device, source, options);
        Assert.That(actual.Keys, Is.EquivalentTo(expected.Keys));
        foreach ((int index, ClassQuantization one) in expected)
        {
            // fp32 knows the mean distance, of which the energy distance is the small rest of a difference.
            double limit = (one.EnergyDistance!.Value * (1 + share)) + (1e-5 * (Math.Sqrt(one.Distortion) + 1));
            Assert.That(actual[index].EnergyDistance, Is.LessThanOrEqualTo(limit), $"class {index}, the processor reaches {one.EnergyDistance}");
        }
    }

    /// <summary>All results of a quantiser, each reported once.</summary>
    public static Dictionary<int, ClassQuantization> Fit(IQuantizer quantizer, ILatentSource source, QuantizerOptions options)
    {
        var results = new Dictionary<int, ClassQuantization>();
        quantizer.Fit(source, options, result => results.Add(result.ClassIndex, result), null, NullProgress.Instance, default);
        return results;
    }

    private static void Check(ClassQuantization expected, ClassQuantization actual, string where) => Assert.Multiple(() =>
    {
        Assert.That(actual.Labels, Is.EqualTo(expected.Labels), where);
        Assert.That(actual.Distortion, Is.EqualTo(expected.Distortion).Within((1e-5 * expected.Distortion) + 1e-9), where);
        Assert.That(actual.IterationCount, Is.EqualTo(expected.IterationCount), where);
        Assert.That(actual.MoveCount, Is.EqualTo(expected.MoveCount), where);
        Assert.That(actual.Counts, Is.EqualTo(expected.Counts), where);
        Assert.That(actual.RunningCounts, Is.EqualTo(expected.RunningCounts), where);
        Assert.That(actual.HeldOutRowCount, Is.EqualTo(expected.HeldOutRowCount), where);
        if (expected.HeldOutDistortion is { } held)
            Assert.That(actual.HeldOutDistortion, Is.EqualTo(held).Within((1e-5 * held) + 1e-9), where);
        else
            Assert.That(actual.HeldOutDistortion, Is.Null, where);
        if (expected.CompanionWeights is { } weights)
            Assert.That(actual.CompanionWeights, Is.EqualTo(weights).Within(1e-12), where);
        Assert.That(actual.Centroids, Is.EqualTo(expected.Centroids).Within(1e-4f), where);
    });
}
