using System.Globalization;
using System.Numerics.Tensors;
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

/// <summary>The quantiser's result for one class: centres, how many rows each stands for, and the distortion.</summary>
public sealed class ClassPrototypes
{
    private ClassPrototypes(float[] centroids, long[] counts, double[] masses, double distortion)
    {
        Centroids = centroids;
        Counts = counts;
        Masses = masses;
        Distortion = distortion;
    }

    /// <summary>No centres: the result for a class without rows.</summary>
    public static ClassPrototypes Empty { get; } = new([], [], [], 0);

    /// <summary>Centres, K_c x D values, row-major.</summary>
    public ReadOnlyMemory<float> Centroids { get; }

    /// <summary>Rows of each centre's Voronoi cell (v), K_c values above 0.</summary>
    public ReadOnlyMemory<long> Counts { get; }

    /// <summary>Sum of the sample weights in each centre's cell, K_c values above 0; empty when the rows have no weights.</summary>
    public ReadOnlyMemory<double> Masses { get; }

    /// <summary>Mean squared distance of the class's rows to their centre, G = W2^2 (equation 16).</summary>
    public double Distortion { get; }

    /// <summary>Number of centres (K_c).</summary>
    public int Count => Counts.Length;

    /// <summary>Takes a result, copying it. Centres of empty cells stand for nothing and are left out.</summary>
    /// <param name="length">Values per centre (D).</param>
    /// <param name="centroids">K x D values, row-major.</param>
    /// <param name="counts">K values, 0 or more.</param>
    /// <param name="distortion">Mean squared distance, 0 or more.</param>
    /// <param name="masses">K sums of sample weights, finite, 0 or more; empty without weights. A cell without mass is empty.</param>
    /// <exception cref="ArgumentException">The lengths disagree.</exception>
    /// <exception cref="DdoqException">A count or mass is negative, or a mass, a centre or the distortion is not finite.</exception>
    public static ClassPrototypes Create(int length, ReadOnlySpan<float> centroids, ReadOnlySpan<long> counts, double distortion, ReadOnlySpan<double> masses = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        if (centroids.Length != (long)counts.Length * length)
            throw new ArgumentException($"{centroids.Length} values for {counts.Length} centres of {length}", nameof(centroids));
        if (!masses.IsEmpty && masses.Length != counts.Length)
            throw new ArgumentException($"{masses.Length} masses for {counts.Length} centres", nameof(masses));
        if (!double.IsFinite(distortion) || distortion < 0)
            throw Bad($"the distortion is {distortion.ToString(CultureInfo.InvariantCulture)}, allowed are finite numbers from 0");
        int used = 0;
        for (int k = 0; k < counts.Length; k++)
        {
            if (counts[k] < 0)
                throw Bad($"centre {k} has count {counts[k]}, allowed are 0 and above");
            if (!masses.IsEmpty && !(masses[k] >= 0 && masses[k] <= double.MaxValue))
                throw Bad($"centre {k} has mass {masses[k].ToString(CultureInfo.InvariantCulture)}, allowed are finite numbers from 0");
            int bad = IndexOfNonFinite(centroids.Slice(k * length, length));
            if (bad >= 0)
                throw Bad($"centre {k} holds {centroids[(k * length) + bad].ToString(CultureInfo.InvariantCulture)} at value {bad}, allowed are finite numbers");
            if (IsUsed(k, counts, masses))
                used++;
        }

        float[] keptCentroids = new float[used * length];
        long[] keptCounts = new long[used];
        double[] keptMasses = new double[masses.IsEmpty ? 0 : used];
        int next = 0;
        for (int k = 0; k < counts.Length; k++)
        {
            if (!IsUsed(k, counts, masses))
                continue;
            centroids.Slice(k * length, length).CopyTo(keptCentroids.AsSpan(next * length));
            if (!masses.IsEmpty)
                keptMasses[next] = masses[k];
            keptCounts[next++] = counts[k];
        }

        return new ClassPrototypes(keptCentroids, keptCounts, keptMasses, distortion);
    }

    /// <summary>Takes the quantiser's result of one class.</summary>
    /// <exception cref="DdoqException">A centre or the distortion is not finite.</exception>
    public static ClassPrototypes From(ClassQuantization result)
    {
        ArgumentNullException.ThrowIfNull(result);
        return result.CentroidCount == 0 ? Empty : Create(result.Dimension, result.Centroids, result.Counts, result.Distortion, result.Masses);
    }

    private static bool IsUsed(int centre, ReadOnlySpan<long> counts, ReadOnlySpan<double> masses) =>
        counts[centre] > 0 && (masses.IsEmpty || masses[centre] > 0);

    internal static int IndexOfNonFinite(ReadOnlySpan<float> values)
    {
        if (TensorPrimitives.IsFiniteAll(values))
            return -1;
        for (int i = 0; i < values.Length; i++)
        {
            if (!float.IsFinite(values[i]))
                return i;
        }

        return -1;
    }

    private static DdoqException Bad(string what) => new($"the quantiser's result is not usable: {what}", "Check the latents' scale; this is a defect if they are ordinary.");
}
