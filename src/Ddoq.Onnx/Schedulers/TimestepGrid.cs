namespace Ddoq.Onnx.Schedulers;

/// <summary>The timesteps an inference keeps, noisiest first, with their alpha-bars and the level after the last.</summary>
/// <remarks>
/// A step always leads to the next kept timestep. Where steps do not divide the training timesteps, some
/// implementations step by a rounded constant instead and so end a step at a level the next one does not start from.
/// </remarks>
public sealed class TimestepGrid
{
    private readonly double[] _timesteps;
    private readonly double[] _alphaBars;

    private TimestepGrid(double[] timesteps, double[] alphaBars, double finalAlphaBar) =>
        (_timesteps, _alphaBars, FinalAlphaBar) = (timesteps, alphaBars, finalAlphaBar);

    /// <summary>Kept timesteps, falling; fractional only for <see cref="SchedulerKind.Euler"/> under <see cref="TimestepSpacing.Linspace"/>.</summary>
    public ReadOnlySpan<double> Timesteps => _timesteps;

    /// <summary>alpha-bar of the kept timesteps, rising.</summary>
    public ReadOnlySpan<double> AlphaBars => _alphaBars;

    /// <summary>alpha-bar after the last step.</summary>
    public double FinalAlphaBar { get; }

    /// <summary>alpha-bar that the step from a kept timestep leads to.</summary>
    /// <param name="index">0-based index of the kept timestep.</param>
    public double AlphaBarAfter(int index) => index + 1 < _alphaBars.Length ? _alphaBars[index + 1] : FinalAlphaBar;

    /// <summary>Chooses the timesteps.</summary>
    /// <param name="kind">The scheduler, for its default spacing and its own variants.</param>
    /// <param name="configuration">The model's noise schedule.</param>
    /// <param name="steps">Inference steps, 1 to the number of training timesteps.</param>
    /// <exception cref="UsageException">More steps than the model has timesteps, or none.</exception>
    public static TimestepGrid Create(SchedulerKind kind, SchedulerConfiguration configuration, int steps)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var schedule = new NoiseSchedule(configuration);
        int train = schedule.Count;
        TimestepSpacing spacing = configuration.Spacing ?? kind switch
        {
            SchedulerKind.DpmSolverPlusPlus or SchedulerKind.Euler or SchedulerKind.Ddpm => TimestepSpacing.Linspace,
            _ => TimestepSpacing.Leading,
        };

        // The multistep DPM solver counts the end of the last step as one of the points.
        int points = kind == SchedulerKind.DpmSolverPlusPlus && spacing != TimestepSpacing.Trailing ? steps + 1 : steps;
        if (steps < 1 || points > train)
        {
            throw new UsageException(
                $"{steps} inference steps were asked for; this model's {train} training timesteps allow 1 to {train - points + steps}");
        }

        var timesteps = new double[steps];
        for (int i = 0; i < steps; i++)
        {
            int fromEnd = points - 1 - i;
            timesteps[i] = spacing switch
            {
                TimestepSpacing.Leading => ((double)(train / points) * fromEnd) + configuration.StepsOffset,
                TimestepSpacing.Trailing => Math.Round(train - ((double)train / steps * i)) - 1,
                _ when points == 1 => train - 1,
                _ when kind == SchedulerKind.Euler => (double)fromEnd * (train - 1) / (points - 1),
                _ => Math.Round((double)fromEnd * (train - 1) / (points - 1)),
            };
        }

        if (timesteps[0] > train - 1)
        {
            throw new UsageException(
                $"{steps} inference steps with steps_offset {configuration.StepsOffset} reach timestep {timesteps[0]}; the last is {train - 1}",
                "use fewer inference steps");
        }

        double[] alphaBars = Array.ConvertAll(timesteps, schedule.AlphaBar);
        bool endsAtOne = kind switch
        {
            SchedulerKind.Ddim => configuration.SetAlphaToOne ?? true,
            SchedulerKind.Pndm => configuration.SetAlphaToOne ?? false,
            SchedulerKind.Ddpm => true,
            _ => configuration.FinalSigmaIsZero,
        };
        return new TimestepGrid(timesteps, alphaBars, endsAtOne ? 1 : schedule.AlphaBars[0]);
    }
}

/// <summary>alpha-bar of every training timestep: the share of the data's variance that is left, <c>prod (1 - beta)</c>.</summary>
/// <remarks>In double precision; frameworks that round the betas to single precision differ by less than 1e-6 relative.</remarks>
public sealed class NoiseSchedule
{
    private readonly double[] _alphaBars;

    /// <summary>Computes the schedule.</summary>
    public NoiseSchedule(SchedulerConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        _alphaBars = new double[configuration.TrainTimesteps];
        double product = 1;
        for (int t = 0; t < _alphaBars.Length; t++)
        {
            product *= 1 - Beta(configuration, t);
            _alphaBars[t] = product;
        }
    }

    /// <summary>alpha-bar by timestep, falling.</summary>
    public ReadOnlySpan<double> AlphaBars => _alphaBars;

    /// <summary>Training timesteps.</summary>
    public int Count => _alphaBars.Length;

    /// <summary>alpha-bar of a timestep that may lie between two training timesteps, where sigma is interpolated linearly.</summary>
    public double AlphaBar(double timestep)
    {
        int below = (int)Math.Floor(timestep);
        double fraction = timestep - below;
        if (fraction == 0)
            return _alphaBars[below];
        double sigma = Sigma(_alphaBars[below]) + (fraction * (Sigma(_alphaBars[below + 1]) - Sigma(_alphaBars[below])));
        return 1 / (1 + (sigma * sigma));
    }

    /// <summary>The noise-to-signal ratio <c>sqrt((1 - a) / a)</c>.</summary>
    public static double Sigma(double alphaBar) => Math.Sqrt((1 - alphaBar) / alphaBar);

    private static double Beta(SchedulerConfiguration configuration, int t)
    {
        if (configuration.TrainedBetas is { } trained)
            return trained[t];
        int count = configuration.TrainTimesteps;
        double position = count == 1 ? 0 : (double)t / (count - 1);
        switch (configuration.BetaSchedule)
        {
            case BetaSchedule.ScaledLinear:
                double root = double.Lerp(Math.Sqrt(configuration.BetaStart), Math.Sqrt(configuration.BetaEnd), position);
                return root * root;
            case BetaSchedule.SquaredCosCapV2:
                return Math.Min(1 - (CosineAlphaBar((t + 1.0) / count) / CosineAlphaBar((double)t / count)), 0.999);
            default:
                return double.Lerp(configuration.BetaStart, configuration.BetaEnd, position);
        }
    }

    private static double CosineAlphaBar(double time)
    {
        double cosine = Math.Cos((time + 0.008) / 1.008 * Math.PI / 2);
        return cosine * cosine;
    }
}
