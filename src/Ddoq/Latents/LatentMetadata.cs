using System.Globalization;
using System.Text;
using System.Text.Json;
using Ddoq.Storage;

namespace Ddoq.Latents;

/// <summary>Translates <see cref="LatentStoreInfo"/> to and from the string pairs of a safetensors header.</summary>
internal static class LatentMetadata
{
    public const string FormatKey = "ddoq_format";
    public const string LatentsFormat = "latents/1";
    public const string FirstRowKey = "first_row";
    public const string TotalRowsKey = "total_rows";
    public const string SkippedRowsKey = "skipped_rows";
    private const string ClassNamesKey = "class_names";
    private const string EncoderKey = "encoder_sha256";
    private const string ScalingKey = "scaling_factor";
    private const string ImageSizeKey = "image_size";
    private const string KindKey = "posterior";
    private static readonly string[] s_reserved =
        [FormatKey, FirstRowKey, TotalRowsKey, SkippedRowsKey, ClassNamesKey, EncoderKey, ScalingKey, ImageSizeKey, KindKey];

    /// <summary>The pairs that describe a store; unknown values are left out.</summary>
    /// <exception cref="DdoqException">An extra key is one of the format's own.</exception>
    public static SortedDictionary<string, string> Format(LatentStoreInfo info)
    {
        var pairs = new SortedDictionary<string, string>(StringComparer.Ordinal) { [ClassNamesKey] = FormatNames(info.ClassNames) };
        if (info.EncoderHash.Length > 0)
            pairs[EncoderKey] = info.EncoderHash;
        if (info.ScalingFactor is double factor)
            pairs[ScalingKey] = factor.ToString("R", CultureInfo.InvariantCulture);
        if (info.ImageSize > 0)
            pairs[ImageSizeKey] = info.ImageSize.ToString(CultureInfo.InvariantCulture);
        if (info.Kind is LatentKind kind)
            pairs[KindKey] = kind == LatentKind.Mean ? "mean" : "sample";
        foreach ((string key, string value) in info.Extra)
        {
            if (s_reserved.Contains(key))
                throw new DdoqException($"extra metadata '{key}' has a name that the format uses itself", $"Choose a key other than {string.Join(", ", s_reserved)}.");
            pairs[key] = value;
        }

        return pairs;
    }

    /// <summary>Reads the pairs back.</summary>
    /// <param name="path">For messages.</param>
    /// <param name="pairs">The header's metadata.</param>
    /// <param name="shape">Shape of one latent, from the tensor.</param>
    /// <param name="classNames">Names to use when the file has none.</param>
    /// <param name="notExtra">Further keys that are not extra metadata.</param>
    public static LatentStoreInfo Parse(
        string path, IReadOnlyDictionary<string, string> pairs, LatentShape shape, Func<IReadOnlyList<string>> classNames, params string[] notExtra)
    {
        double? factor = null;
        if (pairs.TryGetValue(ScalingKey, out string? factorText))
        {
            if (!double.TryParse(factorText, NumberStyles.Float, CultureInfo.InvariantCulture, out double f) || !double.IsFinite(f) || f <= 0)
                throw Bad(path, ScalingKey, factorText, "a number above 0");
            factor = f;
        }

        int size = 0;
        if (pairs.TryGetValue(ImageSizeKey, out string? sizeText)
            && (!int.TryParse(sizeText, NumberStyles.None, CultureInfo.InvariantCulture, out size) || size <= 0))
        {
            throw Bad(path, ImageSizeKey, sizeText, "a whole number above 0");
        }

        LatentKind? kind = null;
        if (pairs.TryGetValue(KindKey, out string? kindText))
        {
            kind = kindText switch
            {
                "mean" => LatentKind.Mean,
                "sample" => LatentKind.Sample,
                _ => throw Bad(path, KindKey, kindText, "mean or sample"),
            };
        }

        return new LatentStoreInfo
        {
            Shape = shape,
            ClassNames = pairs.TryGetValue(ClassNamesKey, out string? names) ? ParseNames(path, names) : classNames(),
            EncoderHash = pairs.GetValueOrDefault(EncoderKey, ""),
            ScalingFactor = factor,
            ImageSize = size,
            Kind = kind,
            Extra = new SortedDictionary<string, string>(
                pairs.Where(p => !s_reserved.Contains(p.Key) && !notExtra.Contains(p.Key)).ToDictionary(p => p.Key, p => p.Value), StringComparer.Ordinal),
        };
    }

    public static DdoqException Bad(string path, string key, string found, string allowed) => new(
        $"'{path}': metadata '{key}' is {StorageErrors.Quote(found)}, allowed is {allowed}",
        "The file was made by another tool or damaged: make it again.");

    /// <summary>Checks shape and names before anything is written.</summary>
    /// <exception cref="DdoqException">An extent is not positive, D overflows, there is no class, or two classes share a name.</exception>
    public static void Check(LatentStoreInfo info)
    {
        CheckShape("the latents", info.Shape.Channels, info.Shape.Height, info.Shape.Width);
        CheckNames("the latents", info.ClassNames);
    }

    public static LatentShape CheckShape(string where, long channels, long height, long width)
    {
        // One row is one span, and (D x 2 bytes) must stay addressable.
        const long LargestLength = 1 << 29;
        if (channels <= 0 || height <= 0 || width <= 0 || (Int128)channels * height * width > LargestLength)
        {
            throw new DdoqException(
                string.Create(CultureInfo.InvariantCulture, $"{where}: a latent of {channels}x{height}x{width} values, allowed are 1 to {LargestLength} values"),
                "Check the encoder's output shape.");
        }

        return new LatentShape((int)channels, (int)height, (int)width);
    }

    /// <summary>Names for classes that have none: their numbers, zero-padded so that folders sort in label order.</summary>
    public static string[] NumberedNames(int count)
    {
        const int Most = 1_000_000;
        if (count > Most)
            throw new DdoqException($"{count} classes without names, allowed are {Most}", $"Add metadata {ClassNamesKey}, a JSON array of strings.");
        int width = (count - 1).ToString(CultureInfo.InvariantCulture).Length;
        return [.. Enumerable.Range(0, count).Select(c => c.ToString("D" + width, CultureInfo.InvariantCulture))];
    }

    /// <summary>Checks that there are names and that no two are equal.</summary>
    public static void CheckNames(string where, IReadOnlyList<string> names)
    {
        if (names.Count == 0)
            throw new DdoqException($"{where}: no class names", "A store has at least one class.");
        var labels = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int label = 0; label < names.Count; label++)
        {
            if (!labels.TryAdd(names[label], label))
                throw new DdoqException($"{where}: classes {labels[names[label]]} and {label} are both named {StorageErrors.Quote(names[label])}", "Give every class its own name.");
        }
    }

    private static string FormatNames(IReadOnlyList<string> names)
    {
        using var memory = new MemoryStream();
        using (var json = new Utf8JsonWriter(memory, JsonFile.OneLine))
        {
            json.WriteStartArray();
            foreach (string name in names)
                json.WriteStringValue(name);
            json.WriteEndArray();
        }

        return Encoding.UTF8.GetString(memory.GetBuffer(), 0, (int)memory.Length);
    }

    private static string[] ParseNames(string path, string json)
    {
        try
        {
            string[] names = JsonFile.Parse(Encoding.UTF8.GetBytes(json), LatentJson.Default.StringArray) ?? [];
            if (names.Contains(null!))
                throw new JsonException();
            CheckNames($"'{path}'", names);
            return names;
        }
        catch (JsonException e)
        {
            throw new DdoqException($"'{path}': metadata '{ClassNamesKey}' is not a JSON array of strings", "The file was made by another tool or damaged: make it again.", e);
        }
    }
}

/// <summary>What the encoder gave for an image: its distribution's mean, or one random draw from it.</summary>
public enum LatentKind
{
    /// <summary>The mean of the encoder's posterior: deterministic.</summary>
    Mean,

    /// <summary>One seeded draw from the encoder's posterior, as D4M does.</summary>
    Sample,
}

/// <summary>What a latent store holds: everything but the rows.</summary>
public sealed record LatentStoreInfo
{
    /// <summary>Shape of one latent.</summary>
    public required LatentShape Shape { get; init; }

    /// <summary>Class names in label order; the count is C.</summary>
    public required IReadOnlyList<string> ClassNames { get; init; }

    /// <summary>SHA-256 of the encoder's weights; empty when unknown.</summary>
    public string EncoderHash { get; init; } = "";

    /// <summary>
    /// The factor the encoder's output was multiplied by (0.18215 for Stable Diffusion's VAE): a decoder divides by it.
    /// Null when unknown, for a store made by another tool.
    /// </summary>
    public double? ScalingFactor { get; init; }

    /// <summary>Side of the square images in pixels; 0 when unknown or not square.</summary>
    public int ImageSize { get; init; }

    /// <summary>Mean or random draw; null when unknown.</summary>
    public LatentKind? Kind { get; init; }

    /// <summary>Further metadata, kept as it is.</summary>
    public IReadOnlyDictionary<string, string> Extra { get; init; } = new Dictionary<string, string>();
}
