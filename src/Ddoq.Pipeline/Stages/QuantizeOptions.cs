using Ddoq.Latents;
using Ddoq.Pipeline.Configuration;
using Ddoq.Quantization;

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
