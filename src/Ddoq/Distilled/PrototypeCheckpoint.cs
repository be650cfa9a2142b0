using System.Globalization;
using Ddoq.Latents;
using Ddoq.Storage;

namespace Ddoq.Distilled;

/// <summary>One file per finished class, so that an interrupted or sharded quantisation continues class by class.</summary>
/// <remarks>
/// Files <c>classes/00012.safetensors</c> hold <c>distortion</c> F64 [1], <c>counts</c> I64 [K_c] and <c>centroids</c> F32
/// [K_c, c, h, w]; the metadata names class, algorithm, seed and options. Several processes may save different classes
/// into one folder. Safe for concurrent use.
/// </remarks>
public sealed class PrototypeCheckpoint
{
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

    /// <summary>Where the files are.</summary>
    public string Folder { get; }

    /// <summary>The file of one class.</summary>
    public string PathOf(int classIndex) =>
        Path.Combine(Folder, string.Create(CultureInfo.InvariantCulture, $"{classIndex:D5}.safetensors"));

    /// <summary>Saves one class, atomically.</summary>
    /// <exception cref="ArgumentException">The result does not fit K or D.</exception>
    /// <exception cref="DdoqException">The file cannot be written.</exception>
    public void Save(int classIndex, ClassPrototypes prototypes)
    {
        ArgumentNullException.ThrowIfNull(prototypes);
        LatentErrors.CheckClass(classIndex, _info.Latents.ClassNames.Count);
        LatentShape shape = _info.Latents.Shape;
        if (prototypes.Count > _info.CentersPerClass || prototypes.Centroids.Length != (long)prototypes.Count * shape.Length)
            throw new ArgumentException($"class {classIndex}: {prototypes.Count} centres and {prototypes.Centroids.Length} values, allowed are {_info.CentersPerClass} centres of {shape.Length}", nameof(prototypes));
        long k = prototypes.Count;
        using SafetensorsWriter writer = SafetensorsWriter.Create(
            PathOf(classIndex),
            [
                ("distortion", SafetensorsType.F64, [1]),
                ("counts", SafetensorsType.I64, [k]),
                ("centroids", SafetensorsType.F32, [k, shape.Channels, shape.Height, shape.Width]),
            ],
            MetadataOf(classIndex),
            _flushToDisk);
        writer.Append<double>("distortion", [prototypes.Distortion]);
        writer.Append("counts", prototypes.Counts.Span);
        writer.Append("centroids", prototypes.Centroids.Span);
        writer.Complete();
    }

    /// <summary>Loads one class.</summary>
    /// <returns>False when there is no file or it is damaged: compute the class again.</returns>
    /// <exception cref="DdoqException">The file is whole but belongs to another class, seed, algorithm or set of options.</exception>
    public bool TryLoad(int classIndex, out ClassPrototypes? prototypes)
    {
        LatentErrors.CheckClass(classIndex, _info.Latents.ClassNames.Count);
        prototypes = null;
        string path = PathOf(classIndex);
        if (!File.Exists(path))
            return false;
        SafetensorsFile file;
        try
        {
            file = SafetensorsFile.Open(path);
        }
        catch (DdoqException)
        {
            return false;
        }

        using (file)
        {
            foreach ((string key, string expected) in MetadataOf(classIndex))
            {
                string found = file.Metadata.GetValueOrDefault(key, "(not set)");
                if (found != expected)
                {
                    throw new DdoqException(
                        $"'{path}': {key} is {StorageErrors.Quote(found)}, this run has {StorageErrors.Quote(expected)}",
                        "Choose another --output, or start anew with --force.");
                }
            }

            return TryRead(file, out prototypes);
        }
    }

    /// <summary>Classes without a usable file, ascending.</summary>
    /// <inheritdoc cref="TryLoad" path="/exception"/>
    public IReadOnlyList<int> MissingClasses() =>
        [.. Enumerable.Range(0, _info.Latents.ClassNames.Count).Where(c => !TryLoad(c, out _))];

    /// <summary>Joins the files of all classes to <c>prototypes.safetensors</c>, one class in memory at a time.</summary>
    /// <param name="path">The file to write.</param>
    /// <exception cref="DdoqException">A class is missing or of another run, or the file cannot be written.</exception>
    public void Assemble(string path)
    {
        using PrototypeWriter writer = PrototypeWriter.Create(path, _info);
        for (int c = 0; c < _info.Latents.ClassNames.Count; c++)
        {
            if (!TryLoad(c, out ClassPrototypes? prototypes))
            {
                throw new DdoqException(
                    $"'{PathOf(c)}' is missing or damaged: class {c} {StorageErrors.Quote(_info.Latents.ClassNames[c])} is not quantised yet",
                    "Run the quantize stage again (every shard of it): it computes only what is missing.");
            }

            writer.Append(prototypes!);
        }

        writer.Complete();
    }

    private SortedDictionary<string, string> MetadataOf(int classIndex) => new(_metadata, StringComparer.Ordinal)
    {
        ["class_index"] = classIndex.ToString(CultureInfo.InvariantCulture),
        ["class_name"] = _info.Latents.ClassNames[classIndex],
    };

    private bool TryRead(SafetensorsFile file, out ClassPrototypes? prototypes)
    {
        prototypes = null;
        try
        {
            ReadOnlySpan<float> centroids = file.GetSpan<float>("centroids");
            ReadOnlySpan<long> counts = file.GetSpan<long>("counts");
            ReadOnlySpan<double> distortion = file.GetSpan<double>("distortion");
            int d = _info.Latents.Shape.Length;
            if (counts.Length > _info.CentersPerClass || centroids.Length != (long)counts.Length * d || distortion.Length != 1 || counts.ContainsAnyInRange(long.MinValue, 0))
                return false;
            prototypes = ClassPrototypes.Create(d, centroids, counts, distortion[0]);
            return true;
        }
        catch (DdoqException)
        {
            return false;
        }
    }
}
