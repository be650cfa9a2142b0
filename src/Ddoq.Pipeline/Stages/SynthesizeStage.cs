using System.Globalization;
using Ddoq.Distilled;
using Ddoq.Imaging;
using Ddoq.Onnx.Autoencoders;
using Ddoq.Onnx.Backbones;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Sessions;
using Ddoq.Onnx.Synthesis;
using Ddoq.Storage;

namespace Ddoq.Pipeline.Stages;

/// <summary>Prototypes to images: noises every centre to the start level, denoises it, decodes it, and writes an ImageFolder.</summary>
/// <remarks>
/// Rows of many classes share a batch. Batches have fixed members, so an interrupted run redoes at most the batches whose
/// images are not all there and ends with the same bytes; the number of workers changes nothing either.
/// </remarks>
public static class SynthesizeStage
{
    /// <summary>Runs the stage into a folder, or finds it complete there.</summary>
    /// <param name="options">Model and sampling.</param>
    /// <param name="prototypes">Prototype file.</param>
    /// <param name="output">Folder of the distilled set.</param>
    /// <param name="context">Progress, workers, cancellation.</param>
    /// <exception cref="DdoqException">Prototypes, model or output folder are not usable, or do not fit each other.</exception>
    public static void Run(SynthesizeOptions options, string prototypes, string output, StageContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        ModelFolder model = ModelFolder.Open(options.Model);
        using PrototypeSet set = PrototypeSet.Load(prototypes);
        SynthesisOptions sampling = Resolve(options, model);
        using StageFolder stage = StageFolder.Open(output, "synthesize", Describe(options, sampling, model, prototypes), context.Force);
        if (stage.IsComplete)
        {
            context.Progress.Message($"synthesize: complete in {output}");
            return;
        }

        int[] modelClasses = ModelClasses(set, model);
        DistilledPlan plan = DistilledPlan.FromPrototypes(set, options.WeightRule, options.Seed, useCounts: !options.FromNoise);
        Generate(set, plan, modelClasses, model, sampling, options, stage, context);
        plan.Complete(
            stage,
            options.FromNoise
                ? "generated from pure noise with the class label only"
                : $"one image per prototype of {set.Info.Algorithm} quantisation, by the reverse diffusion from {sampling.Start}",
            options.Seed,
            options.Provider.ToString(),
            options.FromNoise ? null : set.Distortion);
    }

    private static void Generate(
        PrototypeSet set,
        DistilledPlan plan,
        int[] modelClasses,
        ModelFolder model,
        SynthesisOptions sampling,
        SynthesizeOptions options,
        StageFolder stage,
        StageContext context)
    {
        var session = new OnnxSessionOptions
        {
            Provider = options.Provider,
            Threads = context.Workers,
            BatchSize = options.BatchSize,
        };
        int batches = (plan.Count + options.BatchSize - 1) / options.BatchSize;
        bool[] isDone = [.. Enumerable.Range(0, batches).Select(b => plan.HasImages(stage.Path, b * options.BatchSize, options.BatchSize))];
        int done = Enumerable.Range(0, batches).Where(b => isDone[b]).Sum(b => Math.Min(options.BatchSize, plan.Count - (b * options.BatchSize)));
        context.Progress.Begin("synthesize", plan.Count, "images", done);
        try
        {
            if (done == plan.Count)
                return;
            using IDiffusionBackbone backbone = DiTBackbone.Open(model, session, context.Progress);
            using var synthesizer = new DiffusionSynthesizer(backbone, model.Scheduler, sampling);
            using VaeDecoder decoder = VaeDecoder.Open(model, session);
            int group = Math.Max(1, context.Workers);
            for (int first = 0; first < batches; first += group)
            {
                // Neighbouring batches go together only to keep all workers busy; their borders stay where they are.
                foreach ((int from, int to) in Runs(isDone, first, Math.Min(batches, first + group)))
                {
                    int row = from * options.BatchSize;
                    int count = Math.Min(plan.Count, to * options.BatchSize) - row;
                    GenerateRows(set, plan, modelClasses, row, count, synthesizer, decoder, stage.Path, context);
                }

                stage.SaveTiming();
            }
        }
        finally
        {
            context.Progress.End();
        }
    }

    private static void GenerateRows(
        PrototypeSet set,
        DistilledPlan plan,
        int[] modelClasses,
        int first,
        int count,
        DiffusionSynthesizer synthesizer,
        VaeDecoder decoder,
        string folder,
        StageContext context)
    {
        int length = set.Shape.Length, side = decoder.ImageSize, pixels = 3 * side * side;
        var latents = new float[(long)count * length];
        var classes = new int[count];
        var streams = new ulong[count];
        for (int i = 0; i < count; i++)
        {
            (int label, int prototype) = plan.Row(first + i);
            set.Centroid(label, prototype).CopyTo(latents.AsSpan(i * length, length));
            classes[i] = modelClasses[label];
            streams[i] = DiffusionSynthesizer.NoiseStream(label, prototype);
        }

        synthesizer.Generate(latents, classes, streams, latents, context.Progress, context.Cancellation);
        var images = new float[(long)count * pixels];
        decoder.Decode(latents, count, images, context.Cancellation);
        int channels = set.Info.Latents.Extra.GetValueOrDefault(EncodeStage.SourceChannelsKey) == "1" ? 1 : 3;
        context.ForEach(count, () => new PixelBuffer(pixels), (i, buffer) =>
        {
            PlanarPixels.FromSigned(images.AsSpan(i * pixels, pixels), buffer.Bytes);
            plan.WriteImage(folder, first + i, buffer.Bytes, channels, side);
        });
    }

    private static IEnumerable<(int From, int To)> Runs(bool[] isDone, int first, int end)
    {
        for (int b = first; b < end; b++)
        {
            if (isDone[b])
                continue;
            int from = b;
            while (b < end && !isDone[b])
                b++;
            yield return (from, b);
        }
    }

    private static SynthesisOptions Resolve(SynthesizeOptions options, ModelFolder model) => new()
    {
        Scheduler = options.Scheduler,
        NumInferenceSteps = options.NumInferenceSteps ?? model.Defaults.NumInferenceSteps,
        GuidanceScale = options.GuidanceScale ?? model.Defaults.GuidanceScale,
        Start = options.Start(model.Defaults.StartAlphaBar),
        Eta = options.Eta,
        BatchSize = options.BatchSize,
        Seed = options.Seed,
    };

    private static int[] ModelClasses(PrototypeSet set, ModelFolder model)
    {
        if (set.Shape != model.LatentShape)
        {
            throw new DdoqException(
                $"the prototypes are {set.Shape}, the model {model.Path} takes {model.LatentShape}",
                "Encode and synthesize with the same model.");
        }

        return ClassMap.Match(set.ClassNames, model.ClassNames, $"the model {model.Path}");
    }

    private static Dictionary<string, string> Describe(SynthesizeOptions options, SynthesisOptions sampling, ModelFolder model, string prototypes) => new()
    {
        ["prototypes"] = StageIdentity.Of(prototypes),
        ["model"] = ContentHash.OfText(string.Join('\n', model.ComputeFileHashes().OrderBy(pair => pair.Key, StringComparer.Ordinal))),
        ["scheduler"] = sampling.Scheduler.ToString()!,
        ["num_inference_steps"] = sampling.NumInferenceSteps.ToString(CultureInfo.InvariantCulture),
        ["guidance_scale"] = sampling.GuidanceScale.ToString(CultureInfo.InvariantCulture),
        ["start"] = sampling.Start.ToString(),
        ["eta"] = sampling.Eta.ToString(CultureInfo.InvariantCulture),
        ["batch_size"] = sampling.BatchSize.ToString(CultureInfo.InvariantCulture),
        ["seed"] = sampling.Seed.ToString(CultureInfo.InvariantCulture),
        ["weights"] = options.WeightRule.ToString(),
        ["provider"] = options.Provider.ToString(),
    };
}
