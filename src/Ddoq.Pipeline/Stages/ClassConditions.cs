using Ddoq.Distilled;
using Ddoq.Onnx.Backbones;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Sessions;
using Ddoq.Onnx.Text;

namespace Ddoq.Pipeline.Stages;

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
