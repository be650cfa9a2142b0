using System.Globalization;
using Ddoq.Latents;
using Ddoq.Numerics.Kernels;
using Ddoq.Quantization.Algorithms;
using Ddoq.Quantization.Spaces;

namespace Ddoq.Quantization;

/// <summary>What a memory limit makes of a run on the CPU: how many classes at once, and which need direct space.</summary>
/// <remarks>
/// The need of a class follows from its size and the options; the run takes that of the largest classes that are worked
/// on at once, plus a constant. Classes are taken largest first, so no later moment needs more than the first.
/// </remarks>
public sealed record MemoryPlan
{
    private MemoryPlan()
    {
    }

    /// <summary>Threads, one class each: as many as asked for, or fewer to stay below the limit.</summary>
    public required int Workers { get; init; }

    /// <summary>Threads asked for, but not more than classes.</summary>
    public required int RequestedWorkers { get; init; }

    /// <summary>The class that needs most.</summary>
    public required int LargestClass { get; init; }

    /// <summary>Bytes that the class that needs most takes.</summary>
    public required long LargestClassBytes { get; init; }

    /// <summary>Bytes of the whole run, the process itself included.</summary>
    public required long TotalBytes { get; init; }

    /// <summary>
    /// The fewest rows of a class that is worked on in direct space only because its Gram matrix does not fit; null when
    /// there is none. Such a class has other last digits than without a limit.
    /// </summary>
    public required int? DirectFromRows { get; init; }

    /// <summary>Classes that <see cref="DirectFromRows"/> is about.</summary>
    public required int DirectClasses { get; init; }

    /// <summary>Plans a run of <see cref="CpuQuantizer"/>.</summary>
    /// <param name="source">The latents.</param>
    /// <param name="options">The settings; <see cref="QuantizerOptions.MemoryLimit"/> 0 limits nothing.</param>
    /// <param name="classes">The classes to quantise; null for all.</param>
    /// <exception cref="DdoqException">The limit is too low for the largest class alone; the message says what it needs.</exception>
    public static MemoryPlan Create(ILatentSource source, QuantizerOptions options, IReadOnlyCollection<int>? classes = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(options);
        return Create(KernelTable.Default, source, options, classes);
    }

    internal static MemoryPlan Create(LatentKernels kernels, ILatentSource source, QuantizerOptions options, IReadOnlyCollection<int>? classes)
    {
        var memory = new ClassMemory(kernels.ForRows(source.ElementType), options, source.Shape.Length);
        int requested = options.Workers > 0 ? options.Workers : Environment.ProcessorCount;
        int largest = 0, directClasses = 0;
        int? directFrom = null;
        long most = 0;
        var needs = new List<long>();
        foreach (int index in classes ?? [.. Enumerable.Range(0, source.ClassNames.Count)])
        {
            int rows = source.RowCount(index), fitRows = memory.FitRows(rows);
            long bytes = memory.Bytes(rows);
            needs.Add(bytes);
            if (bytes > most)
                (largest, most) = (index, bytes);
            if (!memory.IsForcedDirect(fitRows))
                continue;
            directClasses++;
            directFrom = Math.Min(directFrom ?? int.MaxValue, rows);
        }

        needs.Sort((a, b) => b.CompareTo(a));
        int workers = 0, atMost = Math.Min(requested, needs.Count);
        long total = ClassMemory.ProcessBytes;
        while (workers < atMost && (options.MemoryLimit == 0 || total + needs[workers] <= options.MemoryLimit))
            total += needs[workers++];
        if (workers == 0 && needs.Count > 0)
            throw TooLittle(source, options, largest, most);
        return new MemoryPlan
        {
            Workers = Math.Max(1, workers),
            RequestedWorkers = Math.Max(1, atMost),
            LargestClass = largest,
            LargestClassBytes = most,
            TotalBytes = total,
            DirectFromRows = directFrom,
            DirectClasses = directClasses,
        };
    }

    private static DdoqException TooLittle(ILatentSource source, QuantizerOptions options, int largest, long bytes) => new(
        string.Create(
            CultureInfo.InvariantCulture,
            $"the memory limit of {MebiBytes(options.MemoryLimit)} is too low: class {largest} '{source.ClassNames[largest]}' with {source.RowCount(largest)} rows of {source.Shape.Length} values needs {MebiBytes(bytes)} in direct space, and the program itself {MebiBytes(ClassMemory.ProcessBytes)}"),
        $"Give --memory {(bytes + ClassMemory.ProcessBytes + (1 << 20) - 1) >> 20}MiB or more, ask for fewer centres, or split the class.");

    private static string MebiBytes(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{(bytes + (1 << 20) - 1) >> 20} MiB");
}

/// <summary>Bytes that the work on one class takes, from its size and the options alone.</summary>
/// <remarks>
/// Counts the rows (whether mapped in place or copied), the working space of <see cref="ClassFit"/>, and the result with
/// the copies that saving it makes. A test holds it against what is really reserved.
/// </remarks>
internal sealed class ClassMemory(LatentKernels kernels, QuantizerOptions options, int dimension)
{
    /// <summary>
    /// What the process takes beside the classes: runtime, compiled code, file headers, the copy of a class that is being
    /// saved. Measured at 70 to 100 MiB.
    /// </summary>
    public const long ProcessBytes = 128L << 20;

    // Per row: pointers, order, marks, labels and distances of the fit, proposals of Hartigan's rounds.
    private const int BytesPerRow = 160;

    // The centres of a result exist as the best of the restarts, as the result, and while being saved.
    private const int CopiesOfCentroids = 3;

    private long PaddedDimension => LatentKernels.Pad(dimension);

    /// <summary>The space for a class: the quicker one, or direct space where a Gram matrix does not fit the limit.</summary>
    /// <param name="fitRows">Rows of the fit.</param>
    public QuantizationSpace ChooseSpace(int fitRows)
    {
        int centroids = Math.Min(options.CentroidCount, fitRows);
        QuantizationSpace space = SpaceCostModel.Choose(options, fitRows, centroids, dimension);
        return IsForcedDirect(space, fitRows) ? QuantizationSpace.Direct : space;
    }

    /// <summary>Whether the limit alone keeps a class from being worked on in Gram space.</summary>
    public bool IsForcedDirect(int fitRows) =>
        IsForcedDirect(SpaceCostModel.Choose(options, fitRows, Math.Min(options.CentroidCount, fitRows), dimension), fitRows);

    /// <summary>Bytes for a class.</summary>
    /// <param name="rows">All rows of the class.</param>
    public long Bytes(int rows)
    {
        int fitRows = FitRows(rows);
        return Bytes(rows, fitRows, ChooseSpace(fitRows));
    }

    /// <summary>Rows of the fit when some are held out: at least one stays in.</summary>
    public int FitRows(int rows) => rows - Math.Max(0, Math.Min((int)(options.HoldOutFraction * rows), rows - 1));

    private bool IsForcedDirect(QuantizationSpace space, int fitRows) =>
        options.MemoryLimit > 0
        && options.Space == QuantizationSpace.Auto
        && space == QuantizationSpace.Gram
        && Bytes(fitRows, fitRows, QuantizationSpace.Gram) > options.MemoryLimit - ProcessBytes;

    private long Bytes(int rows, int fitRows, QuantizationSpace space)
    {
        int centroids = Math.Min(options.CentroidCount, Math.Max(1, fitRows));
        int trials = 2 + (int)Math.Log(centroids);
        long bytes = (long)rows * dimension * LatentElement.Size(kernels.RowType);
        bytes += (long)rows * (BytesPerRow + (sizeof(float) * trials));
        bytes += CopiesOfCentroids * sizeof(float) * (long)centroids * dimension;
        bytes += TableBytes(centroids);
        if (space == QuantizationSpace.Gram)
        {
            // G and the strip it is made from; V, its coefficients and the products with given starts; written centres.
            bytes += sizeof(float) * ((long)kernels.GramLength(fitRows) + kernels.GramScratchLength(fitRows));
            bytes += sizeof(float) * 3L * centroids * kernels.GramStride(fitRows);
            bytes += (options.Initialization == CentroidInitialization.Given ? 2 : 1) * TableBytes(centroids);
        }
        else
        {
            bytes += TableBytes(centroids) + TableBytes(trials);
            long buffer = (long)options.KmExpand * centroids;
            if (options.Algorithm == QuantizationAlgorithm.D4m && DirectSpace.HasGramOfBuffer(fitRows, buffer))
                bytes += sizeof(float) * ((long)kernels.GramLength((int)buffer) + kernels.GramScratchLength((int)buffer));
        }

        if (options.Algorithm == QuantizationAlgorithm.Support)
            bytes += SupportIteration.Bytes(kernels, fitRows, centroids, dimension, space);
        return bytes;
    }

    // A CentroidTable: values, panels, scores and scratch.
    private long TableBytes(int centroids) => sizeof(float) * (
        ((long)centroids * CentroidTable.Stride(dimension)) + kernels.PanelLength(centroids, dimension) + LatentKernels.ScoreScratchLength
        + ((long)LatentKernels.RowsPerBlock * kernels.ScoreStride(centroids)) + PaddedDimension);
}
