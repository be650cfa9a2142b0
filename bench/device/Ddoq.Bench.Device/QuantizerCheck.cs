using System.Globalization;
using Ddoq.Cuda;
using Ddoq.Latents;
using Ddoq.Quantization;

namespace Ddoq.Bench.Device;

/// <summary>
/// The device against the processor: same seed, same labels up to ties, distortion within 1e-5. Where there are many rows or
/// many centres, rounding decides some near tie on the way and leads to another partition that is as good. There every
/// label must be that of the nearest centre in fp64, the distortion that of the labels and close to the processor's, and
/// the labels that differ are counted. <see cref="GramCheck"/> holds the values themselves.
/// </summary>
internal static class QuantizerCheck
{
    private const double Relative = 1e-5;
    private const double LargeTolerance = 1e-3;
    private const double SupportTolerance = 1e-2; // points move on until a round gains less than rounding decides
    private const double ManyCentersTolerance = 2e-2; // a move of one of a few rows a cell is that much
    private const double Tiny = 1e-9;

    private sealed record Case(string Name, int Dimension, int[] Rows, LatentElementType Type, QuantizerOptions Options, double Offset = 0, double? OtherPartition = null);

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
                yield return new("quick", 24, [centroids + 10], type, Options(centroids, QuantizationAlgorithm.Lloyd), OtherPartition: ManyCentersTolerance);
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
                yield return new("many centroids", 19, [centroids + 40], type, Options(centroids, QuantizationAlgorithm.Hartigan), OtherPartition: ManyCentersTolerance);
            yield return new("far from the origin", 40, [70], type, Options(6, QuantizationAlgorithm.Hartigan), 5);
        }

        yield return new("first centres at random", 24, [90, 41], LatentElementType.F16, Options(7, QuantizationAlgorithm.Hartigan) with { Initialization = CentroidInitialization.Random });
        yield return new("decaying steps", 24, [90, 41], LatentElementType.F16, Options(7, QuantizationAlgorithm.Clvq) with { ClvqSteps = ClvqStepRule.Decaying(1, 10), Passes = 3 });
    }

    // The sizes of the task. Many rows between a few centres give near ties, which rounding may decide either way.
    private static IEnumerable<Case> Large()
    {
        foreach (LatentElementType type in Enum.GetValues<LatentElementType>())
            yield return new("ImageNet-1K's class", 4096, [1300, 732], type, Options(50, QuantizationAlgorithm.Hartigan), OtherPartition: LargeTolerance);
        yield return new("ImageNet-21K's class", 4096, [2999], LatentElementType.F16, Options(200, QuantizationAlgorithm.Hartigan), OtherPartition: LargeTolerance);
        yield return new("512 pixels", 16384, [1300], LatentElementType.F16, Options(10, QuantizationAlgorithm.Clvq), OtherPartition: LargeTolerance);
    }

    // Random batches hold a row more than once, so reassignment can put two centres on one row: rounding decides that tie.
    private static QuantizerOptions Options(int centroids, QuantizationAlgorithm algorithm) =>
        new() { CentroidCount = centroids, Algorithm = algorithm, Seed = 3, BatchSize = 20, Passes = 2, Space = QuantizationSpace.Gram, ReassignmentRatio = 0 };

    private static CaseResults.Verdict Compare(Case one, CpuQuantizer cpu, CudaQuantizer cuda)
    {
        var source = new TypedRows(one.Dimension, one.Type, one.Offset, one.Rows);
        CollectedMessages ofCpu = new(), ofCuda = new();
        ClassQuantization[] expected = Fit(cpu, source, one.Options, ofCpu), actual = Fit(cuda, source, one.Options, ofCuda);

        // Both say when a class has too few rows; only the device says that the processor took over.
        if (ofCuda.Text != ofCpu.Text)
            return CaseResults.Verdict.Wrong($"the device says '{ofCuda.Text}', the processor '{ofCpu.Text}'");
        if ((one.OtherPartition ?? (one.Options.Algorithm == QuantizationAlgorithm.Support ? SupportTolerance : null)) is { } tolerance)
            return CompareDistortions(source, expected, actual, tolerance);
        for (int c = 0; c < one.Rows.Length; c++)
        {
            if (Difference(source, expected[c], actual[c]) is { } difference)
                return CaseResults.Verdict.Wrong(string.Create(CultureInfo.InvariantCulture, $"class {c}: {difference}"));
        }

        return CaseResults.Verdict.Right;
    }

    private static CaseResults.Verdict CompareDistortions(TypedRows source, ClassQuantization[] expected, ClassQuantization[] actual, double tolerance)
    {
        int differing = 0, rows = 0;
        double widest = 0;
        foreach ((ClassQuantization theirs, ClassQuantization ours) in expected.Zip(actual))
        {
            if (Inconsistency(source, ours) is { } wrong)
                return CaseResults.Verdict.Wrong($"class {ours.ClassIndex}: {wrong}");
            rows += theirs.Labels.Length;
            differing += theirs.Labels.Zip(ours.Labels).Count(pair => pair.First != pair.Second);
            double difference = ours.Distortion - theirs.Distortion;
            double relative = Math.Abs(difference) <= Tiny ? 0 : difference / theirs.Distortion;
            widest = Math.Abs(relative) > Math.Abs(widest) || double.IsNaN(relative) ? relative : widest;
        }

        string words = string.Create(CultureInfo.InvariantCulture, $"distortion differs by {widest:E1}, {differing} of {rows} labels");
        return new CaseResults.Verdict(Math.Abs(widest) <= tolerance, words);
    }

    // A result against itself, in fp64.
    private static string? Inconsistency(TypedRows source, ClassQuantization fit)
    {
        var wrong = new string?[fit.Labels.Length];
        var distances = new double[fit.Labels.Length];
        Parallel.For(0, fit.Labels.Length, i =>
        {
            int label = fit.Labels[i];
            if ((uint)label >= (uint)fit.CentroidCount)
            {
                wrong[i] = string.Create(CultureInfo.InvariantCulture, $"row {i} has label {label}");
                return;
            }

            distances[i] = Distance(source, fit, i, label);
            double nearest = Enumerable.Range(0, fit.CentroidCount).Min(k => Distance(source, fit, i, k));
            if (distances[i] > (nearest * (1 + Relative)) + Tiny)
                wrong[i] = string.Create(CultureInfo.InvariantCulture, $"row {i} has label {label} at {distances[i]:R}, the nearest centre is at {nearest:R}");
        });
        double mean = distances.Sum() / fit.Labels.Length;
        return wrong.FirstOrDefault(one => one is not null)
            ?? (Wide(mean, fit.Distortion) ? string.Create(CultureInfo.InvariantCulture, $"distortion {fit.Distortion:R}, by its labels {mean:R}") : null)
            ?? (fit.Counts.Sum() == fit.Labels.Length ? null : "the counts do not add up");
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
