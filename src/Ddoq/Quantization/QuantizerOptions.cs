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
