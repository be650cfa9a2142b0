using System.Globalization;

namespace Ddoq.Quantization;

/// <summary>Settings of a quantiser; the same for every class.</summary>
/// <remarks>Two runs with equal options and equal data give equal results, for any number of workers.</remarks>
public sealed record QuantizerOptions
{
    /// <summary>Centres per class (K; images per class). A class with fewer rows gets one centre per row.</summary>
    public required int CentroidCount { get; init; }

    /// <summary>The algorithm.</summary>
    public QuantizationAlgorithm Algorithm { get; init; } = QuantizationAlgorithm.Hartigan;

    /// <summary>Seed of all random numbers; each class draws from streams of its own.</summary>
    public ulong Seed { get; init; }

    /// <summary>Where the first centres come from; <see cref="QuantizationAlgorithm.Support"/> starts from random rows unless they are given.</summary>
    public CentroidInitialization Initialization { get; init; } = CentroidInitialization.GreedyKMeansPlusPlus;

    /// <summary>
    /// First centres by class index, each at least min(K, N) x D, row-major, in the coordinates of the latents;
    /// used when <see cref="Initialization"/> is <see cref="CentroidInitialization.Given"/>.
    /// </summary>
    public IReadOnlyList<float[]>? InitialCentroids { get; init; }

    /// <summary>Rows per batch of <see cref="QuantizationAlgorithm.MiniBatch"/> (B).</summary>
    public int BatchSize { get; init; } = 1024;

    /// <summary>
    /// Passes over the rows: of <see cref="QuantizationAlgorithm.D4m"/> (1 in D4M's code), and N steps each of
    /// <see cref="QuantizationAlgorithm.Clvq"/>.
    /// </summary>
    public int Passes { get; init; } = 1;

    /// <summary>
    /// Most iterations of Lloyd and rounds of <see cref="QuantizationAlgorithm.Support"/>; most passes (N rows each) of <see cref="QuantizationAlgorithm.MiniBatch"/>; Hartigan stops
    /// after this many moves per row.
    /// </summary>
    public int MaxIterations { get; init; } = 300;

    /// <summary>
    /// Lloyd stops when the distortion falls by less than this fraction in one iteration; 0 runs until no label changes.
    /// <see cref="QuantizationAlgorithm.Support"/> stops when the energy distance falls by less than this fraction of that of K
    /// random rows a round, on average of eight; 5e-6 at least.
    /// </summary>
    public double Tolerance { get; init; }

    /// <summary>Runs from different starts, of which the one with the lowest training distortion is kept, or the lowest energy distance.</summary>
    public int Restarts { get; init; } = 1;

    /// <summary>Step sizes of <see cref="QuantizationAlgorithm.Clvq"/>.</summary>
    public ClvqStepRule ClvqSteps { get; init; } = ClvqStepRule.Counting;

    /// <summary>Rows per buffer of <see cref="QuantizationAlgorithm.D4m"/>, in units of K.</summary>
    public int KmExpand { get; init; } = 1;

    /// <summary>
    /// <see cref="QuantizationAlgorithm.D4m"/> and <see cref="QuantizationAlgorithm.MiniBatch"/> move a centre that has seen
    /// fewer than this fraction of the rows of the busiest centre onto a random row of the batch; 0 never does.
    /// </summary>
    public double ReassignmentRatio { get; init; } = 0.01;

    /// <summary>Batches of <see cref="QuantizationAlgorithm.MiniBatch"/> without a better smoothed distortion before it stops.</summary>
    public int MaxNoImprovement { get; init; } = 10;

    /// <summary>
    /// Fraction of each class kept out of the fit and used for <see cref="ClassQuantization.HeldOutDistortion"/>: 0 or in (0, 1).
    /// </summary>
    public double HoldOutFraction { get; init; }

    /// <summary>Threads of the CPU quantiser, one class each; 0 takes one per logical processor.</summary>
    public int Workers { get; init; }

    /// <summary>
    /// Most bytes the CPU quantiser may take, the process included; 0 sets no limit. It first works on fewer classes at
    /// once, which changes no result; a class whose Gram matrix does not fit even alone is worked on in direct space
    /// where <see cref="Space"/> is <see cref="QuantizationSpace.Auto"/> (see <see cref="MemoryPlan"/>).
    /// </summary>
    public long MemoryLimit { get; init; }

    /// <summary>Coordinates in which the iterations run.</summary>
    public QuantizationSpace Space { get; init; }

    /// <summary>Checks every setting.</summary>
    /// <exception cref="UsageException">A value is outside its range; the message names the setting, its value and the range.</exception>
    public void Validate()
    {
        Positive(CentroidCount, nameof(CentroidCount), "Images per class (--ipc) is the number of centres.");
        Positive(BatchSize, nameof(BatchSize), "scikit-learn's default is 1024.");
        Positive(Passes, nameof(Passes), "D4M makes 1 pass.");
        Positive(MaxIterations, nameof(MaxIterations), "300 is the default.");
        Positive(Restarts, nameof(Restarts), "1 is the default.");
        Positive(KmExpand, nameof(KmExpand), "D4M's ImageNet script uses 1.");
        Positive(MaxNoImprovement, nameof(MaxNoImprovement), "scikit-learn's default is 10.");
        if (Workers < 0)
            throw Wrong(nameof(Workers), Workers, "0 (one per processor) or more", null);
        if (MemoryLimit < 0)
            throw Wrong(nameof(MemoryLimit), MemoryLimit, "0 (no limit) or bytes", null);
        if (!(Tolerance >= 0) || !double.IsFinite(Tolerance))
            throw Wrong(nameof(Tolerance), Tolerance, "a finite number, 0 or more", "0 runs until no label changes.");
        if (!(ReassignmentRatio >= 0) || !(ReassignmentRatio < 1))
            throw Wrong(nameof(ReassignmentRatio), ReassignmentRatio, "in [0, 1)", "scikit-learn's default is 0.01.");
        if (!(HoldOutFraction >= 0) || !(HoldOutFraction < 1))
            throw Wrong(nameof(HoldOutFraction), HoldOutFraction, "in [0, 1)", "0 uses every row for the fit.");
        Defined(Algorithm, nameof(Algorithm));
        Defined(Initialization, nameof(Initialization));
        Defined(Space, nameof(Space));
        if (Algorithm == QuantizationAlgorithm.Support && Initialization == CentroidInitialization.Given && Space == QuantizationSpace.Gram)
        {
            throw new UsageException(
                $"{nameof(QuantizationAlgorithm.Support)} starts from given centres in direct space only: in Gram space its points are combinations of rows, which given ones need not be.",
                $"Leave {nameof(Space)} at {nameof(QuantizationSpace.Auto)} or choose {nameof(QuantizationSpace.Direct)}.");
        }

        if (Initialization == CentroidInitialization.Given && InitialCentroids is null)
        {
            throw new UsageException(
                $"{nameof(Initialization)} is {nameof(CentroidInitialization.Given)} but {nameof(InitialCentroids)} is empty.",
                "Give the first centres of every class, or choose another initialisation.");
        }
    }

    private static void Positive(int value, string name, string hint)
    {
        if (value < 1)
            throw Wrong(name, value, "1 or more", hint);
    }

    private static void Defined<T>(T value, string name)
        where T : struct, Enum
    {
        if (!Enum.IsDefined(value))
            throw Wrong(name, value, "one of " + string.Join(", ", Enum.GetNames<T>()), null);
    }

    private static UsageException Wrong<T>(string name, T value, string allowed, string? hint) =>
        new(string.Create(CultureInfo.InvariantCulture, $"{name} is {value}; allowed: {allowed}."), hint);
}

/// <summary>How the centres of one class are found.</summary>
public enum QuantizationAlgorithm
{
    /// <summary>
    /// The mini-batch pass of D4M: one buffer of <c>KmExpand * K</c> rows at a time, labels against the old centres, then
    /// <c>centre = (count * centre + sum of rows) / (count + rows)</c>; rows left over at the end are not used.
    /// </summary>
    D4m,

    /// <summary>Competitive learning vector quantisation, one random row per step (Algorithm 2 of the DDOQ paper).</summary>
    Clvq,

    /// <summary>Mini-batch k-means on random batches with early stopping, as scikit-learn's <c>MiniBatchKMeans.fit</c>.</summary>
    MiniBatch,

    /// <summary>Lloyd's iteration from the initial centres until no label changes (Algorithm 3).</summary>
    Lloyd,

    /// <summary>
    /// Lloyd, then single-row moves accepted by Hartigan's test, which also counts what the move does to both means:
    /// lower distortion wherever cells have few rows. The default.
    /// </summary>
    Hartigan,

    /// <summary>
    /// Support points: K points of equal weight with the least energy distance to the rows. They keep the variance that the
    /// other algorithms' means lose. Their number in a cell is what a final assignment counts; their weights are 1/K by construction.
    /// </summary>
    Support,
}

/// <summary>In which coordinates the iterations run. The result is the same up to rounding (and the order of Hartigan's moves).</summary>
public enum QuantizationSpace
{
    /// <summary>Whichever the cost model expects to be quicker for the class.</summary>
    Auto,

    /// <summary>Inner products of the rows of the class are computed once (N x N); an iteration then costs no pass over the rows.</summary>
    Gram,

    /// <summary>Every iteration reads the rows.</summary>
    Direct,
}

/// <summary>Where the first centres come from.</summary>
public enum CentroidInitialization
{
    /// <summary>
    /// Greedy k-means++: each next centre is the best of <c>2 + floor(ln K)</c> rows drawn with probability proportional
    /// to the squared distance to the nearest centre so far.
    /// </summary>
    GreedyKMeansPlusPlus,

    /// <summary>K distinct rows drawn uniformly.</summary>
    Random,

    /// <summary>The centres in <see cref="QuantizerOptions.InitialCentroids"/>.</summary>
    Given,
}

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
