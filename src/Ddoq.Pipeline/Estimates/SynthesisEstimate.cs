using System.Text.Json.Nodes;
using Ddoq.Distilled;
using Ddoq.Onnx.Backbones;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Sessions;
using Ddoq.Onnx.Synthesis;
using Ddoq.Pipeline.Stages;

namespace Ddoq.Pipeline.Estimates;

/// <summary>What a synthesis will cost, from calls of each network on whole batches, in all lanes at once.</summary>
public sealed record SynthesisEstimate : StageEstimate
{
    /// <summary>Images denoised at a time.</summary>
    public required int BatchSize { get; init; }

    /// <summary>Batches.</summary>
    public int Batches { get; private init; }

    /// <summary>Calls of the diffusion network per batch; guidance doubles the rows of a call, not the calls.</summary>
    public required int CallsPerBatch { get; init; }

    /// <summary>Batches in work at once.</summary>
    public required int Lanes { get; init; }

    /// <summary>One call of the diffusion network on a whole batch, while the other lanes work too.</summary>
    public double SecondsPerCall => Call.Seconds;

    /// <summary>One call of the decoder on a whole batch, while the other lanes work too.</summary>
    public double SecondsPerDecode => Decode.Seconds;

    /// <summary>What runs the networks.</summary>
    public required string Provider { get; init; }

    /// <summary>A round: every lane calls the diffusion network once.</summary>
    private Cost Call { get; init; }

    /// <summary>A round: every lane calls the decoder once.</summary>
    private Cost Decode { get; init; }

    private long ImageBytes { get; init; }

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

    /// <summary>Loads the model, measures calls of each network on full batches, and multiplies.</summary>
    /// <param name="options">Model and sampling.</param>
    /// <param name="classNames">Classes of the data.</param>
    /// <param name="images">Images to make.</param>
    /// <param name="context">Workers.</param>
    /// <exception cref="DdoqException">The model is not usable or does not fit the classes.</exception>
    public static SynthesisEstimate Measure(SynthesizeOptions options, IReadOnlyList<string> classNames, int images, StageContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        Cost began = Cost.Now();
        ModelFolder model = options.OpenModel();
        SynthesisOptions sampling = options.SamplingFor(model, algorithm: null);
        ClassConditions conditions = ClassConditions.Resolve(options, classNames, model);
        OnnxSessionOptions session = SynthesizeStage.SessionOptions(options, sampling, context);
        bool diffuses = sampling.Start is not { IsNoDiffusion: true };
        using var networks = SynthesisNetworks.Open(diffuses ? conditions : null, model, session, context.Progress);
        Cost start = Cost.Now() - began;
        int lanes = networks.LanesFor(context), rows = sampling.BatchSize!.Value, calls = 0;
        UnitCost call = default;
        string provider = "decoder";
        if (networks.Backbone is { } backbone)
        {
            using var synthesizer = new DiffusionSynthesizer(backbone, model.Scheduler, sampling);
            (rows, calls, provider) = (synthesizer.BatchSize, synthesizer.CallCount, backbone.Description);
            call = TimeCalls(backbone, rows, sampling.IsGuided, synthesizer.StartTimestep, conditions, context with { Workers = lanes });
        }

        UnitCost decode = options.Candidates > 1 ? default : TimeDecodes(networks, model, rows, context with { Workers = lanes });
        start += call.Start + decode.Start;
        return new SynthesisEstimate
        {
            Stage = SynthesizeStage.Name,
            Units = 0,
            Unit = "images",
            MeasuredUnits = call.Units + decode.Units,
            SecondsPerUnit = 0,
            ProcessorSecondsPerUnit = 0,
            StartSeconds = start.Seconds,
            ProcessorStartSeconds = start.Processor,
            MemoryBytes = PeakMemory(),
            // Of candidates the latents are kept, of images at most the uncompressed pixels.
            ImageBytes = options.Candidates > 1 ? (long)model.LatentShape.Length * sizeof(float) : 3L * model.ImageSize * model.ImageSize,
            BatchSize = rows,
            Lanes = lanes,
            CallsPerBatch = calls,
            Call = lanes * call.PerUnit,
            Decode = lanes * decode.PerUnit,
            Provider = provider,
        }.Of(images);
    }

    /// <summary>The same networks for another number of images, or from another start level.</summary>
    /// <param name="images">Images to make.</param>
    /// <param name="calls">Calls of the diffusion network per batch; null leaves them.</param>
    internal SynthesisEstimate Of(int images, int? calls = null)
    {
        int batches = (images + BatchSize - 1) / BatchSize, perBatch = calls ?? CallsPerBatch;
        Cost lane = (perBatch * Call) + Decode;

        // The last round of lanes may not be full.
        double rounds = Math.Ceiling((double)batches / Lanes);
        return this with
        {
            Units = images,
            SecondsPerUnit = rounds * lane.Seconds / Math.Max(1, images),
            ProcessorSecondsPerUnit = batches * lane.Processor / Lanes / Math.Max(1, images),
            NetworkCalls = (long)batches * perBatch,
            DiskBytes = images * ImageBytes,
            Batches = batches,
            CallsPerBatch = perBatch,
        };
    }

    /// <inheritdoc/>
    protected override JsonObject Details() => new()
    {
        ["batch_size"] = BatchSize,
        ["batches"] = Batches,
        ["lanes"] = Lanes,
        ["seconds_per_call"] = Math.Round(SecondsPerCall, 4),
        ["seconds_per_decode"] = Math.Round(SecondsPerDecode, 4),
        ["network"] = Provider,
    };

    private static UnitCost TimeCalls(IDiffusionBackbone backbone, int rows, bool isGuided, double timestep, ClassConditions conditions, StageContext lanes)
    {
        IBackboneBatch[] batches = [.. Enumerable.Range(0, lanes.Workers).Select(_ => backbone.CreateBatch(rows, isGuided))];
        try
        {
            foreach (IBackboneBatch batch in batches)
                batch.SetClasses([.. Enumerable.Range(0, rows).Select(row => conditions.Labels[row % conditions.Labels.Length])]);
            return UnitCost.Measure(() => Round(lanes, lane => batches[lane].Predict(timestep)));
        }
        finally
        {
            foreach (IBackboneBatch batch in batches)
                batch.Dispose();
        }
    }

    private static UnitCost TimeDecodes(SynthesisNetworks networks, ModelFolder model, int rows, StageContext lanes)
    {
        var latents = new float[rows * model.LatentShape.Length];
        float[][] pixels = [.. Enumerable.Range(0, lanes.Workers).Select(_ => new float[rows * 3 * model.ImageSize * model.ImageSize])];
        return UnitCost.Measure(() => Round(lanes, lane => networks.Decoder.Decode(latents, rows, pixels[lane], cancellation: lanes.Cancellation)));
    }

    private static long Round(StageContext lanes, Action<int> call)
    {
        lanes.ForEach(lanes.Workers, () => new MemoryStream(), (lane, _) => call(lane));
        return lanes.Workers;
    }
}
