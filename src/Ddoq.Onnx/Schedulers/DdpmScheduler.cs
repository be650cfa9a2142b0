using System.Numerics.Tensors;

namespace Ddoq.Onnx.Schedulers;

/// <summary>
/// Ancestral sampling on the kept timesteps. With <c>b = 1 - a / a'</c>, the mean is
/// <c>sqrt(a') b / (1 - a) x0 + sqrt(a / a') (1 - a') / (1 - a) x</c>; the last step adds no noise.
/// </summary>
/// <remarks>
/// Learned variance: <c>log var = f log b + (1 - f) log(b (1 - a') / (1 - a))</c>, <c>f = (v + 1) / 2</c>. Sources: Ho,
/// Jain, Abbeel, "Denoising diffusion probabilistic models", equation 7; Nichol and Dhariwal, "Improved denoising
/// diffusion probabilistic models", equation 15 and the respacing of its section 4.
/// </remarks>
internal sealed class DdpmScheduler : NoiseScheduler
{
    // The reference implementation's floor of the posterior variance, which vanishes where a' reaches 1.
    private const double LeastVariance = 1e-20;

    private readonly PosteriorVariance _variance;
    private float[] _scratch = [];

    public DdpmScheduler(SchedulerConfiguration configuration, SchedulerOptions options)
        : base(SchedulerKind.Ddpm, configuration, options)
    {
        _variance = options.HasLearnedVariance
            ? PosteriorVariance.LearnedRange
            : configuration.Variance ?? PosteriorVariance.FixedSmall;
        if (_variance == PosteriorVariance.LearnedRange && !options.HasLearnedVariance)
        {
            throw new DdoqException(
                "the scheduler's configuration asks for a learned variance, but the network predicts noise only",
                "set variance_type to fixed_small, or use another scheduler");
        }
    }

    public override bool UsesLearnedVariance => _variance == PosteriorVariance.LearnedRange;

    internal override bool IsLinear => !Configuration.ClipSample && !UsesLearnedVariance;

    public override bool DrawsNoise(int call) => call < CallCount - 1;

    public override void Step(int call, ReadOnlySpan<float> prediction, ReadOnlySpan<float> variance, ReadOnlySpan<float> noise, Span<float> sample)
    {
        int index = StartIndex + call;
        double alphaBar = Grid.AlphaBars[index], next = Grid.AlphaBarAfter(index), beta = 1 - (alphaBar / next);
        double ofData = Math.Sqrt(next) * beta / (1 - alphaBar), ofSample = Math.Sqrt(alphaBar / next) * (1 - next) / (1 - alphaBar);
        Span<float> scratch = Scratch(ref _scratch, sample.Length);
        if (Configuration.ClipSample)
        {
            PredictClippedData(alphaBar, prediction, sample, scratch);
            Combine(ofData, scratch, ofSample, sample, sample);
        }
        else
        {
            (double dataSample, double dataPrediction) = DataWeights(alphaBar);
            Combine(ofSample + (ofData * dataSample), sample, ofData * dataPrediction, prediction, sample);
        }

        if (!DrawsNoise(call))
            return;

        double least = Math.Log(Math.Max(beta * (1 - next) / (1 - alphaBar), LeastVariance)), most = Math.Log(beta);
        switch (_variance)
        {
            case PosteriorVariance.FixedSmall:
                TensorPrimitives.MultiplyAdd(noise, (float)Math.Exp(0.5 * least), sample, sample);
                break;
            case PosteriorVariance.FixedLarge:
                TensorPrimitives.MultiplyAdd(noise, (float)Math.Exp(0.5 * most), sample, sample);
                break;
            default:
                // Half the logarithm of the variance is affine in v.
                TensorPrimitives.Multiply(variance, (float)(0.25 * (most - least)), scratch);
                TensorPrimitives.Add(scratch, (float)(0.25 * (most + least)), scratch);
                Exponentiate(scratch);
                TensorPrimitives.MultiplyAdd(noise, scratch, sample, sample);
                break;
        }
    }
}
