using Ddoq.Distilled;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Schedulers;
using Ddoq.Onnx.Sessions;
using Ddoq.Onnx.Synthesis;
using Ddoq.Pipeline.Configuration;
using Ddoq.Quantization;

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
