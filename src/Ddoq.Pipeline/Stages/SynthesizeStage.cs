using System.Globalization;
using Ddoq.Distilled;
using Ddoq.Onnx.Autoencoders;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Schedulers;
using Ddoq.Onnx.Sessions;
using Ddoq.Onnx.Synthesis;
using Ddoq.Pipeline.Configuration;
using Ddoq.Quantization;
using Ddoq.Selection;
using Ddoq.Storage;

namespace Ddoq.Pipeline.Stages;

/// <summary>At what points the masses of the data are counted that weights follow.</summary>
public enum WeightSource
{
    /// <summary>The prototypes, before they became images.</summary>
    Centres,

    /// <summary>The latents of the finished images.</summary>
    Images,
}

/// <summary>What <see cref="SynthesizeStage"/> is asked to do; null leaves a choice to the model.</summary>
public sealed record SynthesizeOptions
{
    // Support points keep the data's variance, and less diffusion keeps more of them. Students with hard labels on full
    // Fashion-MNIST: 75.6, 77.7, 78.6 and 78.8 % from 0.08, 0.4, 0.7 and 1 (decoded) at 10 images per class; 83.6 and 83.4 %
    // from 0.4 and 0.7 at 50.
    private static readonly StartLevel s_supportStart = StartLevel.FromAlphaBar(0.7);

    /// <summary>Diffusion model folder; null takes the shipped one.</summary>
    public string? Model { get; init; }

    /// <summary>How the reverse process is run.</summary>
    public SynthesisOptions Sampling { get; init; } = new();

    /// <summary>Template of a class's prompt; null takes the model's, or <see cref="Onnx.Text.PromptTemplate.Default"/>.</summary>
    public string? Prompt { get; init; }

    /// <summary>What guidance leads away from; null takes the model's, or the empty prompt.</summary>
    public string? NegativePrompt { get; init; }

    /// <summary>File with the classes' words for prompts (<see cref="Onnx.Text.ClassTexts"/>); null takes their names.</summary>
    public string? ClassTexts { get; init; }

    /// <summary>Rule for the weights written to the metadata; null takes that of the prototypes' algorithm.</summary>
    public WeightRule? Weights { get; init; }

    /// <summary>At what points the masses of the data are counted that the weights follow.</summary>
    public WeightSource WeightsFrom { get; init; }

    /// <summary>Latent store of the data, for <see cref="WeightSource.Images"/>; else not read.</summary>
    public string? DataLatents { get; init; }

    /// <summary>A complete set of the same images, of which they are copied instead of made; null for none.</summary>
    public string? SameImages { get; init; }

    /// <summary>Candidates of each prototype; above 1 the stage leaves their latents, of which a selection keeps some.</summary>
    public int Candidates { get; init; } = 1;

    /// <summary>Execution provider.</summary>
    public ExecutionProvider Provider { get; init; }

    /// <summary>Reads the options from a configuration.</summary>
    public static SynthesizeOptions From(PipelineConfiguration configuration) =>
        OptionsRecords.Synthesize.Read(configuration) with { Sampling = OptionsRecords.Sampling.Read(configuration) };

    /// <summary>Opens the model; prototypes that are decoded as they are need its decoder alone.</summary>
    /// <exception cref="DdoqException">It is not usable.</exception>
    internal ModelFolder OpenModel() => ModelFolder.Open(
        Model ?? ShippedResources.ReferenceModel, Sampling.Start is { IsNoDiffusion: true } ? ModelUse.Decoder : ModelUse.Decoder | ModelUse.Diffusion);

    /// <summary>The sampling a model is run with: what was asked for, then what serves the prototypes' algorithm, then the model's defaults.</summary>
    /// <param name="model">The model.</param>
    /// <param name="algorithm">What made the prototypes; null when it is not known.</param>
    internal SynthesisOptions SamplingFor(ModelFolder model, QuantizationAlgorithm? algorithm) =>
        (algorithm == QuantizationAlgorithm.Support && model.HasDiffusion ? Sampling with { Start = Sampling.Start ?? s_supportStart } : Sampling).ResolvedFor(model, Provider);

    /// <summary>What made a set of prototypes; null when it was no algorithm of this program.</summary>
    internal static QuantizationAlgorithm? AlgorithmOf(PrototypeSet set) =>
        Enum.TryParse(set.Info.Algorithm, out QuantizationAlgorithm algorithm) ? algorithm : null;

    /// <summary>The rule of the weights: what was asked for, then the algorithm's.</summary>
    /// <param name="algorithm">What made the prototypes; null when it is not known.</param>
    internal WeightRule WeightsFor(QuantizationAlgorithm? algorithm) => Weights ?? PrototypeWeights.DefaultRule(algorithm ?? QuantizationAlgorithm.Hartigan);
}

/// <summary>Prototypes to images: noises every centre to the start level, denoises it, decodes it, and writes an ImageFolder.</summary>
/// <remarks>
/// Rows of many classes share a batch. Batches have fixed members, so an interrupted run redoes at most the batches whose
/// images are not all there and ends with the same bytes; the number of workers changes nothing either.
/// </remarks>
public static class SynthesizeStage
{
    internal const string Name = "synthesize";

    // Factors are written with up to 17 digits; other tools keep 7.
    private const double ScalingTolerance = 1e-6;

    // A start this near to the one that was asked for needs no word.
    private const double StartTolerance = 0.02;

    /// <summary>Runs the stage into a folder, or finds it complete there.</summary>
    /// <param name="options">Model and sampling.</param>
    /// <param name="prototypes">Prototype file.</param>
    /// <param name="output">Folder of the distilled set.</param>
    /// <param name="context">Progress, workers, cancellation.</param>
    /// <returns>Whether the result is complete: a share completes it when it finds all others done in the same folder.</returns>
    /// <exception cref="DdoqException">Prototypes, model or output folder are not usable, or do not fit each other.</exception>
    public static bool Run(SynthesizeOptions options, string prototypes, string output, StageContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        ModelFolder model = options.OpenModel();
        using PrototypeSet set = PrototypeSet.Load(prototypes);
        if (set.Shape != model.LatentShape)
        {
            throw new DdoqException(
                $"the prototypes are {set.Shape}, the model {model.Path} takes {model.LatentShape}",
                "Encode and synthesize with the same model.");
        }

        if (set.Info.Latents.ScalingFactor is { } scaling && Math.Abs(scaling - model.ScalingFactor) > ScalingTolerance * model.ScalingFactor)
        {
            throw new DdoqException(
                string.Create(CultureInfo.InvariantCulture, $"the prototypes {prototypes} are of latents scaled by {scaling:R}, the model {model.Path} scales by {model.ScalingFactor:R}"),
                "Synthesize with the model that encoded, or correct 'scaling_factor' in the config.json of its autoencoder and encode again.");
        }

        model.TellAssumptions(context.Progress);
        ProviderChoice.Require(options.Provider);
        QuantizationAlgorithm? algorithm = SynthesizeOptions.AlgorithmOf(set);
        SynthesisOptions sampling = options.SamplingFor(model, algorithm);
        double start = DiffusionSynthesizer.StartOf(model.Scheduler, sampling);
        ClassConditions conditions = ClassConditions.Resolve(options, set.ClassNames, model);
        bool isNoise = sampling.Start!.Value.IsPureNoise;
        if (options.WeightsFrom == WeightSource.Images && options.Candidates > 1)
            throw new UsageException("--weights-from images and --candidates exclude each other: what is kept of candidates is weighed when it is selected", "Leave --weights-from out.");
        if (options.WeightsFrom == WeightSource.Images && options.DataLatents is null)
            throw new UsageException("--weights-from images counts the data's rows, and no latents of the data are given", "Give the latents that the prototypes were made from.");

        // Images from noise stand for no prototype's cell, so there is nothing of the prototypes to weigh them by.
        WeightRule weights = isNoise && options.WeightsFrom == WeightSource.Centres ? WeightRule.None : options.WeightsFor(algorithm);
        if (options.Candidates > 1 && sampling.Start.Value.IsNoDiffusion)
            throw new UsageException("--candidates above 1 needs the diffusion: prototypes that are decoded as they are give one image each", "Leave --candidates out, or give --start-alpha-bar below 1.");
        Dictionary<string, string> settings = Describe(options, sampling, conditions, model, prototypes, context);
        using SynthesisNetworks? networks = context.Finds(output, Name, settings) ? null : Check(set, conditions, model, sampling, options, output, context);
        using StageFolder stage = context.Open(output, Name, settings);
        if (options.Candidates > 1)
            return CandidateSynthesis.Run(set, conditions, model, sampling, options, Origin(set, sampling.Start.Value, start, $"{options.Candidates} candidates"), stage, networks, context);

        string? stored = stage.IsComplete ? DistilledPlan.WeightsOf(output) : null, asked = DistilledPlan.Describe(weights, options.WeightsFrom);
        if (stage.IsComplete && stored == asked)
        {
            context.Progress.Message($"synthesize: complete in {output}");
            return true;
        }

        SetPlan plan = SetPlan.FromPrototypes(set, weights, Origin(set, sampling.Start.Value, start), sampling.Seed, options.Provider.ToString(), useCounts: !isNoise) with { WeightsFrom = options.WeightsFrom };
        if (stage.IsComplete)
        {
            context.Progress.Message($"synthesize: the images in {output} are complete; their weights are written anew: {stored ?? "unknown"} -> {asked}");
        }
        else
        {
            if (options.SameImages is { } same)
                Copy(same, stage);
            bool isWhole = ShareWork.Run(output, context, plan, own => Generate(set, plan.ToPlan(choices: null), conditions, model, sampling, networks!, stage, own));
            if (!isWhole)
            {
                ShareWork.TellDone(Name, context);
                return false;
            }
        }

        plan.Join(stage);
        if (options.WeightsFrom == WeightSource.Images)
        {
            DistilledPlan images = plan.ToPlan(choices: null);
            PointMasses[] masses = ImageMasses.Measure(options, output, context with { Share = Share.All });
            DistilledPlan.FromImages(set.ClassNames, [.. masses.Select((cells, c) => images.WithMasses(c, cells))], weights)
                .Complete(stage, weights, plan.Origin, plan.Seed, plan.Device, c => masses[c].Distortion, WeightSource.Images);
        }

        return true;
    }

    /// <summary>How the networks are run.</summary>
    internal static OnnxSessionOptions SessionOptions(SynthesizeOptions options, SynthesisOptions sampling, StageContext context) => context.Networks with
    {
        Provider = options.Provider,
        Threads = context.Workers,
        BatchSize = sampling.BatchSize!.Value,
        RowsPerCall = sampling.RowsPerCall,
    };

    /// <summary>Identity of a model: of all its files.</summary>
    internal static string IdentityOf(ModelFolder model) =>
        ContentHash.OfText(string.Join('\n', model.ComputeFileHashes().OrderBy(pair => pair.Key, StringComparer.Ordinal)));

    /// <summary>Whether the networks may compute in float16, which changes results.</summary>
    internal static bool UsesHalfPrecision(ExecutionProvider provider, StageContext context) =>
        provider == ExecutionProvider.TensorRt && context.Networks.AllowHalfPrecision;

    // Of the same settings, so that the images would be the same too.
    private static void Copy(string from, StageFolder stage)
    {
        if (StageIdentity.Of(from) != stage.Fingerprint)
            return;
        foreach (string file in StageFolder.Read(from).Outputs.Keys.Where(file => file.EndsWith(".png", StringComparison.Ordinal)))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(stage.PathOf(file))!);
            AtomicFile.WriteAllBytes(stage.PathOf(file), File.ReadAllBytes(Path.Combine(from, file)));
        }
    }

    private static string Origin(PrototypeSet set, StartLevel start, double found, string images = "one image") =>
        start.IsPureNoise ? "generated from pure noise with the class only"
        : start.IsNoDiffusion ? $"one image per prototype of {set.Info.Algorithm} quantisation, decoded without diffusion"
        : $"{images} per prototype of {set.Info.Algorithm} quantisation, by the reverse diffusion from {start}{Nearest(start, found)}";

    private static string Nearest(StartLevel asked, double found) => asked.AlphaBar is { } wanted && Math.Abs(found - wanted) > StartTolerance
        ? string.Create(CultureInfo.InvariantCulture, $" (the nearest kept level, {found:0.####})")
        : string.Empty;

    /// <summary>Loads the networks, runs each once on the first prototype, and looks for room on the disk.</summary>
    private static SynthesisNetworks Check(
        PrototypeSet set, ClassConditions conditions, ModelFolder model, SynthesisOptions sampling, SynthesizeOptions options, string output, StageContext context)
    {
        if (options.Candidates == 1)
            DiskSpace.Require(output, set.TotalCenters * 3L * model.ImageSize * model.ImageSize, $"the images of {set.TotalCenters} prototypes");
        ProviderChoice.Announce(options.Provider, context.Progress);
        var networks = SynthesisNetworks.Open(sampling.Start is { IsNoDiffusion: true } ? null : conditions, model, SessionOptions(options, sampling, context), context.Progress);
        try
        {
            int first = Enumerable.Range(0, set.ClassNames.Count).First(c => set.CenterCount(c) > 0);
            networks.RequireFinite(set.Centroid(first, 0), conditions.Labels[first], sampling, $"the image of prototype 0 of class {first} '{set.ClassNames[first]}'", context.Cancellation);
            return networks;
        }
        catch
        {
            networks.Dispose();
            throw;
        }
    }

    private static void Generate(
        PrototypeSet set,
        DistilledPlan plan,
        ClassConditions conditions,
        ModelFolder model,
        SynthesisOptions sampling,
        SynthesisNetworks networks,
        StageFolder stage,
        StageContext context)
    {
        int size = sampling.BatchSize!.Value, batches = (plan.Count + size - 1) / size;
        (int firstBatch, int endBatch) = context.Share.Range(batches);
        int[] open = [.. Enumerable.Range(firstBatch, endBatch - firstBatch).Where(b => !plan.HasImages(stage.Path, b * size, size))];
        int all = Math.Min(plan.Count, endBatch * size) - Math.Min(plan.Count, firstBatch * size), missing = open.Sum(b => Math.Min(size, plan.Count - (b * size)));
        context.Progress.Begin(Name, all, "images", all - missing);
        try
        {
            if (missing == 0)
                return;
            VaeDecoder decoder = networks.Decoder;
            using DiffusionSynthesizer? synthesizer = networks.Backbone is { } backbone ? new DiffusionSynthesizer(backbone, model.Scheduler, sampling) : null;
            var work = new SynthesisWork(set, plan, conditions.Labels, synthesizer, decoder, stage.Path, context);
            int lanes = networks.LanesFor(context);
            var saving = new Lock();

            // Every lane takes a batch from noise to images. Its files are written while it computes the next: much of
            // their time is waiting for the disk.
            (context with { Workers = lanes }).ForEach(open.Length, () => new PendingFiles(), (i, pending) =>
            {
                int first = open[i] * size, count = Math.Min(size, plan.Count - first);
                float[] images = work.Render(first, count);
                pending.Replace(() => work.Write(first, count, images, Math.Max(1, context.Workers / lanes)));
                lock (saving)
                    stage.SaveTiming();
            });
        }
        finally
        {
            context.Progress.End();
        }
    }

    private static Dictionary<string, string> Describe(
        SynthesizeOptions options, SynthesisOptions sampling, ClassConditions conditions, ModelFolder model, string prototypes, StageContext context)
    {
        var settings = new Dictionary<string, string>(
            [.. OptionsRecords.Sampling.Describe(sampling, PipelineStages.Synthesize), .. OptionsRecords.Synthesize.Describe(options, PipelineStages.Synthesize)])
        {
            ["prototypes"] = StageIdentity.Of(prototypes),
            ["model"] = IdentityOf(model),
        };
        if (sampling.Start!.Value.IsPureNoise)
            settings["from_noise"] = "true";
        if (options.Candidates > 1)
            settings[SynthesizeSettings.Candidates.RecordKey] = options.Candidates.ToString(CultureInfo.InvariantCulture);
        if (UsesHalfPrecision(options.Provider, context))
            settings[RunSettings.Precision.RecordKey] = "float16";
        if (model.Layout == ModelLayout.StableDiffusion)
        {
            settings["prompts"] = conditions.Prompts.Count == 0 ? string.Empty : $"{conditions.Prompts[0]}, ... ({ContentHash.OfText(string.Join('\n', conditions.Prompts))[..16]})";
            settings["negative_prompt"] = conditions.NegativePrompt;
        }

        return settings;
    }
}
