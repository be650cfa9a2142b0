using System.Globalization;
using Ddoq.Distilled;
using Ddoq.Latents;
using Ddoq.Quantization;
using Ddoq.Storage;

namespace Ddoq.Pipeline.Stages;

/// <summary>Latents to prototypes: quantises every class and writes <c>prototypes.safetensors</c>.</summary>
/// <remarks>Resumes class by class. The bytes do not depend on the number of workers or on interruptions.</remarks>
public static class QuantizeStage
{
    private const string CheckpointFolder = "classes";

    /// <summary>Runs the stage into a folder, or finds it complete there.</summary>
    /// <param name="options">Algorithm and device.</param>
    /// <param name="latents">Latent store.</param>
    /// <param name="output">Folder of the result.</param>
    /// <param name="context">Progress, workers, cancellation.</param>
    /// <exception cref="DdoqException">The store, a class or the output folder is not usable.</exception>
    public static void Run(QuantizeOptions options, string latents, string output, StageContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        QuantizerOptions quantizer = options.Quantizer with { Workers = context.Workers };
        quantizer.Validate();
        string identity = StageIdentity.Of(latents);
        using LatentStore store = LatentStore.Open(latents);
        using StageFolder stage = StageFolder.Open(output, "quantize", Describe(quantizer, identity, store), context.Force);
        if (stage.IsComplete)
        {
            context.Progress.Message($"quantize: complete in {output}");
            return;
        }

        RequireRows(store, latents);
        var info = new PrototypeInfo
        {
            Latents = store.Info,
            CentersPerClass = quantizer.CentroidCount,
            Algorithm = quantizer.Algorithm.ToString(),
            Seed = quantizer.Seed,
            Options = DescribeAlgorithm(quantizer),
        };
        var checkpoint = new PrototypeCheckpoint(stage.Path, info);
        HashSet<int> missing = [.. checkpoint.MissingClasses()];
        var done = Enumerable.Range(0, store.ClassNames.Count).Where(c => !missing.Contains(c)).ToHashSet();
        var quality = new QuantizationQuality(stage.PathOf(CheckpointFolder));
        using (IQuantizer engine = QuantizerFactory.Create(options.Device, context.Progress))
        {
            if (missing.Count > 0)
                engine.Fit(store, quantizer, result => Save(result), done, context.Progress, context.Cancellation);
        }

        context.Cancellation.ThrowIfCancellationRequested();
        checkpoint.Assemble(stage.PathOf(PrototypeSet.FileName));
        quality.Assemble(stage.PathOf(QuantizationQuality.FileName), store.ClassNames);
        stage.Complete([PrototypeSet.FileName, QuantizationQuality.FileName]);

        void Save(ClassQuantization result)
        {
            if (result.CentroidCount < result.RequestedCentroidCount)
            {
                context.Progress.Message(string.Create(
                    CultureInfo.InvariantCulture,
                    $"class '{store.ClassNames[result.ClassIndex]}' has {result.RowCount} rows: it gets {result.CentroidCount} centres instead of {result.RequestedCentroidCount}"));
            }

            quality.Save(result);
            checkpoint.Save(result.ClassIndex, ClassPrototypes.Create(store.Shape.Length, result.Centroids, result.Counts, result.Distortion));
            stage.SaveTiming();
        }
    }

    private static void RequireRows(LatentStore store, string latents)
    {
        for (int c = 0; c < store.ClassNames.Count; c++)
        {
            if (store.RowCount(c) == 0)
                throw new DdoqException($"{latents}: class '{store.ClassNames[c]}' has no rows", "Encode images of that class, or leave it out of the class list.");
        }
    }

    private static Dictionary<string, string> Describe(QuantizerOptions options, string identity, LatentStore store)
    {
        var settings = new Dictionary<string, string>(DescribeAlgorithm(options))
        {
            ["latents"] = identity,
            ["ipc"] = options.CentroidCount.ToString(CultureInfo.InvariantCulture),
            ["algorithm"] = options.Algorithm.ToString(),
            ["seed"] = options.Seed.ToString(CultureInfo.InvariantCulture),
        };

        // A memory limit changes digits only where it rules Gram space out; then it belongs to what made the result.
        if (MemoryPlan.Create(store, options).DirectFromRows is int rows)
            settings["direct_space_from_rows"] = rows.ToString(CultureInfo.InvariantCulture);
        return settings;
    }

    private static Dictionary<string, string> DescribeAlgorithm(QuantizerOptions options) => new()
    {
        ["init"] = options.Initialization.ToString(),
        ["max_iterations"] = options.MaxIterations.ToString(CultureInfo.InvariantCulture),
        ["restarts"] = options.Restarts.ToString(CultureInfo.InvariantCulture),
        ["hold_out"] = options.HoldOutFraction.ToString(CultureInfo.InvariantCulture),
    };
}
