using System.Numerics.Tensors;
using System.Runtime.ExceptionServices;
using Ddoq.Distilled;
using Ddoq.Onnx.Autoencoders;
using Ddoq.Onnx.Backbones;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Sessions;
using Ddoq.Onnx.Synthesis;
using Ddoq.Onnx.Text;

namespace Ddoq.Pipeline.Stages;

/// <summary>Network of the reverse process, where it is run, and decoder, loaded side by side: each takes a core, and large ones take long.</summary>
internal sealed class SynthesisNetworks : IDisposable
{
    private readonly ModelFolder _model;

    private SynthesisNetworks(IDiffusionBackbone? backbone, VaeDecoder decoder, ModelFolder model) => (Backbone, Decoder, _model) = (backbone, decoder, model);

    /// <summary>Null where prototypes are decoded as they are.</summary>
    public IDiffusionBackbone? Backbone { get; }

    public VaeDecoder Decoder { get; }

    /// <summary>Batches in work at once.</summary>
    public int LanesFor(StageContext context) => Math.Clamp(Backbone?.LaneCount ?? Decoder.LaneCount, 1, context.Workers);

    /// <summary>Loads both; when one fails, neither stays. Without conditions the decoder alone.</summary>
    /// <exception cref="DdoqException">A network is missing, damaged, or not what its folder says.</exception>
    public static SynthesisNetworks Open(ClassConditions? conditions, ModelFolder model, OnnxSessionOptions session, IProgressSink progress)
    {
        if (conditions is null)
            return new SynthesisNetworks(null, VaeDecoder.Open(model, session, progress), model);
        VaeDecoder? decoder = null;
        ExceptionDispatchInfo? failure = null;
        var second = new Thread(() =>
        {
            try
            {
                decoder = VaeDecoder.Open(model, session);
            }
            catch (Exception exception)
            {
                failure = ExceptionDispatchInfo.Capture(exception);
            }
        });
        second.Start();
        IDiffusionBackbone? backbone = null;
        try
        {
            backbone = conditions.Open(model, session, progress);
        }
        finally
        {
            second.Join();
            if (backbone is null)
                decoder?.Dispose();
            else if (decoder is null)
                backbone.Dispose();
        }

        failure?.Throw();
        return new SynthesisNetworks(backbone, decoder!, model);
    }

    /// <summary>Calls each network once on a prototype: what they give must be numbers.</summary>
    /// <exception cref="DdoqException">A network fails, or gives a value that is not finite; the message names its file.</exception>
    public void RequireFinite(ReadOnlySpan<float> prototype, int label, SynthesisOptions sampling, string name, CancellationToken cancellation)
    {
        var latent = prototype.ToArray();
        var image = new float[3 * Decoder.ImageSize * Decoder.ImageSize];
        Decoder.Decode(latent, 1, image, _ => name, cancellation);
        if (Backbone is null)
            return;
        using IBackboneBatch batch = Backbone.CreateBatch(Backbone.FitBatchSize(sampling.BatchSize!.Value, sampling.IsGuided), sampling.IsGuided);
        batch.SetClasses([.. Enumerable.Repeat(label, batch.BatchSize)]);
        for (int row = 0; row < batch.BatchSize; row++)
            latent.CopyTo(batch.Latents[(row * latent.Length)..]);
        batch.Predict(1);
        if (TensorPrimitives.IsFiniteAll(batch.Conditional) && (batch.Unconditional.IsEmpty || TensorPrimitives.IsFiniteAll(batch.Unconditional)))
            return;
        throw new DdoqException(
            $"{_model.BackboneFile} gives values that are not finite for the first prototype",
            "Export the network in float32, or check its weights.");
    }

    public void Dispose()
    {
        Decoder.Dispose();
        Backbone?.Dispose();
    }
}

/// <summary>What the diffusion network is told of each class of the data: the label it was trained with, or a prompt.</summary>
/// <param name="Labels">The network's class of each class of the data.</param>
/// <param name="Prompts">The prompt of each class of the data; empty for class-conditional models.</param>
/// <param name="NegativePrompt">What guidance leads away from; empty for class-conditional models.</param>
internal sealed record ClassConditions(int[] Labels, IReadOnlyList<string> Prompts, string NegativePrompt)
{
    /// <summary>Finds the conditions of the data's classes.</summary>
    /// <exception cref="DdoqException">A class is unknown to the model, or the file of class texts is not usable.</exception>
    /// <exception cref="UsageException">A prompt has no place for the class, or is given to a model that takes none.</exception>
    public static ClassConditions Resolve(SynthesizeOptions options, IReadOnlyList<string> classNames, ModelFolder model)
    {
        int[] own = [.. Enumerable.Range(0, classNames.Count)];
        if (options.SamplingFor(model, algorithm: null).Start is { IsNoDiffusion: true } && !model.HasDiffusion)
            return new ClassConditions(own, [], string.Empty);
        if (model.Layout == ModelLayout.DiT)
        {
            string? given = options.Prompt is not null ? "--prompt" : options.NegativePrompt is not null ? "--negative-prompt" : options.ClassTexts is not null ? "--class-texts" : null;
            if (given is not null)
                throw new UsageException($"{given} is given, but the model {model.Path} is conditioned on class labels and reads no prompt", $"Leave {given} out, or give a model with unet/ and text_encoder/.");
            return new ClassConditions(ClassMap.Match(classNames, model.ClassNames, $"the model {model.Path}"), [], string.Empty);
        }

        PromptTemplate template = PromptTemplate.Parse(options.Prompt ?? model.Defaults.Prompt ?? PromptTemplate.Default);
        IReadOnlyList<string> words = options.ClassTexts is { } file
            ? ClassTexts.Load(file, classNames)
            : [.. classNames.Select(name => NameOf(name, model.ClassNames))];
        return new ClassConditions(
            own,
            [.. words.Select(template.Format)],
            options.NegativePrompt ?? model.Defaults.NegativePrompt ?? string.Empty);
    }

    /// <summary>Loads the network of the reverse process with these conditions.</summary>
    /// <exception cref="DdoqException">A network is missing, damaged, or not what its folder says.</exception>
    public IDiffusionBackbone Open(ModelFolder model, OnnxSessionOptions session, IProgressSink progress) => model.Layout == ModelLayout.DiT
        ? DiTBackbone.Open(model, session, progress)
        : UNetBackbone.Open(model, Prompts, NegativePrompt, session, progress);

    // A folder cannot carry every name; where the model lists its classes, its spelling is the one it was trained with.
    private static string NameOf(string dataName, IReadOnlyList<string> modelNames) =>
        modelNames.FirstOrDefault(name => name == dataName || ClassFolderName.For(name) == dataName) ?? dataName;
}
