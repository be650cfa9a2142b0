using System.Numerics.Tensors;

namespace Ddoq.Onnx.Schedulers;

/// <summary>
/// PNDM without Runge-Kutta steps (PLMS): up to four predictions are combined by the Adams-Bashforth weights, then one
/// deterministic transfer between noise levels. The second level is visited twice to improve the first step.
/// </summary>
/// <remarks>
/// The history holds noise, also for networks that predict something else, because the method combines derivatives.
/// Source: Liu, Ren, Lin, Zhao, "Pseudo numerical methods for diffusion models on manifolds", equations 9 and 12.
/// </remarks>
internal sealed class PndmScheduler : NoiseScheduler
{
    private readonly int[] _levels;
    private readonly float[][] _history = [[], [], [], []];
    private float[] _firstSample = [];
    private float[] _combined = [];
    private int _stored;

    public PndmScheduler(SchedulerConfiguration configuration, SchedulerOptions options)
        : base(SchedulerKind.Pndm, configuration, options)
    {
        // The quirk: the pipeline cuts the list that already holds the second level twice. By strength it counts entries
        // of that list; a level chosen by alpha-bar is entered at its last mention.
        int count = Grid.Timesteps.Length;
        bool quirk = options.PndmImageToImageQuirk && StartIndex > 0 && StartIndex < count;
        _levels = quirk ? Visits(0, count)[(options.Start.IsStrength ? StartIndex : StartIndex + 1)..] : Visits(StartIndex, count);
    }

    public override int CallCount => _levels.Length;

    public override double StartAlphaBar => _levels.Length > 0 ? Grid.AlphaBars[_levels[0]] : base.StartAlphaBar;

    public override double Timestep(int call) => Grid.Timesteps[_levels[call]];

    public override void Begin() => _stored = 0;

    public override void Step(int call, ReadOnlySpan<float> prediction, ReadOnlySpan<float> variance, ReadOnlySpan<float> noise, Span<float> sample)
    {
        Span<float> combined = Scratch(ref _combined, sample.Length);
        int from = _levels[call], to = from + 1;
        if (call == 1)
        {
            // The first step is taken again from the first sample, with the mean of both ends' noise.
            PredictNoise(Grid.AlphaBars[from], prediction, sample, combined);
            (from, to) = (from - 1, from);
            TensorPrimitives.Add(combined, Previous(0, sample.Length), combined);
            TensorPrimitives.Multiply(combined, 0.5f, combined);
            _firstSample.AsSpan(0, sample.Length).CopyTo(sample);
        }
        else
        {
            if (call == 0)
                sample.CopyTo(Scratch(ref _firstSample, sample.Length));
            PredictNoise(Grid.AlphaBars[from], prediction, sample, NextEntry(sample.Length));
            Extrapolate(combined);
        }

        // Equation 9 written as DDIM: the data part of the sample moves from sqrt(a) to sqrt(a'), the noise likewise.
        double alphaBar = Grid.AlphaBars[from], next = to < Grid.Timesteps.Length ? Grid.AlphaBars[to] : Grid.FinalAlphaBar;
        double ratio = Math.Sqrt(next / alphaBar);
        Combine(ratio, sample, Math.Sqrt(1 - next) - (ratio * Math.Sqrt(1 - alphaBar)), combined, sample);
    }

    // Levels in the order of the network's calls: the second one comes twice.
    private static int[] Visits(int first, int count) =>
        first + 1 < count ? [first, first + 1, .. Enumerable.Range(first + 1, count - first - 1)] : [.. Enumerable.Range(first, count - first)];

    private void Extrapolate(Span<float> combined)
    {
        ReadOnlySpan<double> weights = _stored switch
        {
            1 => [1],
            2 => [3 / 2.0, -1 / 2.0],
            3 => [23 / 12.0, -16 / 12.0, 5 / 12.0],
            _ => [55 / 24.0, -59 / 24.0, 37 / 24.0, -9 / 24.0],
        };
        TensorPrimitives.Multiply(Previous(0, combined.Length), (float)weights[0], combined);
        for (int age = 1; age < weights.Length; age++)
            TensorPrimitives.MultiplyAdd(Previous(age, combined.Length), (float)weights[age], combined, combined);
    }

    // The oldest entry's memory becomes the newest's.
    private Span<float> NextEntry(int length)
    {
        float[] oldest = _history[3];
        Array.Copy(_history, 0, _history, 1, 3);
        _history[0] = oldest;
        _stored = Math.Min(_stored + 1, 4);
        return Scratch(ref _history[0], length);
    }

    private ReadOnlySpan<float> Previous(int age, int length) => _history[age].AsSpan(0, length);
}
