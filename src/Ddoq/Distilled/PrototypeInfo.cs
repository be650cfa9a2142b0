using System.Globalization;
using System.Text.Json;
using Ddoq.Latents;
using Ddoq.Quantization;
using Ddoq.Storage;

namespace Ddoq.Distilled;

/// <summary>What made a set of prototypes: everything but the numbers.</summary>
public sealed record PrototypeInfo
{
    internal const string PrototypesFormat = "prototypes/1";
    private const string AlgorithmKey = "algorithm";
    private const string SeedKey = "seed";
    private const string OptionsKey = "options";
    private const string CentersKey = "centers_per_class";
    private const string MassesKey = "sample_weights";

    /// <summary>The latents' description, handed on from the store: shape, class names, encoder, scaling factor.</summary>
    public required LatentStoreInfo Latents { get; init; }

    /// <summary>Centres asked for per class (K, the images per class).</summary>
    public required int CentersPerClass { get; init; }

    /// <summary>Name of the algorithm, for example <c>hartigan</c>.</summary>
    public string Algorithm { get; init; } = "";

    /// <summary>The run's seed.</summary>
    public ulong Seed { get; init; }

    /// <summary>Further options of the algorithm, by name.</summary>
    public IReadOnlyDictionary<string, string> Options { get; init; } = new Dictionary<string, string>();

    /// <summary>Whether the rows had weights: the cells then have masses beside their counts.</summary>
    public bool HasMasses { get; init; }

    /// <summary>Describes the prototypes that a quantiser makes of a store.</summary>
    /// <param name="latents">The store.</param>
    /// <param name="options">The quantiser's settings.</param>
    /// <param name="hasMasses">Whether the rows of the store have weights.</param>
    public static PrototypeInfo Of(LatentStoreInfo latents, QuantizerOptions options, bool hasMasses)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new PrototypeInfo
        {
            Latents = latents,
            CentersPerClass = options.CentroidCount,
            Algorithm = options.Algorithm.ToString(),
            Seed = options.Seed,
            HasMasses = hasMasses,
            Options = DescribeAlgorithm(options),
        };
    }

    /// <summary>The settings of an algorithm that shape its result, beside those that have a place of their own.</summary>
    public static IReadOnlyDictionary<string, string> DescribeAlgorithm(QuantizerOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new Dictionary<string, string>
        {
            ["init"] = options.Initialization.ToString(),
            ["max_iterations"] = options.MaxIterations.ToString(CultureInfo.InvariantCulture),
            ["restarts"] = options.Restarts.ToString(CultureInfo.InvariantCulture),
            ["hold_out"] = options.HoldOutFraction.ToString(CultureInfo.InvariantCulture),
        };
    }

    /// <summary>Writes the description alone: a safetensors file of metadata and a tensor <c>centroids</c> without elements.</summary>
    /// <exception cref="DdoqException">The info is not usable or the file cannot be written.</exception>
    public void Save(string path)
    {
        LatentMetadata.Check(Latents);
        LatentShape shape = Latents.Shape;
        using SafetensorsWriter writer = SafetensorsWriter.Create(
            path, [("centroids", SafetensorsType.F32, [0, CentersPerClass, shape.Channels, shape.Height, shape.Width])], Format());
        writer.Complete();
    }

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    /// <exception cref="DdoqException">The file is missing, damaged or of another kind.</exception>
    public static PrototypeInfo Load(string path)
    {
        const string Hint = "Run the quantize stage again: it writes the file anew.";
        using SafetensorsFile file = SafetensorsFile.Open(path);
        SafetensorsTensor tensor = file.GetTensor("centroids");
        if (tensor.Shape.Count != 5 || tensor.Shape[1] is < 1 or > int.MaxValue)
            throw new DdoqException($"'{path}': tensor centroids is {tensor}", Hint);
        LatentShape shape = LatentMetadata.CheckShape($"'{path}': tensor centroids", tensor.Shape[2], tensor.Shape[3], tensor.Shape[4]);
        PrototypeInfo info = Parse(file, shape, null, (int)tensor.Shape[1]);
        LatentMetadata.CheckNames($"'{path}'", info.Latents.ClassNames);
        return info;
    }

    /// <summary>The pairs for the header of a prototypes file.</summary>
    internal SortedDictionary<string, string> Format()
    {
        foreach (string own in (string[])[AlgorithmKey, SeedKey, OptionsKey, CentersKey, MassesKey])
        {
            if (Latents.Extra.ContainsKey(own))
                throw new DdoqException($"the latents' extra metadata '{own}' has a name that prototypes use themselves", "Choose another key when encoding.");
        }

        SortedDictionary<string, string> pairs = LatentMetadata.Format(Latents);
        pairs[LatentMetadata.FormatKey] = PrototypesFormat;
        pairs[AlgorithmKey] = Algorithm;
        pairs[SeedKey] = Seed.ToString(CultureInfo.InvariantCulture);
        pairs[CentersKey] = CentersPerClass.ToString(CultureInfo.InvariantCulture);
        if (HasMasses)
            pairs[MassesKey] = "true";
        pairs[OptionsKey] = JsonSerializer.Serialize(new SortedDictionary<string, string>(Options.ToDictionary(), StringComparer.Ordinal), DistilledJson.Default.SortedDictionaryStringString);
        return pairs;
    }

    internal static PrototypeInfo Parse(SafetensorsFile file, LatentShape shape, int? classCount, int centersPerClass)
    {
        IReadOnlyDictionary<string, string> pairs = file.Metadata;
        ulong seed = 0;
        if (pairs.TryGetValue(SeedKey, out string? seedText) && !ulong.TryParse(seedText, NumberStyles.None, CultureInfo.InvariantCulture, out seed))
            throw LatentMetadata.Bad(file.Path, SeedKey, seedText, "a whole number from 0 to 2^64 - 1");
        SortedDictionary<string, string> options = [];
        if (pairs.TryGetValue(OptionsKey, out string? optionsText))
        {
            try
            {
                options = JsonFile.Parse(System.Text.Encoding.UTF8.GetBytes(optionsText), DistilledJson.Default.SortedDictionaryStringString) ?? [];
            }
            catch (JsonException)
            {
                throw LatentMetadata.Bad(file.Path, OptionsKey, optionsText, "a JSON object of strings");
            }
        }

        LatentStoreInfo latents = LatentMetadata.Parse(
            file.Path, pairs, shape, () => LatentMetadata.NumberedNames(classCount ?? 0), AlgorithmKey, SeedKey, OptionsKey, CentersKey, MassesKey);
        if (classCount is not null && latents.ClassNames.Count != classCount)
            throw new DdoqException($"'{file.Path}': {latents.ClassNames.Count} class names for {classCount} classes", "The file was made by another tool or damaged: quantize again.");
        return new PrototypeInfo
        {
            Latents = latents,
            CentersPerClass = centersPerClass,
            Algorithm = pairs.GetValueOrDefault(AlgorithmKey, ""),
            Seed = seed,
            HasMasses = pairs.GetValueOrDefault(MassesKey) == "true",
            Options = new SortedDictionary<string, string>(options, StringComparer.Ordinal),
        };
    }
}
