using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Ddoq.Latents;
using Ddoq.Storage;

namespace Ddoq.Distilled;

/// <summary>A distilled set: the list of its images with labels and weights, beside an ordinary image folder.</summary>
/// <remarks>
/// <c>train/&lt;class folder&gt;/&lt;number&gt;.png</c> is what torchvision, timm and Hugging Face read;
/// <c>train/metadata.jsonl</c> holds one <see cref="DistilledImage"/> per line, in the order that
/// <c>soft_labels.safetensors</c> follows. The images themselves are written by others. Immutable.
/// </remarks>
public sealed class DistilledSet
{
    /// <summary>Name of the subfolder with the images.</summary>
    public const string TrainFolder = "train";

    /// <summary>Name of the list of images, inside <see cref="TrainFolder"/>.</summary>
    public const string MetadataFileName = "metadata.jsonl";

    private const string Hint = "Each line is a JSON object with file_name and label at least: mend the line or synthesise again.";

    /// <summary>Takes a list of images.</summary>
    /// <param name="classNames">Class names in label order.</param>
    /// <param name="images">The images; their order is kept.</param>
    /// <exception cref="DdoqException">
    /// There is none, one is listed twice, or an entry is not usable: a path out of the folder, a label without class,
    /// another class name than the label's, a weight that is negative or not finite.
    /// </exception>
    public DistilledSet(IReadOnlyList<string> classNames, IReadOnlyList<DistilledImage> images)
    {
        ArgumentNullException.ThrowIfNull(classNames);
        ArgumentNullException.ThrowIfNull(images);
        LatentMetadata.CheckNames("the distilled set", classNames);
        if (images.Count == 0)
            throw new DdoqException("the distilled set has no images", "Synthesise first.");
        ClassNames = classNames;
        Images = images;
        var names = new HashSet<string>(StringComparer.Ordinal);
        for (int i = 0; i < images.Count; i++)
        {
            if (Find(images[i], classNames) is string what)
                throw new DdoqException($"image {i} {StorageErrors.Quote(images[i].FileName)}: {what}", Hint);
            if (!names.Add(images[i].FileName))
                throw new DdoqException($"image {i} {StorageErrors.Quote(images[i].FileName)} is listed twice", Hint);
        }
    }

    /// <summary>Class names in label order.</summary>
    public IReadOnlyList<string> ClassNames { get; }

    /// <summary>The images, in the order of the file.</summary>
    public IReadOnlyList<DistilledImage> Images { get; }

    /// <summary>Reads a set's list.</summary>
    /// <param name="folder">The set's folder. Class names come from its <c>ddoq.json</c> if there is one, else from the list.</param>
    /// <param name="requireImages">Checks that every image file exists.</param>
    /// <exception cref="DdoqException">The list is missing or a line is not usable; the message names file and line.</exception>
    public static DistilledSet Load(string folder, bool requireImages = true)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        string path = Path.Combine(folder, TrainFolder, MetadataFileName);
        if (Directory.Exists(folder) && !File.Exists(path))
            throw new DdoqException($"'{folder}' is no distilled set: {TrainFolder}/{MetadataFileName} is missing", "Give a folder that 'ddoq select', 'ddoq synthesize' or 'ddoq distill' wrote (there, a folder below distilled).");
        DistilledSet set = Create(folder, path, ReadLines(path));
        string? missing = requireImages ? set.Images.Select(image => image.FileName).FirstOrDefault(file => !File.Exists(PathOf(folder, file))) : null;
        return missing is null ? set : throw new DdoqException(
            $"'{path}' lists {StorageErrors.Quote(missing)}, which is missing", "Copy the image to its place, or synthesise again: only what is missing is made.");
    }

    /// <summary>Reads the list of an image folder that may or may not be a distilled set.</summary>
    /// <param name="folder">The image folder.</param>
    /// <param name="part">Name of the subfolder with the list; empty for the folder itself.</param>
    /// <returns>
    /// Null when there is no <c>metadata.jsonl</c>, or when its first line lacks a <c>file_name</c> or a whole number as
    /// <c>label</c>: then it is somebody else's.
    /// </returns>
    /// <exception cref="DdoqException">A line is not usable; the message names file and line.</exception>
    public static DistilledSet? TryLoad(string folder, string part = TrainFolder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        string path = Path.Combine(folder, part, MetadataFileName);
        return File.Exists(path) && IsOfASet(path) ? Create(folder, path, ReadLines(path)) : null;
    }

    /// <summary>Writes <c>train/metadata.jsonl</c>, atomically, creating the folder.</summary>
    /// <exception cref="DdoqException">It cannot be written.</exception>
    public void SaveMetadata(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        string train = Path.Combine(folder, TrainFolder);
        try
        {
            Directory.CreateDirectory(train);
        }
        catch (Exception e) when (StorageErrors.IsFileFailure(e))
        {
            throw StorageErrors.CannotWrite(train, e);
        }

        AtomicFile.Write(Path.Combine(train, MetadataFileName), stream =>
        {
            using var json = new Utf8JsonWriter(stream, JsonFile.OneLine);
            foreach (DistilledImage image in Images)
            {
                JsonSerializer.Serialize(json, image, DistilledJson.Default.DistilledImage);
                json.Flush();
                stream.WriteByte((byte)'\n');
                json.Reset();
            }
        });
    }

    /// <summary>The path of an image's file.</summary>
    /// <param name="folder">The set's folder.</param>
    /// <param name="fileName">The image's name in the list.</param>
    public static string PathOf(string folder, string fileName) => Path.Combine(folder, TrainFolder, fileName);

    /// <summary>Images per class, in label order.</summary>
    public int[] ImageCounts()
    {
        int[] counts = new int[ClassNames.Count];
        foreach (DistilledImage image in Images)
            counts[image.Label]++;
        return counts;
    }

    /// <summary>How the weights of each class spread, in label order.</summary>
    public IReadOnlyList<WeightStatistics> WeightStatistics()
    {
        ILookup<int, double> byLabel = Images.ToLookup(image => image.Label, image => image.Weight);
        return [.. Enumerable.Range(0, ClassNames.Count).Select(label => Distilled.WeightStatistics.Of([.. byLabel[label]]))];
    }

    private static string? Find(DistilledImage image, IReadOnlyList<string> classNames)
    {
        string file = image.FileName;
        if (file.Length == 0 || Path.IsPathRooted(file) || file.Contains('\0') || file.Split('/', '\\').Any(part => part is ".." or "." or ""))
            return "allowed is a path within the train folder";
        if ((uint)image.Label >= (uint)classNames.Count)
            return $"label {image.Label}, allowed are 0 to {classNames.Count - 1}";
        if (image.ClassName != classNames[image.Label])
            return $"class name {StorageErrors.Quote(image.ClassName)}, label {image.Label} is {StorageErrors.Quote(classNames[image.Label])}";
        if (!double.IsFinite(image.Weight) || image.Weight < 0)
            return $"weight {image.Weight.ToString(CultureInfo.InvariantCulture)}, allowed are finite numbers from 0";
        if (image.ClusterSize < 0 || image.Prototype < 0)
            return $"cluster size {image.ClusterSize} and prototype {image.Prototype}, allowed are numbers from 0";
        if (image.ClusterMass is { } mass && !(mass >= 0 && mass <= double.MaxValue))
            return $"cluster mass {mass.ToString(CultureInfo.InvariantCulture)}, allowed are finite numbers from 0";
        return null;
    }

    private static DistilledSet Create(string folder, string path, List<(DistilledImage Image, int Line)> rows)
    {
        IReadOnlyList<string> names = File.Exists(Path.Combine(folder, DistilledProvenance.FileName))
            ? DistilledProvenance.Load(folder).ClassNames
            : NamesOf(path, rows);
        foreach ((DistilledImage image, int line) in rows)
        {
            if (Find(image, names) is string what)
                throw new DdoqException($"'{path}', line {line}: {StorageErrors.Quote(image.FileName)}: {what}", Hint);
        }

        try
        {
            return new DistilledSet(names, [.. rows.Select(row => row.Image)]);
        }
        catch (DdoqException e)
        {
            throw new DdoqException($"'{path}': {e.Message}", e.Hint, e);
        }
    }

    private static bool IsOfASet(string path)
    {
        ReadOnlySpan<byte> text = JsonFile.SkipByteOrderMark(JsonFile.ReadAllBytes(path)).Trim(" \t\r\n"u8);
        int end = text.IndexOf((byte)'\n');
        try
        {
            using JsonDocument document = JsonDocument.Parse(text[..(end < 0 ? text.Length : end)].ToArray());
            return document.RootElement is { ValueKind: JsonValueKind.Object } root
                && root.TryGetProperty("file_name", out JsonElement name) && name.ValueKind == JsonValueKind.String
                && root.TryGetProperty("label", out JsonElement label) && label.ValueKind == JsonValueKind.Number;
        }
        catch (JsonException e)
        {
            throw new DdoqException($"'{path}', line 1: {JsonFile.Describe(e)}", Hint, e);
        }
    }

    private static List<(DistilledImage Image, int Line)> ReadLines(string path)
    {
        ReadOnlySpan<byte> text = JsonFile.SkipByteOrderMark(JsonFile.ReadAllBytes(path));
        var rows = new List<(DistilledImage, int)>();
        int number = 0;
        foreach (Range range in text.Split((byte)'\n'))
        {
            number++;
            ReadOnlySpan<byte> line = text[range].Trim(" \t\r"u8);
            if (line.IsEmpty)
                continue;
            try
            {
                DistilledImage image = JsonFile.Parse(line, DistilledJson.Default.DistilledImage) ?? throw new JsonException();
                rows.Add((image.ClassName.Length > 0 ? image : image with { ClassName = FolderOf(image.FileName) }, number));
            }
            catch (JsonException e)
            {
                throw new DdoqException($"'{path}', line {number}: {JsonFile.Describe(e)}", Hint, e);
            }
        }

        return rows;
    }

    private static string FolderOf(string fileName) => Path.GetDirectoryName(fileName)?.Replace('\\', '/') ?? "";

    private static string[] NamesOf(string path, List<(DistilledImage Image, int Line)> rows)
    {
        // Names are made for every label up to the largest: one that is out of all proportion is a mistake, not a class.
        int largest = Math.Max(1_000, 100 * rows.Count);
        foreach ((DistilledImage image, int line) in rows)
        {
            if (image.Label < 0 || image.Label > largest)
                throw new DdoqException($"'{path}', line {line}: {StorageErrors.Quote(image.FileName)}: label {image.Label}, allowed are 0 to {largest} in a list of {rows.Count} images", Hint);
        }

        string?[] names = new string?[rows.Select(row => row.Image.Label + 1).DefaultIfEmpty(1).Max()];
        foreach ((DistilledImage image, _) in rows)
            names[image.Label] ??= image.ClassName;

        // Classes without images still count: labels and logits are numbered with them.
        return [.. names.Select((name, label) => name ?? "class " + label.ToString(CultureInfo.InvariantCulture))];
    }
}

/// <summary>One image of a distilled set: one line of <c>train/metadata.jsonl</c>.</summary>
/// <remarks>
/// The keys in the file are <c>file_name, label, class_name, weight, cluster_size, prototype, seed</c>, and <c>cluster_mass</c>
/// where rows had weights,
/// <c>source</c> and <c>source_row</c> where the image is a real one, <c>candidate</c> where it was chosen among several of its prototype. Only the first two must be there, so that sets of other tools can be read; further keys are ignored.
/// </remarks>
/// <param name="FileName">Path relative to the metadata file, with '/'.</param>
/// <param name="Label">The class.</param>
/// <param name="ClassName">The class's name as in the source; when missing, the image's folder.</param>
/// <param name="Weight">The image's weight in the training loss, 0 or more.</param>
/// <param name="ClusterSize">Rows of the source that the image stands for (v); 0 when unknown.</param>
/// <param name="Prototype">The prototype's number within its class.</param>
/// <param name="Seed">Seed of the image's noise.</param>
/// <param name="ClusterMass">Sum of the sample weights of those rows; null when they had none.</param>
/// <param name="Source">Name of the source image that this is; null for a made one.</param>
/// <param name="SourceRow">Its place in the order of the source, 0-based; null likewise.</param>
/// <param name="Candidate">Which of its prototype's candidates it was, 0-based; null where each prototype gave one image.</param>
public sealed record DistilledImage(
    string FileName,
    int Label,
    string ClassName = "",
    [property: JsonConverter(typeof(DecimalNumberConverter))] double Weight = 1,
    long ClusterSize = 0,
    int Prototype = 0,
    long Seed = 0,
    [property: JsonConverter(typeof(DecimalNumberConverter))] double? ClusterMass = null,
    string? Source = null,
    long? SourceRow = null,
    int? Candidate = null);

/// <summary>Writes doubles with a decimal point or exponent always.</summary>
/// <remarks>Readers that guess a column's type from its first lines (Arrow) would take 1 for an integer and then refuse 1.5.</remarks>
internal sealed class DecimalNumberConverter : JsonConverter<double>
{
    /// <inheritdoc/>
    public override double Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetDouble();

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options)
    {
        string text = value.ToString("R", CultureInfo.InvariantCulture);
        writer.WriteRawValue(text.AsSpan().ContainsAny('.', 'E', 'e') ? text : text + ".0");
    }
}

/// <summary>The content of <c>ddoq.json</c>: what made a distilled set. Equal runs write equal bytes.</summary>
/// <param name="Version">Version of the program.</param>
/// <param name="Seed">The run's seed.</param>
/// <param name="Device">Where it was computed, for example <c>cpu</c> or the name of the graphics card.</param>
/// <param name="Configuration">The effective configuration, all stages, by key.</param>
/// <param name="InputHashes">SHA-256 of data set, encoder, diffusion model and teacher, by name.</param>
/// <param name="ClassNames">Class names in label order.</param>
public sealed record DistilledProvenance(
    string Version,
    ulong Seed,
    string Device,
    SortedDictionary<string, string> Configuration,
    SortedDictionary<string, string> InputHashes,
    IReadOnlyList<string> ClassNames)
{
    /// <summary>Name of the file in the set's folder.</summary>
    public const string FileName = "ddoq.json";

    private const string Hint = "The file was edited or damaged; the images do not need it: remove it or synthesise again.";

    /// <summary>Writes the file, atomically.</summary>
    /// <exception cref="DdoqException">It cannot be written.</exception>
    public void Save(string folder)
    {
        DistilledProvenance sorted = this with
        {
            Configuration = new(Configuration, StringComparer.Ordinal),
            InputHashes = new(InputHashes, StringComparer.Ordinal),
        };
        JsonFile.Write(Path.Combine(folder, FileName), sorted, DistilledJson.Default.DistilledProvenance);
    }

    /// <summary>Reads the file.</summary>
    /// <exception cref="DdoqException">It is missing or damaged.</exception>
    public static DistilledProvenance Load(string folder)
    {
        string path = Path.Combine(folder, FileName);
        DistilledProvenance provenance = JsonFile.Read(path, DistilledJson.Default.DistilledProvenance, Hint);
        if (provenance.ClassNames.Contains(null!))
            throw new DdoqException($"'{path}': a class name is null", Hint);
        return provenance;
    }
}

/// <summary>Serialisation contracts of prototypes and distilled sets, generated at build time, so that trimmed and AOT-compiled programs work.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    AllowDuplicateProperties = false)]
[JsonSerializable(typeof(SortedDictionary<string, string>))]
[JsonSerializable(typeof(DistilledImage))]
[JsonSerializable(typeof(DistilledProvenance))]
[JsonSerializable(typeof(CandidateList))]
internal sealed partial class DistilledJson : JsonSerializerContext;
