namespace Ddoq.Onnx.Models;

/// <summary>What the model's author recommends, from <c>defaults</c> of <c>model_index.json</c>.</summary>
/// <param name="GuidanceScale">Classifier-free guidance scale.</param>
/// <param name="NumInferenceSteps">Kept timesteps.</param>
/// <param name="StartAlphaBar">Start level, when the author names one.</param>
public sealed record ModelDefaults(double GuidanceScale, int NumInferenceSteps, double? StartAlphaBar);
