using Ddoq.Onnx.Models;
using Ddoq.Onnx.Sessions;
using Ddoq.Onnx.Synthesis;
using Ddoq.Pipeline.Configuration;
using Ddoq.Quantization;

namespace Ddoq.Pipeline.Stages;

/// <summary>What <see cref="SynthesizeStage"/> is asked to do; null leaves a choice to the model.</summary>
public sealed record SynthesizeOptions
{
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

    /// <summary>Rule for the weights written to the metadata.</summary>
    public WeightRule Weights { get; init; } = WeightRule.SquareRoot;

    /// <summary>Execution provider.</summary>
    public ExecutionProvider Provider { get; init; }

    /// <summary>Reads the options from a configuration.</summary>
    public static SynthesizeOptions From(PipelineConfiguration configuration) =>
        OptionsRecords.Synthesize.Read(configuration) with { Sampling = OptionsRecords.Sampling.Read(configuration) };

    /// <summary>Opens the model; prototypes that are decoded as they are need its decoder alone.</summary>
    /// <exception cref="DdoqException">It is not usable.</exception>
    internal ModelFolder OpenModel() => ModelFolder.Open(
        Model ?? ShippedResources.ReferenceModel, Sampling.Start is { IsNoDiffusion: true } ? ModelUse.Decoder : ModelUse.Decoder | ModelUse.Diffusion);

    /// <summary>The sampling a model is run with: what was asked for, then the model's defaults.</summary>
    internal SynthesisOptions SamplingFor(ModelFolder model) => Sampling.ResolvedFor(model, Provider);
}
