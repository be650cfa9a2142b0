using Ddoq.Numerics;

namespace Ddoq.Pipeline;

/// <summary>Names of the random streams that the pipeline itself draws from; libraries name their own.</summary>
internal static class RandomStreams
{
    // The top byte of the major part keeps the purposes apart; the libraries use values below 0x40.
    private const uint PosteriorSample = 0x4000_0000;
    private const uint RandomRealImages = 0x4100_0000;

    /// <summary>Posterior noise of one image.</summary>
    public static CounterRandom Posterior(ulong seed, long imageIndex) =>
        new(seed, CounterRandom.Stream(PosteriorSample | (uint)(imageIndex >> 32), (uint)imageIndex));

    /// <summary>Choice of the random real images of one class.</summary>
    public static CounterRandom RealImages(ulong seed, int classIndex) =>
        new(seed, CounterRandom.Stream(RandomRealImages, (uint)classIndex));
}
