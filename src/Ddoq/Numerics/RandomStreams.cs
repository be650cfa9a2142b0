namespace Ddoq.Numerics;

/// <summary>Names every stream of random numbers in the program, so that none is drawn from for two purposes.</summary>
/// <remarks>
/// A stream is 64 bits, see <see cref="CounterRandom.Stream(uint, uint)"/>. The top byte says what it is for: 0 for a quantiser
/// or a selection, which leave it clear up to 2^24 classes, or one of the keys below. Streams name classes, images and steps
/// and not the order of work, so any number can be had without those before it: results do not depend on threads, shares or
/// resumed runs. The values are part of every result: a change of one changes all results of its purpose.
/// </remarks>
public static class RandomStreams
{
    /// <summary>Epochs of a student, and classes of a quantiser, must stay below this: the purpose takes the top byte of 32 bits.</summary>
    public const int MaximumEpochs = 1 << 24;

    private const uint InitialValuesKey = 0x01_000000;
    private const uint ImageOrderKey = 0x02_000000;
    private const uint AugmentationKey = 0x03_000000;
    private const uint MixKey = 0x04_000000;
    private const uint MosaicPoolKey = 0x05_000000;
    private const uint MosaicCropsKey = 0x06_000000;
    private const uint PosteriorKey = 0x40_000000;
    private const uint RealImagesKey = 0x41_000000;
    private const uint SynthesisKey = 0x53_000000;
    private const uint CandidateKey = 0x54_000000;

    private const int SynthesisIndexBits = 28;
    private const int CandidateClassBits = 22, CandidatePrototypeBits = 18, CandidateBits = 16;

    /// <summary>Draws of a quantiser or a selection: <c>(class, purpose + 16 * restart)</c>, on every device.</summary>
    /// <param name="classIndex">The class, 0-based.</param>
    /// <param name="purpose">What the numbers are for.</param>
    /// <param name="restart">The restart, 0-based; 0 for <see cref="RandomPurpose.HoldOut"/>, which all restarts share.</param>
    public static ulong Of(int classIndex, RandomPurpose purpose, int restart) =>
        CounterRandom.Stream((uint)classIndex, (uint)purpose + (16 * (uint)restart));

    /// <summary>Initial values of one parameter of a student.</summary>
    public static ulong InitialValues(uint parameter) => CounterRandom.Stream(InitialValuesKey, parameter);

    /// <summary>The order of a student's images in one epoch.</summary>
    public static ulong ImageOrder(int epoch) => CounterRandom.Stream(ImageOrderKey | (uint)epoch, 0);

    /// <summary>The augmentation of one batch.</summary>
    public static ulong Augmentation(int epoch, int step) => CounterRandom.Stream(AugmentationKey | (uint)epoch, (uint)step);

    /// <summary>The CutMix partners and box of one batch.</summary>
    public static ulong Mix(int epoch, int step) => CounterRandom.Stream(MixKey | (uint)epoch, (uint)step);

    /// <summary>The real images that a class's mosaics are made of.</summary>
    public static ulong MosaicPool(int classIndex) => CounterRandom.Stream(MosaicPoolKey, (uint)classIndex);

    /// <summary>The crops of one real image of a class.</summary>
    public static ulong MosaicCrops(int classIndex, int row) => CounterRandom.Stream(MosaicCropsKey | (uint)classIndex, (uint)row);

    /// <summary>The draw from the encoder's posterior for one image.</summary>
    /// <param name="imageIndex">The image's place in its data set, 0-based.</param>
    public static ulong Posterior(long imageIndex) => CounterRandom.Stream(PosteriorKey | (uint)(imageIndex >> 32), (uint)imageIndex);

    /// <summary>The choice of the random real images of one class.</summary>
    public static ulong RealImages(int classIndex) => CounterRandom.Stream(RealImagesKey, (uint)classIndex);

    /// <summary>The noise of one prototype's synthesis: the same whichever share, batch or order it is synthesised in.</summary>
    /// <param name="classIndex">The class, 0-based, below 2^28.</param>
    /// <param name="prototypeIndex">The prototype within its class, 0-based, below 2^28.</param>
    /// <exception cref="ArgumentOutOfRangeException">An index is out of range.</exception>
    public static ulong Synthesis(int classIndex, int prototypeIndex)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(classIndex);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(classIndex, 1 << SynthesisIndexBits);
        ArgumentOutOfRangeException.ThrowIfNegative(prototypeIndex);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(prototypeIndex, 1 << SynthesisIndexBits);
        return CounterRandom.Stream(SynthesisKey, 0) | ((ulong)classIndex << SynthesisIndexBits) | (uint)prototypeIndex;
    }

    /// <summary>The noise of one of several candidates of a prototype; the first has the stream of the only one.</summary>
    /// <param name="classIndex">The class, 0-based, below 2^22 beyond the first candidate.</param>
    /// <param name="prototypeIndex">The prototype within its class, 0-based, below 2^18 beyond the first candidate.</param>
    /// <param name="candidate">The candidate of the prototype, 0-based, below 2^16.</param>
    /// <exception cref="ArgumentOutOfRangeException">An index is out of range.</exception>
    public static ulong Synthesis(int classIndex, int prototypeIndex, int candidate)
    {
        if (candidate == 0)
            return Synthesis(classIndex, prototypeIndex);
        ArgumentOutOfRangeException.ThrowIfNegative(classIndex);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(classIndex, 1 << CandidateClassBits);
        ArgumentOutOfRangeException.ThrowIfNegative(prototypeIndex);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(prototypeIndex, 1 << CandidatePrototypeBits);
        ArgumentOutOfRangeException.ThrowIfNegative(candidate);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(candidate, 1 << CandidateBits);
        return CounterRandom.Stream(CandidateKey, 0)
            | ((ulong)classIndex << (CandidatePrototypeBits + CandidateBits)) | ((ulong)prototypeIndex << CandidateBits) | (uint)candidate;
    }
}

/// <summary>What a random number of a quantiser or a selection is drawn for; part of the name of its stream.</summary>
public enum RandomPurpose
{
    /// <summary>Not used.</summary>
    None = 0,

    /// <summary>First centres.</summary>
    Initialization = 1,

    /// <summary>Rows of batches and of CLVQ steps.</summary>
    Sampling = 2,

    /// <summary>Rows that replace centres with few rows.</summary>
    Reassignment = 3,

    /// <summary>Rows kept out of the fit.</summary>
    HoldOut = 4,

    /// <summary>Rows that stand for all of a large class in the energy distance.</summary>
    EnergySample = 5,

    /// <summary>Candidates of a selection that are drawn at random.</summary>
    Selection = 6,

    /// <summary>Rows and candidates that stand for all of a large class in a selection.</summary>
    SelectionSample = 7,
}
