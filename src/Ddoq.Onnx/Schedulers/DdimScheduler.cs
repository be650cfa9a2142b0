using System.Numerics.Tensors;

namespace Ddoq.Onnx.Schedulers;

/// <summary>
/// DDIM: <c>x' = sqrt(a') x0 + sqrt(1 - a' - s^2) e + s z</c> with
/// <c>s = eta sqrt((1 - a') / (1 - a)) sqrt(1 - a / a')</c>.
/// </summary>
/// <remarks>Source: Song, Meng, Ermon, "Denoising diffusion implicit models", equations 12 and 16.</remarks>
internal sealed class DdimScheduler : NoiseScheduler
{
    private readonly double _eta;
    private float[] _data = [];

    public DdimScheduler(SchedulerConfiguration configuration, SchedulerOptions options)
        : base(SchedulerKind.Ddim, configuration, options)
    {
        if (!(options.Eta is >= 0 and <= 1))
            throw new UsageException($"eta is {options.Eta}; it must lie in [0, 1]", "0 is deterministic, 1 is ancestral");
        _eta = options.Eta;
    }

    internal override bool IsLinear => !Configuration.ClipSample;

    public override bool DrawsNoise(int call) => FreshNoise(StartIndex + call) > 0;

    public override void Step(int call, ReadOnlySpan<float> prediction, ReadOnlySpan<float> variance, ReadOnlySpan<float> noise, Span<float> sample)
    {
        int index = StartIndex + call;
        double alphaBar = Grid.AlphaBars[index], next = Grid.AlphaBarAfter(index), fresh = FreshNoise(index);
        double ofData = Math.Sqrt(next), ofNoise = Math.Sqrt(Math.Max(0, 1 - next - (fresh * fresh)));
        (double noiseSample, double noisePrediction) = NoiseWeights(alphaBar);
        if (Configuration.ClipSample)
        {
            Span<float> data = Scratch(ref _data, sample.Length);
            PredictClippedData(alphaBar, prediction, sample, data);
            Combine(ofNoise * noiseSample, sample, ofNoise * noisePrediction, prediction, sample);
            TensorPrimitives.MultiplyAdd(data, (float)ofData, sample, sample);
        }
        else
        {
            (double dataSample, double dataPrediction) = DataWeights(alphaBar);
            Combine(
                (ofData * dataSample) + (ofNoise * noiseSample), sample,
                (ofData * dataPrediction) + (ofNoise * noisePrediction), prediction, sample);
        }

        if (fresh > 0)
            TensorPrimitives.MultiplyAdd(noise, (float)fresh, sample, sample);
    }

    private double FreshNoise(int index)
    {
        double alphaBar = Grid.AlphaBars[index], next = Grid.AlphaBarAfter(index);
        return _eta * Math.Sqrt((1 - next) / (1 - alphaBar)) * Math.Sqrt(1 - (alphaBar / next));
    }
}
