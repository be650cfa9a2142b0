using Ddoq.Numerics;

namespace Ddoq.Training;

/// <summary>Names the streams of random numbers that a training run draws from, so that none is drawn from twice.</summary>
/// <remarks>
/// A stream is (purpose and epoch, step): any step's numbers can be had without the steps before it, which makes a run
/// resumable at every update and independent of threads.
/// </remarks>
internal static class RandomStream
{
    /// <summary>Epochs must stay below this: the purpose takes the upper 8 bits of 32.</summary>
    public const int MaximumEpochs = 1 << 24;

    /// <summary>Initial values of one parameter.</summary>
    public static ulong Weights(uint parameter) => CounterRandom.Stream(0x01_000000, parameter);

    /// <summary>The order of the images in one epoch.</summary>
    public static ulong Order(int epoch) => CounterRandom.Stream(0x02_000000u | (uint)epoch, 0);

    /// <summary>The augmentation of one batch.</summary>
    public static ulong Augmentation(int epoch, int step) => CounterRandom.Stream(0x03_000000u | (uint)epoch, (uint)step);

    /// <summary>The CutMix partners and box of one batch.</summary>
    public static ulong Mix(int epoch, int step) => CounterRandom.Stream(0x04_000000u | (uint)epoch, (uint)step);

    /// <summary>The real images that a class's mosaics are made of.</summary>
    public static ulong MosaicPool(int classIndex) => CounterRandom.Stream(0x05_000000u, (uint)classIndex);

    /// <summary>The crops of one real image.</summary>
    public static ulong MosaicCrops(int row) => CounterRandom.Stream(0x06_000000u, (uint)row);
}
