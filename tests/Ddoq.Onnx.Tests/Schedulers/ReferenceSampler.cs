namespace Ddoq.Onnx.Tests.Schedulers;

/// <summary>
/// The samplers once more, for one number, in double and in other variables than the code under test: everything runs in
/// <c>y = x / sqrt(a)</c> and sigma, where the probability flow is <c>dy = e dsigma</c>; DPM-Solver++ in log-SNR.
/// </summary>
/// <param name="sigmas">sigma of the levels that are run, falling, without the last.</param>
/// <param name="finalSigma">sigma after the last step.</param>
/// <param name="noiseAt">The network: prediction of the noise for (index of the level, x in the variance-preserving frame).</param>
internal sealed class ReferenceSampler(double[] sigmas, double finalSigma, Func<int, double, double> noiseAt)
{
    private double After(int level) => level + 1 < sigmas.Length ? sigmas[level + 1] : finalSigma;

    private double Noise(int level, double y) => noiseAt(level, y / Math.Sqrt(1 + (sigmas[level] * sigmas[level])));

    /// <summary>DDIM without fresh noise, and Euler: the same recursion in these variables.</summary>
    public double Euler(double y)
    {
        for (int i = 0; i < sigmas.Length; i++)
            y += (After(i) - sigmas[i]) * Noise(i, y);
        return y;
    }

    /// <summary>PLMS: the second level is used to redo the first step with the trapezoidal rule, then Adams-Bashforth.</summary>
    public double Plms(double y)
    {
        var derivatives = new List<double>();
        for (int i = 0; i < sigmas.Length; i++)
        {
            derivatives.Insert(0, Noise(i, y));
            double slope = derivatives.Count switch
            {
                1 => derivatives[0],
                2 => (1.5 * derivatives[0]) - (0.5 * derivatives[1]),
                3 => ((23 * derivatives[0]) - (16 * derivatives[1]) + (5 * derivatives[2])) / 12,
                _ => ((55 * derivatives[0]) - (59 * derivatives[1]) + (37 * derivatives[2]) - (9 * derivatives[3])) / 24,
            };
            double step = After(i) - sigmas[i];
            double next = y + (step * slope);
            if (i == 0 && sigmas.Length > 1)
                next = y + (step * 0.5 * (Noise(1, next) + slope));
            y = next;
        }

        return y;
    }

    /// <summary>DPM-Solver++ 2M: the data prediction is extrapolated linearly in log-SNR to the middle of the step.</summary>
    public double DpmSolver(double y, int keptSteps)
    {
        double previousData = double.NaN, previousLambda = double.NaN;
        for (int i = 0; i < sigmas.Length; i++)
        {
            double data = y - (sigmas[i] * Noise(i, y)), lambda = -Math.Log(sigmas[i]), next = After(i), nextLambda = -Math.Log(next);
            bool first = i == 0 || (i == sigmas.Length - 1 && (next == 0 || keptSteps < 15));
            double middle = first ? data : data + ((data - previousData) / (lambda - previousLambda) * (nextLambda - lambda) / 2);

            // In y the exact solution for constant data is a straight line towards it.
            y = middle + (next / sigmas[i] * (y - middle));
            (previousData, previousLambda) = (data, lambda);
        }

        return y;
    }
}
