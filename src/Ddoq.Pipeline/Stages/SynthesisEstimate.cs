using System.Diagnostics;
using System.Text.Json.Nodes;
using Ddoq.Distilled;
using Ddoq.Onnx.Autoencoders;
using Ddoq.Onnx.Backbones;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Sessions;
using Ddoq.Onnx.Synthesis;

namespace Ddoq.Pipeline.Stages;

/// <summary>What a synthesis will cost, from one measured batch.</summary>
/// <param name="Images">Images to make.</param>
/// <param name="BatchSize">Images denoised at a time.</param>
/// <param name="Batches">Batches.</param>
/// <param name="CallsPerBatch">Calls of the diffusion network per batch; guidance doubles the rows of a call, not the calls.</param>
/// <param name="Lanes">Batches in work at once.</param>
/// <param name="SecondsPerCall">One call of the diffusion network on a whole batch.</param>
/// <param name="SecondsPerDecode">One call of the decoder on a whole batch.</param>
/// <param name="MostBytes">Upper bound of the images' size on disk: their pixels uncompressed; of candidates, their latents.</param>
/// <param name="Provider">What runs the networks.</param>
public sealed record SynthesisEstimate(
    int Images, int BatchSize, int Batches, int CallsPerBatch, int Lanes, double SecondsPerCall, double SecondsPerDecode, long MostBytes, string Provider)
{
    /// <summary>Calls of the diffusion network.</summary>
    public long Calls => (long)Batches * CallsPerBatch;

    /// <summary>Expected wall-clock time of the networks; lanes are taken to run side by side without slowing each other.</summary>
    public double Seconds => Math.Ceiling((double)Batches / Lanes) * ((CallsPerBatch * SecondsPerCall) + SecondsPerDecode);

    /// <summary>What the synthesis of all prototypes of a set will cost.</summary>
    /// <param name="options">Model and sampling.</param>
    /// <param name="set">Prototypes.</param>
    /// <param name="context">Workers.</param>
    /// <exception cref="DdoqException">The model is not usable or does not fit the classes.</exception>
    public static SynthesisEstimate Measure(SynthesizeOptions options, PrototypeSet set, StageContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(set);
        return Measure(options with { Sampling = options.SamplingFor(options.OpenModel(), SynthesizeOptions.AlgorithmOf(set)) }, set.ClassNames, checked((int)set.TotalCenters * options.Candidates), context);
    }

    /// <summary>Loads the model, measures one call of each network on a full batch, and multiplies.</summary>
    /// <param name="options">Model and sampling.</param>
    /// <param name="classNames">Classes of the data.</param>
    /// <param name="images">Images to make.</param>
    /// <param name="context">Workers.</param>
    /// <exception cref="DdoqException">The model is not usable or does not fit the classes.</exception>
    public static SynthesisEstimate Measure(SynthesizeOptions options, IReadOnlyList<string> classNames, int images, StageContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        ModelFolder model = options.OpenModel();
        SynthesisOptions sampling = options.SamplingFor(model, algorithm: null);
        ClassConditions conditions = ClassConditions.Resolve(options, classNames, model);
        OnnxSessionOptions session = SynthesizeStage.SessionOptions(options, sampling, context);
        using IDiffusionBackbone backbone = conditions.Open(model, session, context.Progress);
        using var synthesizer = new DiffusionSynthesizer(backbone, model.Scheduler, sampling);
        using IBackboneBatch batch = backbone.CreateBatch(synthesizer.BatchSize, sampling.IsGuided);
        batch.SetClasses([.. Enumerable.Range(0, synthesizer.BatchSize).Select(row => conditions.Labels[row % conditions.Labels.Length])]);
        double call = Time(() => batch.Predict(synthesizer.StartTimestep));
        using VaeDecoder decoder = VaeDecoder.Open(model, session);
        int rows = synthesizer.BatchSize;
        var latents = new float[rows * model.LatentShape.Length];
        var pixels = new float[rows * 3 * model.ImageSize * model.ImageSize];
        double decode = Time(() => decoder.Decode(latents, rows, pixels, cancellation: context.Cancellation));
        return new SynthesisEstimate(
            images,
            rows,
            (images + rows - 1) / rows,
            synthesizer.CallCount,
            Math.Max(1, Math.Min(backbone.LaneCount, context.Workers)),
            call,
            decode,
            options.Candidates > 1 ? (long)images * model.LatentShape.Length * sizeof(float) : (long)images * 3 * model.ImageSize * model.ImageSize,
            backbone.Description);
    }

    /// <summary>The estimate for people and programs.</summary>
    public JsonObject ToJson() => new()
    {
        ["images"] = Images,
        ["batch_size"] = BatchSize,
        ["batches"] = Batches,
        ["network_calls"] = Calls,
        ["seconds_per_call"] = Math.Round(SecondsPerCall, 4),
        ["seconds_per_decode"] = Math.Round(SecondsPerDecode, 4),
        ["estimated_seconds"] = Math.Round(Seconds, 1),
        ["disk_megabytes_at_most"] = Math.Round(MostBytes / 1e6, 1),
        ["network"] = Provider,
    };

    // The first call also allocates and, on a device, chooses kernels.
    private static double Time(Action call)
    {
        call();
        long start = Stopwatch.GetTimestamp();
        call();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
