namespace Ddoq.Onnx.Schedulers;

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
