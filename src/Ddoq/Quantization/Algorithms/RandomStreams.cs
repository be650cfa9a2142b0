using Ddoq.Numerics;

namespace Ddoq.Quantization.Algorithms;

/// <summary>The random streams of a quantiser; every implementation of <see cref="IQuantizer"/> draws from these.</summary>
public static class RandomStreams
{
    /// <summary>Stream <c>(class, purpose + 16 * restart)</c> of the run's seed.</summary>
    /// <param name="classIndex">The class, 0-based.</param>
    /// <param name="purpose">What the numbers are for.</param>
    /// <param name="restart">The restart, 0-based; 0 for <see cref="RandomPurpose.HoldOut"/>, which all restarts share.</param>
    public static ulong Of(int classIndex, RandomPurpose purpose, int restart) =>
        CounterRandom.Stream((uint)classIndex, (uint)purpose + (16 * (uint)restart));
}
