using System.Globalization;
using System.Text;
using Ddoq.Latents;
using Ddoq.Pipeline.Configuration;
using Ddoq.Quantization;
using Ddoq.Storage;

namespace Ddoq.Pipeline.Stages;

/// <summary>Distortion against the number of centres: quantises every class with several K and writes <c>curve.csv</c>, no prototypes.</summary>
/// <remarks>Resumes K by K. What the curve says before any network is run: how many centres a data set needs for a given share of its variance.</remarks>
public static class CurveStage
{
    /// <summary>Name of the table's file.</summary>
    public const string FileName = "curve.csv";

    private const string Header = "centres_per_class,centres,distortion,explained,held_out_distortion\n";

    /// <summary>Runs the stage into a folder, or finds it complete there.</summary>
    /// <param name="options">Algorithm and device; its number of centres is not used.</param>
    /// <param name="counts">The numbers of centres per class (K).</param>
    /// <param name="latents">Latent store.</param>
    /// <param name="output">Folder of the result.</param>
    /// <param name="context">Progress, workers, cancellation.</param>
    /// <returns>A point for each K, ascending.</returns>
    /// <exception cref="DdoqException">The store, a class or the output folder is not usable.</exception>
    public static IReadOnlyList<CurvePoint> Run(QuantizeOptions options, IReadOnlyList<int> counts, string latents, string output, StageContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(counts);
        ArgumentNullException.ThrowIfNull(context);
        int[] ascending = [.. counts.Distinct().Order()];
        QuantizerFactory.Require(options.Device);
        using LatentStore store = options.OpenLatents(latents);
        QuantizeStage.RequireRows(store, latents);
        var settings = QuantizeStage.Describe(options, StageIdentity.OfLatents(latents, store, context.Cancellation), store);
        settings[QuantizeSettings.Ipc.RecordKey] = string.Join(',', ascending);
        using StageFolder stage = StageFolder.Open(output, "curve", settings, context.Forces("curve"));
        double[]? variances = null;
        var points = new List<CurvePoint>();
        foreach (int count in ascending)
        {
            string file = stage.PathOf(string.Create(CultureInfo.InvariantCulture, $"centres-{count}.json"));
            if (!File.Exists(file))
            {
                variances ??= Variances(store, context);
                ResultFiles.Write(file, Measure(store, options with { Quantizer = options.Quantizer with { CentroidCount = count, Workers = context.Workers } }, variances, context));
                stage.SaveTiming();
            }

            points.Add(ResultFiles.Read<CurvePoint>(file));
        }

        if (stage.IsComplete)
            return points;
        var text = new StringBuilder(Header);
        foreach (CurvePoint point in points)
            text.Append(CultureInfo.InvariantCulture, $"{point.CentresPerClass},{point.Centres},{point.Distortion:R},{point.Explained:R},{point.HeldOutDistortion:R}\n");
        AtomicFile.WriteAllText(stage.PathOf(FileName), text.ToString());
        stage.Complete([FileName]);
        return points;
    }

    /// <summary>Reads a list of numbers of centres, such as <c>1,2,5,10</c>.</summary>
    /// <exception cref="UsageException">It is none.</exception>
    public static IReadOnlyList<int> ParseCounts(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var counts = new List<int>();
        foreach (string part in text.Split(',', StringSplitOptions.TrimEntries))
        {
            if (!int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int count) || count < 1)
                throw new UsageException($"--curve: '{part}' is not allowed; allowed: whole numbers from 1, with commas between", "Give numbers of centres per class, for example --curve 1,2,5,10,20,50.");
            counts.Add(count);
        }

        return counts;
    }

    private static double[] Variances(LatentStore store, StageContext context)
    {
        var variances = new double[store.ClassNames.Count];
        context.ForEach(variances.Length, () => new MemoryStream(), (c, _) => variances[c] = LatentVariance.OfClass(store, c));
        return variances;
    }

    private static CurvePoint Measure(LatentStore store, QuantizeOptions options, double[] variances, StageContext context)
    {
        var results = new ClassQuantization?[store.ClassNames.Count];
        var progress = new RowProgress(context.Progress);
        using (IQuantizer engine = QuantizerFactory.Create(options.Device, context.Progress, store.HasSampleWeights))
        {
            context.Progress.Message(string.Create(CultureInfo.InvariantCulture, $"curve: {options.Quantizer.CentroidCount} centres per class"));
            progress.BeginRows(Enumerable.Range(0, results.Length).Sum(c => (long)store.RowCount(c)), 0);
            try
            {
                engine.Fit(store, options.Quantizer, Keep, new HashSet<int>(), progress, context.Cancellation);
            }
            finally
            {
                progress.EndRows();
            }
        }

        double rows = 0, distortion = 0, variance = 0, heldOutRows = 0, heldOut = 0;
        for (int c = 0; c < results.Length; c++)
        {
            ClassQuantization result = results[c]!;
            int fitted = result.RowCount - result.HeldOutRowCount;
            rows += fitted;
            distortion += fitted * result.Distortion;
            variance += fitted * variances[c];
            heldOutRows += result.HeldOutRowCount;
            heldOut += result.HeldOutRowCount * (result.HeldOutDistortion ?? 0);
        }

        return new CurvePoint(
            options.Quantizer.CentroidCount,
            results.Sum(result => (long)result!.CentroidCount),
            distortion / rows,
            QuantizationQuality.Explained(distortion, variance),
            heldOutRows > 0 ? heldOut / heldOutRows : null);

        void Keep(ClassQuantization result)
        {
            results[result.ClassIndex] = result;
            progress.AdvanceRows(result.RowCount);
        }
    }
}

/// <summary>One point of the curve.</summary>
/// <param name="CentresPerClass">Centres asked for per class (K).</param>
/// <param name="Centres">Centres of all classes; classes with fewer rows have fewer.</param>
/// <param name="Distortion">Mean squared distance over all rows of the fits.</param>
/// <param name="Explained">Share of the variance within the classes that is explained; null where there is none.</param>
/// <param name="HeldOutDistortion">The distortion over all rows held out; null when there are none.</param>
public sealed record CurvePoint(int CentresPerClass, long Centres, double Distortion, double? Explained, double? HeldOutDistortion);
