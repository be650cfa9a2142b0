namespace Ddoq.Onnx.Models;

/// <summary>What the model's author recommends, from <c>defaults</c> of <c>model_index.json</c>.</summary>
/// <param name="GuidanceScale">Classifier-free guidance scale.</param>
/// <param name="NumInferenceSteps">Kept timesteps.</param>
/// <param name="StartAlphaBar">Start level, when the author names one.</param>
public sealed record ModelDefaults(double GuidanceScale, int NumInferenceSteps, double? StartAlphaBar)
{
    /// <summary>Template of a class's prompt, with <c>{class}</c> for its name; null leaves the choice to the caller. Text-conditional models only.</summary>
    public string? Prompt { get; init; }

    /// <summary>What guidance leads away from; null is the empty prompt. Text-conditional models only.</summary>
    public string? NegativePrompt { get; init; }
}
