using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Ddoq.Latents;
using Ddoq.Storage;

namespace Ddoq.Distilled;

/// <summary>One file per finished class, so that a quantisation that was interrupted, or done in shares, continues class by class.</summary>
/// <remarks>
/// Files <c>classes/00012.safetensors</c> hold <c>distortion</c> F64 [1], <c>counts</c> I64 [K_c], <c>centroids</c> F32
/// [K_c, c, h, w], and <c>masses</c> F64 [K_c] where rows have weights; the metadata names class, algorithm, seed and options, has a hash of the
/// tensors, and may hold a line of report. Several processes may save different classes into one folder, or into folders of their own that <see cref="Assemble(string, IReadOnlyList{PrototypeCheckpoint})"/> joins.
/// Safe for concurrent use.
/// </remarks>
public sealed class PrototypeCheckpoint
{
    /// <summary>Name of the file in the stage's folder that describes the run, for joining its parts.</summary>
    public const string HeaderFileName = "classes" + StageFolder.HeaderSuffix;

    private const string ReportKey = "report";
    private const string ContentKey = "content";
    private readonly PrototypeInfo _info;
    private readonly bool _flushToDisk;
    private readonly SortedDictionary<string, string> _metadata;

    /// <summary>Opens the checkpoints of a stage, creating their folder.</summary>
    /// <param name="folder">The stage's folder; the files go to its subfolder <c>classes</c>.</param>
    /// <param name="info">What makes the prototypes.</param>
    /// <param name="flushToDisk">
    /// False saves the time of a flush per class; a class whose file a power failure emptied is then computed again.
    /// </param>
    /// <exception cref="DdoqException">The folder cannot be created.</exception>
    public PrototypeCheckpoint(string folder, PrototypeInfo info, bool flushToDisk = true)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(info);
        LatentMetadata.Check(info.Latents);
        _info = info;
        _flushToDisk = flushToDisk;

        // One class's file names its class only: the list of all would outweigh the numbers.
        _metadata = (info with { Latents = info.Latents with { ClassNames = [""] } }).Format();
        _metadata.Remove("class_names");
        _metadata[LatentMetadata.FormatKey] = "class-prototypes/1";
        Folder = Path.Combine(folder, "classes");
        try
        {
            Directory.CreateDirectory(Folder);
        }
        catch (Exception e) when (StorageErrors.IsFileFailure(e))
        {
            throw StorageErrors.CannotWrite(Folder, e);
        }
    }

    /// <summary>What makes the prototypes.</summary>
    public PrototypeInfo Info => _info;

    /// <summary>Opens the checkpoints of a stage as its header describes them.</summary>
    /// <param name="folder">The stage's folder.</param>
    /// <exception cref="DdoqException">There is no header, or it is damaged.</exception>
    public static PrototypeCheckpoint Open(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        return new PrototypeCheckpoint(folder, PrototypeInfo.Load(Path.Combine(folder, HeaderFileName)));
    }

    /// <summary>Writes the header that <see cref="Open"/> reads, unless it is there.</summary>
    /// <param name="folder">The stage's folder.</param>
    /// <exception cref="DdoqException">It cannot be written.</exception>
    public void SaveHeader(string folder)
    {
        string path = Path.Combine(folder, HeaderFileName);
        if (!File.Exists(path))
            _info.Save(path);
    }

    /// <summary>Where the files are.</summary>
    public string Folder { get; }

    /// <summary>The file of one class.</summary>
    public string PathOf(int classIndex) =>
        Path.Combine(Folder, string.Create(CultureInfo.InvariantCulture, $"{classIndex:D5}.safetensors"));

    /// <summary>Saves one class, atomically.</summary>
    /// <param name="classIndex">The class, 0-based.</param>
    /// <param name="prototypes">Its result.</param>
    /// <param name="report">A line about the class that <see cref="Assemble(string)"/> hands back; must depend on the result alone.</param>
    /// <exception cref="ArgumentException">The result does not fit K or D.</exception>
    /// <exception cref="DdoqException">The file cannot be written.</exception>
    public void Save(int classIndex, ClassPrototypes prototypes, string report = "")
    {
        ArgumentNullException.ThrowIfNull(prototypes);
        LatentErrors.CheckClass(classIndex, _info.Latents.ClassNames.Count);
        LatentShape shape = _info.Latents.Shape;
        if (prototypes.Count > _info.CentersPerClass || prototypes.Centroids.Length != (long)prototypes.Count * shape.Length)
            throw new ArgumentException($"class {classIndex}: {prototypes.Count} centres and {prototypes.Centroids.Length} values, allowed are {_info.CentersPerClass} centres of {shape.Length}", nameof(prototypes));
        if (prototypes.Masses.Length != (_info.HasMasses ? prototypes.Count : 0))
            throw new ArgumentException($"class {classIndex}: {prototypes.Masses.Length} masses for {prototypes.Count} centres, in a run {(_info.HasMasses ? "with" : "without")} sample weights", nameof(prototypes));
        long k = prototypes.Count;
        (string, SafetensorsType, IReadOnlyList<long>)[] masses = _info.HasMasses ? [("masses", SafetensorsType.F64, [k])] : [];
        SortedDictionary<string, string> metadata = MetadataOf(classIndex);
        metadata[ContentKey] = HashOf([prototypes.Distortion], prototypes.Masses.Span, prototypes.Counts.Span, prototypes.Centroids.Span);
        if (report.Length > 0)
            metadata[ReportKey] = report;
        using SafetensorsWriter writer = SafetensorsWriter.Create(
            PathOf(classIndex),
            [
                ("distortion", SafetensorsType.F64, [1]),
                .. masses,
                ("counts", SafetensorsType.I64, [k]),
                ("centroids", SafetensorsType.F32, [k, shape.Channels, shape.Height, shape.Width]),
            ],
            metadata,
            _flushToDisk);
        writer.Append<double>("distortion", [prototypes.Distortion]);
        if (_info.HasMasses)
            writer.Append("masses", prototypes.Masses.Span);
        writer.Append("counts", prototypes.Counts.Span);
        writer.Append("centroids", prototypes.Centroids.Span);
        writer.Complete();
    }

    /// <summary>Loads one class.</summary>
    /// <returns>False when there is no file or it is damaged: compute the class again.</returns>
    /// <exception cref="DdoqException">The file is whole but belongs to another class, seed, algorithm or set of options.</exception>
    public bool TryLoad(int classIndex, out ClassPrototypes? prototypes)
    {
        using SafetensorsFile? file = TryOpen(classIndex);
        prototypes = file is null
            ? null
            : ClassPrototypes.Create(_info.Latents.Shape.Length, file.GetSpan<float>("centroids"), file.GetSpan<long>("counts"), file.GetSpan<double>("distortion")[0], Masses(file));
        return file is not null;
    }

    /// <summary>Classes without a usable file, ascending.</summary>
    /// <inheritdoc cref="TryLoad" path="/exception"/>
    public IReadOnlyList<int> MissingClasses() => MissingClasses(Enumerable.Range(0, _info.Latents.ClassNames.Count));

    /// <summary>Those of some classes that have no usable file, ascending.</summary>
    /// <inheritdoc cref="TryLoad" path="/exception"/>
    public IReadOnlyList<int> MissingClasses(IEnumerable<int> classes) =>
        [.. classes.Where(c =>
        {
            using SafetensorsFile? file = TryOpen(c);
            return file is null;
        }).Order()];

    /// <summary>Whether every class has a file, whole or not: cheap, for knowing when to join.</summary>
    public bool HasAllFiles() => Enumerable.Range(0, _info.Latents.ClassNames.Count).All(c => File.Exists(PathOf(c)));

    /// <summary>Joins the files of all classes to <c>prototypes.safetensors</c>, one class in memory at a time.</summary>
    /// <param name="path">The file to write.</param>
    /// <returns>The line of report of each class.</returns>
    /// <exception cref="DdoqException">A class is missing or of another run, or the file cannot be written.</exception>
    public IReadOnlyList<string> Assemble(string path) => Assemble(path, [this]);

    /// <summary>Joins the files of several parts of one run; a class that two parts have must be the same in both.</summary>
    /// <param name="path">The file to write.</param>
    /// <param name="parts">Checkpoints of one run: equal infos.</param>
    /// <returns>The line of report of each class.</returns>
    /// <exception cref="DdoqException">A class is missing, of another run, or different in two parts, or the file cannot be written.</exception>
    public static IReadOnlyList<string> Assemble(string path, IReadOnlyList<PrototypeCheckpoint> parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        PrototypeInfo info = parts[0]._info;
        var reports = new string[info.Latents.ClassNames.Count];
        using PrototypeWriter writer = PrototypeWriter.Create(path, info);
        for (int c = 0; c < reports.Length; c++)
        {
            // Straight from the mapped file: nothing is left to the garbage collector.
            using SafetensorsFile file = OpenOne(parts, c);
            writer.Append(file.GetSpan<float>("centroids"), file.GetSpan<long>("counts"), parts[0].Masses(file), file.GetSpan<double>("distortion")[0]);
            reports[c] = file.Metadata.GetValueOrDefault(ReportKey, "");
        }

        writer.Complete();
        return reports;
    }

    private static SafetensorsFile OpenOne(IReadOnlyList<PrototypeCheckpoint> parts, int c)
    {
        SafetensorsFile? first = null;
        try
        {
            foreach (PrototypeCheckpoint part in parts)
            {
                SafetensorsFile? found = part.TryOpen(c);
                if (first is null || found is null)
                {
                    first ??= found;
                    continue;
                }

                using (found)
                {
                    if (found.Metadata[ContentKey] != first.Metadata[ContentKey])
                    {
                        throw new DdoqException(
                            $"class {c} {StorageErrors.Quote(parts[0]._info.Latents.ClassNames[c])} was made twice, with different results: '{first.Path}' and '{found.Path}'",
                            "Nodes of different processors round differently: keep the shares of one kind of node, and delete the other file.");
                    }
                }
            }

            return first ?? throw Missing(parts, c);
        }
        catch
        {
            first?.Dispose();
            throw;
        }
    }

    // Says how much is missing, so that a forgotten share is told from a damaged file.
    private static DdoqException Missing(IReadOnlyList<PrototypeCheckpoint> parts, int first)
    {
        IReadOnlyList<string> names = parts[0]._info.Latents.ClassNames;
        const string Hint = "Run the quantize stage again (every share of it): it computes only what is missing.";
        string what = string.Create(CultureInfo.InvariantCulture, $"class {first} {StorageErrors.Quote(names[first])}");
        if (parts.Select(part => part.PathOf(first)).FirstOrDefault(File.Exists) is { } damaged)
            return new DdoqException($"'{damaged}' is damaged: {what} has to be quantised again", Hint);
        int others = Enumerable.Range(first + 1, names.Count - first - 1).Count(c => !parts.Any(part => File.Exists(part.PathOf(c))));
        string more = others > 0 ? string.Create(CultureInfo.InvariantCulture, $", nor are {others} others of {names.Count}") : "";
        string where = string.Join(" or ", parts.Select(part => $"'{part.Folder}'"));
        return new DdoqException($"no file {Path.GetFileName(parts[0].PathOf(first))} in {where}: {what} is not quantised yet{more}", Hint);
    }

    private SortedDictionary<string, string> MetadataOf(int classIndex) => new(_metadata, StringComparer.Ordinal)
    {
        ["class_index"] = classIndex.ToString(CultureInfo.InvariantCulture),
        ["class_name"] = _info.Latents.ClassNames[classIndex],
    };

    // The file of a class when it is whole and of this run; null when it is missing or damaged.
    private SafetensorsFile? TryOpen(int classIndex)
    {
        LatentErrors.CheckClass(classIndex, _info.Latents.ClassNames.Count);
        string path = PathOf(classIndex);
        if (!File.Exists(path))
            return null;
        SafetensorsFile file;
        try
        {
            file = SafetensorsFile.Open(path);
        }
        catch (DdoqException)
        {
            return null;
        }

        try
        {
            foreach ((string key, string expected) in MetadataOf(classIndex))
            {
                string found = file.Metadata.GetValueOrDefault(key, "(not set)");
                if (found != expected)
                {
                    throw new DdoqException(
                        $"'{path}': {key} is {StorageErrors.Quote(found)}, this run has {StorageErrors.Quote(expected)}",
                        "Choose another output folder, or start anew with --force.");
                }
            }

            if (IsWhole(file))
                return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }

        file.Dispose();
        return null;
    }

    // A bit that flips on a disk leaves a file that looks whole.
    private static string HashOf(ReadOnlySpan<double> distortion, ReadOnlySpan<double> masses, ReadOnlySpan<long> counts, ReadOnlySpan<float> centroids)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(MemoryMarshal.AsBytes(distortion));
        hash.AppendData(MemoryMarshal.AsBytes(masses));
        hash.AppendData(MemoryMarshal.AsBytes(counts));
        hash.AppendData(MemoryMarshal.AsBytes(centroids));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private ReadOnlySpan<double> Masses(SafetensorsFile file) => _info.HasMasses ? file.GetSpan<double>("masses") : default;

    private bool IsWhole(SafetensorsFile file)
    {
        try
        {
            ReadOnlySpan<float> centroids = file.GetSpan<float>("centroids");
            ReadOnlySpan<long> counts = file.GetSpan<long>("counts");
            ReadOnlySpan<double> distortion = file.GetSpan<double>("distortion");
            return counts.Length <= _info.CentersPerClass
                && centroids.Length == (long)counts.Length * _info.Latents.Shape.Length
                && distortion.Length == 1
                && double.IsFinite(distortion[0])
                && distortion[0] >= 0
                && !counts.ContainsAnyInRange(long.MinValue, 0)
                && Masses(file).Length == (_info.HasMasses ? counts.Length : 0)
                && !Masses(file).ContainsAnyExceptInRange(double.Epsilon, double.MaxValue)
                && ClassPrototypes.IndexOfNonFinite(centroids) < 0
                && file.Metadata.GetValueOrDefault(ContentKey) == HashOf(distortion, Masses(file), counts, centroids);
        }
        catch (DdoqException)
        {
            return false;
        }
    }
}
