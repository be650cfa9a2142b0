using System.Numerics.Tensors;

namespace Ddoq.Onnx.Schedulers;

/// <summary>Euler's method in the variance-exploding frame <c>x = data + s noise</c>: <c>x' = x + (s' - s) e</c>.</summary>
/// <remarks>
/// The network sees <c>x / sqrt(s^2 + 1)</c>. Source: Karras et al., "Elucidating the design space of diffusion-based
/// generative models", algorithm 1 without churn.
/// </remarks>
internal sealed class EulerScheduler(SchedulerConfiguration configuration, SchedulerOptions options)
    : NoiseScheduler(SchedulerKind.Euler, configuration, options)
{
    public override void AddNoise(ReadOnlySpan<float> latents, ReadOnlySpan<float> noise, Span<float> sample) =>
        Combine(1, latents, NoiseSchedule.Sigma(StartAlphaBar), noise, sample);

    public override void StartFromNoise(ReadOnlySpan<float> noise, Span<float> sample)
    {
        // The leading grid leaves the noisiest levels out, so its start keeps the variance of noise plus unit data.
        double sigma = NoiseSchedule.Sigma(Grid.AlphaBars[StartIndex]);
        bool leading = Configuration.Spacing == TimestepSpacing.Leading;
        TensorPrimitives.Multiply(noise, (float)(leading ? Math.Sqrt((sigma * sigma) + 1) : sigma), sample);
    }

    // 1 / sqrt(s^2 + 1) is sqrt(a).
    public override void ScaleModelInput(int call, ReadOnlySpan<float> sample, Span<float> input) =>
        TensorPrimitives.Multiply(sample, (float)Math.Sqrt(Grid.AlphaBars[StartIndex + call]), input);

    public override void Step(int call, ReadOnlySpan<float> prediction, ReadOnlySpan<float> variance, ReadOnlySpan<float> noise, Span<float> sample)
    {
        int index = StartIndex + call;
        double alphaBar = Grid.AlphaBars[index];
        double change = NoiseSchedule.Sigma(Grid.AlphaBarAfter(index)) - NoiseSchedule.Sigma(alphaBar);

        // The weights are for the network's input, which is the sample times sqrt(a).
        (double ofInput, double ofPrediction) = NoiseWeights(alphaBar);
        Combine(1 + (change * ofInput * Math.Sqrt(alphaBar)), sample, change * ofPrediction, prediction, sample);
    }
}
