using System.Numerics.Tensors;

namespace Ddoq.Onnx.Schedulers;

/// <summary>
/// DPM-Solver++ 2M, midpoint: <c>x' = (s'/s) x - sqrt(a') (exp(-h) - 1) (D0 + (D0 - D1) h / (2 h1))</c>, where D0 and D1
/// are this and the previous prediction of the data, s = sqrt(1 - a) and h the gain in <c>log(sqrt(a) / s)</c>.
/// </summary>
/// <remarks>
/// The first step of a run, and the last one when it ends without noise (h is infinite) or when fewer than 15 steps
/// are kept, are of first order. Source: Lu et al., "DPM-Solver++", algorithm 2.
/// </remarks>
internal sealed class DpmSolverScheduler(SchedulerConfiguration configuration, SchedulerOptions options)
    : NoiseScheduler(SchedulerKind.DpmSolverPlusPlus, configuration, options)
{
    // Below this many kept steps the reference implementation ends with a first-order step for stability.
    private const int FewSteps = 15;

    private float[] _data = [];
    private float[] _previousData = [];
    private bool _hasPrevious;

    public override void Begin() => _hasPrevious = false;

    public override void Step(int call, ReadOnlySpan<float> prediction, ReadOnlySpan<float> variance, ReadOnlySpan<float> noise, Span<float> sample)
    {
        int index = StartIndex + call;
        double alphaBar = Grid.AlphaBars[index], next = Grid.AlphaBarAfter(index);
        double gain = LogSignalToNoise(next) - LogSignalToNoise(alphaBar);
        double spreadRatio = Math.Sqrt((1 - next) / (1 - alphaBar)), dataWeight = -Math.Sqrt(next) * Math.Exp(-gain) + Math.Sqrt(next);
        Span<float> data = Scratch(ref _data, sample.Length);
        PredictData(alphaBar, prediction, sample, data);

        bool isLast = index == Grid.Timesteps.Length - 1;
        if (!_hasPrevious || (isLast && (next == 1 || Grid.Timesteps.Length < FewSteps)))
        {
            (double ofSample, double ofPrediction) = DataWeights(alphaBar);
            Combine(spreadRatio + (dataWeight * ofSample), sample, dataWeight * ofPrediction, prediction, sample);
        }
        else
        {
            double previousGain = LogSignalToNoise(alphaBar) - LogSignalToNoise(Grid.AlphaBars[index - 1]);
            double slope = gain / (2 * previousGain);
            Combine(spreadRatio, sample, dataWeight * (1 + slope), data, sample);
            TensorPrimitives.MultiplyAdd(_previousData.AsSpan(0, sample.Length), (float)(-dataWeight * slope), sample, sample);
        }

        (_data, _previousData) = (_previousData, _data);
        _hasPrevious = true;
    }

    private static double LogSignalToNoise(double alphaBar) => 0.5 * Math.Log(alphaBar / (1 - alphaBar));
}
