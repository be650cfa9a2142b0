namespace Ddoq.Quantization;

/// <summary>The step sizes of <see cref="QuantizationAlgorithm.Clvq"/>.</summary>
/// <remarks>
/// <see cref="Counting"/>: a centre that wins for the v-th time moves by 1/(v+1), so it is the mean of its start and of
/// the rows it won. Its companion weights use the common step 1/(K+i) of step i: with steps that differ by winner they
/// would tend to 1/K and not to the masses. <see cref="Decaying"/>: step i moves the winner and the companion weights by
/// <c>Scale / (Offset + i)</c>, as Algorithm 2 of the DDOQ paper writes it.
/// </remarks>
public readonly record struct ClvqStepRule
{
    private ClvqStepRule(double scale, double offset)
    {
        Scale = scale;
        Offset = offset;
    }

    /// <summary>1 / (wins of the centre + 1).</summary>
    public static ClvqStepRule Counting => default;

    /// <summary>a in a/(b+i); 0 means <see cref="Counting"/>.</summary>
    public double Scale { get; }

    /// <summary>b in a/(b+i).</summary>
    public double Offset { get; }

    /// <summary>Whether the step depends on the wins of the centre and not on the step number.</summary>
    public bool IsCounting => Scale == 0;

    /// <summary>Step i (from 1) is <paramref name="scale"/> / (<paramref name="offset"/> + i).</summary>
    /// <exception cref="UsageException">A value is not finite, not positive, or would make the first step exceed 1.</exception>
    public static ClvqStepRule Decaying(double scale, double offset)
    {
        if (!(scale > 0) || !(offset >= 0) || !double.IsFinite(scale) || !double.IsFinite(offset) || scale > offset + 1)
        {
            throw new UsageException(
                FormattableString.Invariant($"CLVQ steps {scale} / ({offset} + i) are not allowed: the scale must be positive, the offset not negative, and the first step scale / (offset + 1) at most 1."),
                "Choose for example scale 1 and offset 10.");
        }

        return new ClvqStepRule(scale, offset);
    }
}
