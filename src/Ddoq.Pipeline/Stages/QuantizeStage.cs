using System.Diagnostics;
using System.Globalization;
using Ddoq.Distilled;
using Ddoq.Latents;
using Ddoq.Pipeline.Configuration;
using Ddoq.Quantization;
using Ddoq.Storage;

namespace Ddoq.Pipeline.Stages;

/// <summary>What <see cref="QuantizeStage"/> is asked to do.</summary>
public sealed record QuantizeOptions
{
    /// <summary>Algorithm, number of centres, seed and their like.</summary>
    public required QuantizerOptions Quantizer { get; init; }

    /// <summary>Where: auto, cpu, cuda or cuda:i.</summary>
    public string Device { get; init; } = "auto";

    /// <summary>Class names in label order for a store that carries none; null takes its own, or their numbers.</summary>
    public IReadOnlyList<string>? ClassNames { get; init; }

    /// <summary>Reads the options of the DDOQ prototypes from a configuration.</summary>
    public static QuantizeOptions From(PipelineConfiguration configuration)
    {
        QuantizeOptions options = OptionsRecords.Quantize.Read(configuration) with { Quantizer = OptionsRecords.Quantizer.Read(configuration) };
        return options.Quantizer.Algorithm == QuantizationAlgorithm.D4m ? options.AsD4m() : options;
    }

    /// <summary>The same problem, quantised as D4M's code does it: greedy k-means++ on the first buffer and one pass of mini-batches.</summary>
    public QuantizeOptions AsD4m() => this with { Quantizer = Plain(QuantizationAlgorithm.D4m) };

    /// <summary>The same problem with support points instead.</summary>
    public QuantizeOptions AsSupport() => this with { Quantizer = Plain(QuantizationAlgorithm.Support) };

    /// <summary>The same problem by another algorithm; everything else stays.</summary>
    public QuantizeOptions WithAlgorithm(QuantizationAlgorithm algorithm) => this with { Quantizer = Quantizer with { Algorithm = algorithm } };

    /// <summary>The same with a seed that many higher.</summary>
    internal QuantizeOptions ForRepeat(int repeat) => this with { Quantizer = Quantizer with { Seed = Quantizer.Seed + (ulong)repeat } };

    /// <summary>Opens the latents with the names.</summary>
    /// <exception cref="DdoqException">They are not usable, or carry other names.</exception>
    internal LatentStore OpenLatents(string path)
    {
        LatentStore store = LatentStore.Open(path, ClassNames);
        if (ClassNames is null || ClassNames.SequenceEqual(store.ClassNames))
            return store;
        using (store)
        {
            int c = ClassNames.Zip(store.ClassNames).TakeWhile(pair => pair.First == pair.Second).Count();
            throw new DdoqException(
                $"{path} names its {store.ClassNames.Count} classes itself, and not as --class-names does ({ClassNames.Count} names): class {c} is {At(store.ClassNames, c)}, not {At(ClassNames, c)}",
                "Leave --class-names out; it is for stores that carry no names.");
        }

        static string At(IReadOnlyList<string> names, int c) => c < names.Count ? $"'{names[c]}'" : "missing";
    }

    /// <summary>Reads class names, one a line, in label order.</summary>
    /// <exception cref="DdoqException">The file cannot be read, or a line is empty.</exception>
    internal static IReadOnlyList<string> ReadClassNames(string file)
    {
        try
        {
            string[] names = [.. File.ReadAllText(file).TrimEnd().Split('\n').Select(line => line.Trim())];
            int empty = Array.IndexOf(names, string.Empty);
            return empty < 0 ? names : throw new DdoqException($"{file}, line {empty + 1}: empty, a class name is needed", "Give one class name a line, in label order.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DdoqException($"--class-names: '{file}' cannot be read: {e.Message}", "Give a file with one class name a line, in label order.", e);
        }
    }

    // What is asked of the run's own algorithm does not reach the others.
    private QuantizerOptions Plain(QuantizationAlgorithm algorithm) => new()
    {
        CentroidCount = Quantizer.CentroidCount,
        Algorithm = algorithm,
        HoldOutFraction = Quantizer.HoldOutFraction,
        Seed = Quantizer.Seed,
        MemoryLimit = Quantizer.MemoryLimit,
    };
}

/// <summary>How far <see cref="QuantizeStage"/> got.</summary>
/// <param name="IsComplete">True when all classes are there and joined to the result.</param>
/// <param name="Share">The share that was asked for.</param>
/// <param name="ShareClasses">Classes of that share, all complete now.</param>
/// <param name="Classes">Classes of the store.</param>
public sealed record QuantizeResult(bool IsComplete, Share Share, int ShareClasses, int Classes);

/// <summary>Latents to prototypes: quantises every class and writes <c>prototypes.safetensors</c> and <c>quality.csv</c>.</summary>
/// <remarks>
/// Resumes class by class. The bytes do not depend on the number of workers, on interruptions, or on how many processes
/// shared the classes, in one folder or in several that <see cref="MergeStage"/> joins. A process that is killed loses the
/// classes it was working on, no other; the files of single classes are not flushed to the disk one by one, so after a
/// power failure a class may be found damaged, and is computed again.
/// </remarks>
public static class QuantizeStage
{
    internal const string Name = "quantize";
    private static readonly TimeSpan s_timingInterval = TimeSpan.FromSeconds(10);

    /// <summary>Runs the stage into a folder, or finds it complete there.</summary>
    /// <param name="options">Algorithm and device.</param>
    /// <param name="latents">Latent store.</param>
    /// <param name="output">Folder of the result; processes with other shares may use it at the same time.</param>
    /// <param name="context">Progress, workers, cancellation.</param>
    /// <returns>Whether the result is complete: a share completes it when it finds all others done in the same folder.</returns>
    /// <exception cref="DdoqException">The store, a class or the output folder is not usable, or the memory limit is too low.</exception>
    /// <exception cref="DeviceUnavailableException">A device was asked for that cannot be used; nothing was read or written.</exception>
    public static QuantizeResult Run(QuantizeOptions options, string latents, string output, StageContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        QuantizerOptions quantizer = options.Quantizer with { Workers = context.Workers };
        quantizer.Validate();
        QuantizerFactory.Require(options.Device);
        using LatentStore store = options.OpenLatents(latents);
        RequireRows(store, latents);
        quantizer = Limit(quantizer, store, context.Progress);
        string identity = StageIdentity.OfLatents(latents, store, context.Cancellation);
        using StageFolder stage = context.Open(output, Name, Describe(options with { Quantizer = quantizer }, identity, store));
        IReadOnlySet<int> share = context.Share.Of(store);
        var result = new QuantizeResult(true, context.Share, share.Count, store.ClassNames.Count);
        if (stage.IsComplete)
        {
            context.Progress.Message($"quantize: complete in {output}");
            return result;
        }

        var checkpoint = new PrototypeCheckpoint(stage.Path, PrototypeInfo.Of(store.Info, quantizer, store.HasSampleWeights), flushToDisk: false);
        checkpoint.SaveHeader(stage.Path);
        bool isWhole = ShareWork.Run(output, context, new QuantizePlan(store.ClassNames.Count), own => Quantize(store, quantizer, options, stage, checkpoint, share, own));
        context.ThrowIfStopped();
        if (!isWhole && !checkpoint.HasAllFiles())
        {
            context.Progress.Message(string.Create(
                CultureInfo.InvariantCulture,
                $"quantize: share {context.Share} is done, {share.Count} of {store.ClassNames.Count} classes; join the shares with 'ddoq merge'"));
            return result with { IsComplete = false };
        }

        Join(stage, [checkpoint]);
        if (context.Share.IsPartial)
            ClassTimes.Merge([stage.Path], stage.Path);
        return result;
    }

    /// <summary>Joins checkpoints to the result of a stage and marks it complete.</summary>
    internal static void Join(StageFolder stage, IReadOnlyList<PrototypeCheckpoint> parts)
    {
        IReadOnlyList<string> reports = PrototypeCheckpoint.Assemble(stage.PathOf(PrototypeSet.FileName), parts);
        QuantizationQuality.Write(stage.PathOf(QuantizationQuality.FileName), parts[0].Info.Latents.ClassNames, reports);
        stage.Complete([PrototypeSet.FileName, QuantizationQuality.FileName]);
        new ShareFolder(stage.Path).Remove();
    }

    private static void Quantize(
        LatentStore store, QuantizerOptions quantizer, QuantizeOptions options, StageFolder stage, PrototypeCheckpoint checkpoint, IReadOnlySet<int> share, StageContext context)
    {
        HashSet<int> missing = [.. checkpoint.MissingClasses(share)];
        if (missing.Count == 0)
            return;
        var others = Enumerable.Range(0, store.ClassNames.Count).Where(c => !missing.Contains(c)).ToHashSet();
        ClassTimes times = ClassTimes.Open(stage.Path, context.Share);
        var sinceTiming = Stopwatch.StartNew();
        var progress = new RowProgress(context.Progress);
        using IQuantizer engine = QuantizerFactory.Create(options.Device, context.Progress, store.HasSampleWeights);
        progress.BeginRows(share.Sum(c => (long)store.RowCount(c)), share.Where(others.Contains).Sum(c => (long)store.RowCount(c)));
        try
        {
            engine.Fit(store, quantizer, Save, others, progress, context.Cancellation, context.Stopping);
        }
        finally
        {
            progress.EndRows();
            times.Save();
        }

        void Save(ClassQuantization result)
        {
            ClassPrototypes prototypes = ClassPrototypes.Create(store.Shape.Length, result.Centroids, result.Counts, result.Distortion, result.Masses);
            if (prototypes.Count < result.CentroidCount)
            {
                progress.Message(string.Create(
                    CultureInfo.InvariantCulture,
                    $"class {result.ClassIndex} ({store.ClassNames[result.ClassIndex]}): {result.CentroidCount - prototypes.Count} of {result.CentroidCount} centres stand for no row, its {result.RowCount} rows have fewer distinct values; {prototypes.Count} are kept"));
            }

            checkpoint.Save(result.ClassIndex, prototypes, QuantizationQuality.Line(result, LatentVariance.OfClass(store, result.ClassIndex)));
            progress.AdvanceRows(result.RowCount);
            if (times.Add(result.ClassIndex, result.Seconds))
                times.Save();
            if (sinceTiming.Elapsed < s_timingInterval)
                return;
            sinceTiming.Restart();
            stage.SaveTiming();
        }
    }

    // No class can have more centres than rows: room for more would be filled with zeros, gigabytes of them for a slip of the pen.
    private static QuantizerOptions Limit(QuantizerOptions quantizer, LatentStore store, IProgressSink progress)
    {
        int largest = Enumerable.Range(0, store.ClassNames.Count).Max(store.RowCount);
        if (quantizer.CentroidCount <= largest)
            return quantizer;
        progress.Message(string.Create(CultureInfo.InvariantCulture, $"quantize: the largest class has {largest} rows: at most {largest} centres instead of {quantizer.CentroidCount}"));
        return quantizer with { CentroidCount = largest };
    }

    /// <summary>Refuses a store with a class without rows.</summary>
    internal static void RequireRows(LatentStore store, string latents)
    {
        for (int c = 0; c < store.ClassNames.Count; c++)
        {
            if (store.RowCount(c) == 0)
                throw new DdoqException($"{latents}: class '{store.ClassNames[c]}' has no rows", "Encode images of that class, or leave it out of the class list.");
        }
    }

    /// <summary>What a quantisation of a store depends on.</summary>
    internal static Dictionary<string, string> Describe(QuantizeOptions options, string identity, LatentStore store)
    {
        var settings = new Dictionary<string, string>(OptionsRecords.Quantizer.Describe(options.Quantizer, PipelineStages.Quantize)) { ["latents"] = identity };
        if (options.ClassNames is { } names)
            settings[QuantizeSettings.ClassNames.RecordKey] = ContentHash.OfText(string.Join('\n', names));

        // A memory limit changes digits only where it rules Gram space out; then it belongs to what made the result.
        if (MemoryPlan.Create(store, options.Quantizer).DirectFromRows is int rows)
            settings["direct_space_from_rows"] = rows.ToString(CultureInfo.InvariantCulture);
        return settings;
    }
}

/// <summary>What the shares of a quantisation were asked for.</summary>
/// <param name="Classes">Classes of the store.</param>
internal sealed record QuantizePlan(int Classes);

/// <summary>Shows a quantiser's progress in rows, since classes differ in size, and keeps its messages to a readable number.</summary>
/// <param name="outer">Where it is shown.</param>
internal sealed class RowProgress(IProgressSink outer) : IProgressSink
{
    private const int MostMessages = 20;
    private int _messages;

    /// <summary>The stage starts.</summary>
    public void BeginRows(long total, long completed) => outer.Begin("quantize", total, "rows", completed);

    /// <summary>A class of so many rows is complete.</summary>
    public void AdvanceRows(long rows) => outer.Advance(rows);

    /// <summary>The stage ends.</summary>
    public void EndRows()
    {
        outer.End();
        if (_messages > MostMessages)
            outer.Message(string.Create(CultureInfo.InvariantCulture, $"quantize: {_messages - MostMessages} further messages of this kind are left out"));
    }

    /// <inheritdoc/>
    public void Begin(string stage, long total, string unit, long completed = 0)
    {
    }

    /// <inheritdoc/>
    public void Advance(long units)
    {
    }

    /// <inheritdoc/>
    public void End()
    {
    }

    /// <inheritdoc/>
    public void Message(string text)
    {
        if (Interlocked.Increment(ref _messages) <= MostMessages)
            outer.Message(text);
    }
}
