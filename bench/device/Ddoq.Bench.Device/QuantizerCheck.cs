using System.Globalization;
using Ddoq.Cuda;
using Ddoq.Latents;
using Ddoq.Quantization;

namespace Ddoq.Bench.Device;

/// <summary>The device against the processor: same seed, same labels up to ties, distortion within 1e-5.</summary>
internal static class QuantizerCheck
{
    private const double Relative = 1e-5;
    private const double Tiny = 1e-9;

    private sealed record Case(string Name, int Dimension, int[] Rows, LatentElementType Type, QuantizerOptions Options, double Offset = 0);

    /// <summary>Every case, on the quantiser that a program would use.</summary>
    public static void Run(CudaDevice device, CaseResults results, bool quick)
    {
        using var cpu = new CpuQuantizer();
        using var cuda = new CudaQuantizer(new CudaQuantizerOptions { Devices = [device.Index], BatchClasses = 2 });
        foreach (Case one in quick ? Quick() : device.IsEmulated ? Odd() : Odd().Concat(Large()))
            results.Run(Label(one), () => Compare(one, cpu, cuda));
    }

    private static string Label(Case one) => string.Create(
        CultureInfo.InvariantCulture,
        $"{one.Name} {one.Options.Algorithm} {one.Type} N={string.Join(',', one.Rows)} D={one.Dimension} K={one.Options.CentroidCount} seed={one.Options.Seed}");

    // Few rows: a sanitizer makes every launch hundreds of times slower. Every tile shape and format is there.
    private static IEnumerable<Case> Quick()
    {
        foreach (QuantizationAlgorithm algorithm in Enum.GetValues<QuantizationAlgorithm>())
            yield return new("quick", 33, [3, 65], LatentElementType.F16, Options(6, algorithm));
        foreach (LatentElementType type in Enum.GetValues<LatentElementType>())
        {
            yield return new("quick", 7, [31, 1, 130], type, Options(5, QuantizationAlgorithm.Hartigan) with { HoldOutFraction = 0.1 });
            foreach (int centroids in new[] { 17, 65, 130 })
                yield return new("quick", 24, [centroids + 10], type, Options(centroids, QuantizationAlgorithm.Lloyd));
        }
    }

    private static IEnumerable<Case> Odd()
    {
        foreach (LatentElementType type in Enum.GetValues<LatentElementType>())
        {
            foreach (QuantizationAlgorithm algorithm in Enum.GetValues<QuantizationAlgorithm>())
            {
                yield return new("one value", 1, [1, 2, 3, 7, 8, 9, 129], type, Options(6, algorithm));
                yield return new("odd", 7, [31, 32, 33, 127], type, Options(6, algorithm));
                yield return new("odd", 33, [3, 9, 128, 257], type, Options(6, algorithm));
                yield return new("whole vectors", 64, [8, 33, 65], type, Options(6, algorithm));
                yield return new("held out", 443, [90, 41], type, Options(7, algorithm) with { HoldOutFraction = 0.1, Restarts = 2 });
            }

            foreach (int centroids in new[] { 17, 65, 130, 258 })
                yield return new("many centroids", 19, [centroids + 40], type, Options(centroids, QuantizationAlgorithm.Hartigan));
            yield return new("far from the origin", 40, [70], type, Options(6, QuantizationAlgorithm.Hartigan), 5);
        }

        yield return new("first centres at random", 24, [90, 41], LatentElementType.F16, Options(7, QuantizationAlgorithm.Hartigan) with { Initialization = CentroidInitialization.Random });
        yield return new("decaying steps", 24, [90, 41], LatentElementType.F16, Options(7, QuantizationAlgorithm.Clvq) with { ClvqSteps = ClvqStepRule.Decaying(1, 10), Passes = 3 });
    }

    // The sizes of the task. Many rows between a few centres give near ties, which rounding may decide either way.
    private static IEnumerable<Case> Large()
    {
        foreach (LatentElementType type in Enum.GetValues<LatentElementType>())
            yield return new("ImageNet-1K's class", 4096, [1300, 732], type, Options(50, QuantizationAlgorithm.Hartigan));
        yield return new("ImageNet-21K's class", 4096, [2999], LatentElementType.F16, Options(200, QuantizationAlgorithm.Hartigan));
        yield return new("512 pixels", 16384, [1300], LatentElementType.F16, Options(10, QuantizationAlgorithm.Clvq));
    }

    // Random batches hold a row more than once, so reassignment can put two centres on one row: rounding decides that tie.
    private static QuantizerOptions Options(int centroids, QuantizationAlgorithm algorithm) =>
        new() { CentroidCount = centroids, Algorithm = algorithm, Seed = 3, BatchSize = 20, Passes = 2, Space = QuantizationSpace.Gram, ReassignmentRatio = 0 };

    private static string? Compare(Case one, CpuQuantizer cpu, CudaQuantizer cuda)
    {
        var source = new TypedRows(one.Dimension, one.Type, one.Offset, one.Rows);
        CollectedMessages ofCpu = new(), ofCuda = new();
        ClassQuantization[] expected = Fit(cpu, source, one.Options, ofCpu), actual = Fit(cuda, source, one.Options, ofCuda);

        // Both say when a class has too few rows; only the device says that the processor took over.
        if (ofCuda.Text != ofCpu.Text)
            return $"the device says '{ofCuda.Text}', the processor '{ofCpu.Text}'";
        for (int c = 0; c < one.Rows.Length; c++)
        {
            if (Difference(source, expected[c], actual[c]) is { } difference)
                return string.Create(CultureInfo.InvariantCulture, $"class {c}: {difference}");
        }

        return null;
    }

    private static ClassQuantization[] Fit(IQuantizer quantizer, TypedRows source, QuantizerOptions options, CollectedMessages progress)
    {
        var results = new ClassQuantization[source.ClassNames.Count];
        quantizer.Fit(source, options, result => results[result.ClassIndex] = result, null, progress, default);
        return results;
    }

    private static string? Difference(TypedRows source, ClassQuantization expected, ClassQuantization actual)
    {
        if (Wide(expected.Distortion, actual.Distortion))
            return string.Create(CultureInfo.InvariantCulture, $"distortion {actual.Distortion:R}, the processor's is {expected.Distortion:R}");
        if (expected.HeldOutDistortion is { } held && !(actual.HeldOutDistortion is { } other && !Wide(held, other)))
            return string.Create(CultureInfo.InvariantCulture, $"held-out distortion {actual.HeldOutDistortion:R}, the processor's is {held:R}");
        if (expected.Labels.Length != actual.Labels.Length)
            return string.Create(CultureInfo.InvariantCulture, $"{actual.Labels.Length} labels, the processor gives {expected.Labels.Length}");
        int ties = 0;
        for (int i = 0; i < expected.Labels.Length; i++)
        {
            int ours = actual.Labels[i], theirs = expected.Labels[i];
            if (ours == theirs)
                continue;
            ties++;
            if (ours < 0 || theirs < 0 || ours >= expected.CentroidCount)
                return string.Create(CultureInfo.InvariantCulture, $"row {i} has label {ours}, the processor gives {theirs}");
            double near = Distance(source, expected, i, theirs), far = Distance(source, expected, i, ours);
            if (Wide(near, far))
                return string.Create(CultureInfo.InvariantCulture, $"row {i} has label {ours} at {far:R}, the processor gives {theirs} at {near:R}: no tie");
        }

        if (ties > 0)
            return null;
        for (int j = 0; j < expected.Centroids.Length; j++)
        {
            if (!(Math.Abs(expected.Centroids[j] - actual.Centroids[j]) <= 1e-4 * (1 + Math.Abs(expected.Centroids[j]))))
                return string.Create(CultureInfo.InvariantCulture, $"value {j} of the centroids is {actual.Centroids[j]}, the processor's {expected.Centroids[j]}");
        }

        return null;
    }

    private static bool Wide(double expected, double actual) => !(Math.Abs(expected - actual) <= (Relative * Math.Abs(expected)) + Tiny);

    private static double Distance(TypedRows source, ClassQuantization fit, int row, int centroid)
    {
        double sum = 0;
        for (int j = 0; j < fit.Dimension; j++)
        {
            double difference = (double)source.Value(fit.ClassIndex, row, j) - fit.Centroids[(centroid * fit.Dimension) + j];
            sum += difference * difference;
        }

        return sum;
    }
}
