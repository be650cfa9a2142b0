using System.Globalization;
using System.Numerics.Tensors;
using System.Text.Json.Serialization;
using Ddoq.Latents;
using Ddoq.Storage;

namespace Ddoq.Distilled;

/// <summary>The candidates of a distilled set: several generated latents per prototype, of which a selection keeps some.</summary>
/// <remarks>
/// <c>candidates.json</c> says what they are; <c>candidates/00000012.safetensors</c> is a batch of them: <c>latents</c> F32 [n, c, h, w],
/// scaled, with <c>labels</c>, <c>prototypes</c> and <c>candidates</c> I32 [n]. Rows go on from batch to batch, class by class, prototype by
/// prototype, candidate by candidate. Safe for concurrent readers.
/// </remarks>
public sealed class CandidateSet
{
    /// <summary>Name of the file that describes the candidates; it is there when all batches are.</summary>
    public const string FileName = "candidates.json";

    private const string Hint = "Draw the candidates again: ddoq synthesize --candidates M; only what is missing is made.";
    private readonly string _folder;

    private CandidateSet(string folder, CandidateList list)
    {
        _folder = folder;
        List = list;
    }

    /// <summary>What the candidates are.</summary>
    public CandidateList List { get; }

    /// <summary>Opens a complete set of candidates; no latent is read.</summary>
    /// <exception cref="DdoqException">There is none, or its description is damaged.</exception>
    public static CandidateSet Open(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        string path = Path.Combine(folder, FileName);
        if (!File.Exists(path))
            throw new DdoqException($"'{folder}' holds no candidates: {FileName} is missing", Hint);
        CandidateList list = JsonFile.Read(path, DistilledJson.Default.CandidateList, Hint);
        return list.Fault is { } fault ? throw new DdoqException($"'{path}': {fault}", Hint) : new CandidateSet(folder, list);
    }

    /// <summary>Copies candidates of a class.</summary>
    /// <param name="classIndex">The class, 0-based.</param>
    /// <param name="first">The first, 0-based within the class.</param>
    /// <param name="destination">Receives <c>destination.Length / D</c> of them, row-major.</param>
    /// <exception cref="ArgumentOutOfRangeException">The class has fewer.</exception>
    /// <exception cref="DdoqException">A batch is missing or damaged, or a value is not finite; the message names class, prototype, candidate and seed.</exception>
    public void Read(int classIndex, int first, Span<float> destination)
    {
        int length = List.Shape.Length, count = destination.Length / length;
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(first + (long)count, List.CountOf(classIndex), nameof(destination));
        long start = List.FirstOf(classIndex) + first;
        for (int done = 0; done < count;)
        {
            (long batch, long offset) = Math.DivRem(start + done, List.BatchSize);
            int rows = (int)Math.Min(count - done, List.RowsOf(batch) - offset);
            using (SafetensorsFile file = OpenBatch(batch))
                file.GetSpan<float>("latents", offset * length, rows * length).CopyTo(destination[(done * length)..]);
            done += rows;
        }

        for (int i = 0; i < count; i++)
        {
            if (!TensorPrimitives.IsFiniteAll<float>(destination.Slice(i * length, length)))
                throw new DdoqException($"'{_folder}': {List.NameOf(start + i)} is not finite", "The file was damaged: remove it and draw the candidates again, which makes what is missing.");
        }
    }

    /// <summary>Whether a batch is on disk, whole.</summary>
    public static bool HasBatch(string folder, CandidateList list, long batch)
    {
        if (!File.Exists(PathOf(folder, batch)))
            return false;
        try
        {
            using SafetensorsFile file = SafetensorsFile.Open(PathOf(folder, batch));
            return file.TryGetTensor("latents", out SafetensorsTensor? latents) && latents!.Type == SafetensorsType.F32 && latents.ElementCount == (long)list.RowsOf(batch) * list.Shape.Length;
        }
        catch (DdoqException)
        {
            return false;
        }
    }

    /// <summary>Writes a batch, whole or not at all.</summary>
    /// <param name="folder">Folder of the candidates.</param>
    /// <param name="list">What they are.</param>
    /// <param name="batch">Number of the batch.</param>
    /// <param name="latents">Its latents, row-major.</param>
    /// <exception cref="DdoqException">It cannot be written.</exception>
    public static void WriteBatch(string folder, CandidateList list, long batch, ReadOnlySpan<float> latents)
    {
        int rows = list.RowsOf(batch);
        int[] labels = new int[rows], prototypes = new int[rows], candidates = new int[rows];
        for (int i = 0; i < rows; i++)
            (labels[i], prototypes[i], candidates[i]) = list.Row((batch * list.BatchSize) + i);
        string path = PathOf(folder, batch);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        using SafetensorsWriter writer = SafetensorsWriter.Create(
            path,
            [
                ("latents", SafetensorsType.F32, [rows, list.Shape.Channels, list.Shape.Height, list.Shape.Width]),
                ("labels", SafetensorsType.I32, [rows]), ("prototypes", SafetensorsType.I32, [rows]), ("candidates", SafetensorsType.I32, [rows]),
            ],
            new Dictionary<string, string> { ["seed"] = list.Seed.ToString(CultureInfo.InvariantCulture) });
        writer.Append("latents", latents);
        writer.Append<int>("labels", labels);
        writer.Append<int>("prototypes", prototypes);
        writer.Append<int>("candidates", candidates);
        writer.Complete();
    }

    /// <summary>Writes the description, when all batches are there.</summary>
    /// <returns>All files of the set, relative to the folder.</returns>
    public static IReadOnlyList<string> Complete(string folder, CandidateList list)
    {
        JsonFile.Write(Path.Combine(folder, FileName), list, DistilledJson.Default.CandidateList);
        return [FileName, .. Enumerable.Range(0, checked((int)list.BatchCount)).Select(batch => Path.GetRelativePath(folder, PathOf(folder, batch)))];
    }

    private static string PathOf(string folder, long batch) => Path.Combine(folder, "candidates", string.Create(CultureInfo.InvariantCulture, $"{batch:D8}.safetensors"));

    private SafetensorsFile OpenBatch(long batch)
    {
        string path = PathOf(_folder, batch);
        if (!HasBatch(_folder, List, batch))
            throw new DdoqException($"'{path}' is missing or damaged", Hint);
        return SafetensorsFile.Open(path);
    }
}

/// <summary>What a set of candidates is: the content of <c>candidates.json</c>.</summary>
/// <param name="ClassNames">Class names in label order.</param>
/// <param name="Extents">Channels, height and width of a latent.</param>
/// <param name="Prototypes">Prototypes of each class.</param>
/// <param name="CandidatesPerPrototype">Candidates of each prototype (M).</param>
/// <param name="CentersPerClass">Prototypes that were asked for per class (K).</param>
/// <param name="Seed">The run's seed; with class, prototype and candidate it decides a candidate's noise.</param>
/// <param name="BatchSize">Rows of each batch but the last.</param>
/// <param name="Algorithm">What made the prototypes.</param>
/// <param name="Origin">One sentence: how candidates came from prototypes.</param>
/// <param name="IsGrey">Whether the images that the data are of are all grey.</param>
public sealed record CandidateList(
    IReadOnlyList<string> ClassNames,
    [property: JsonPropertyName("latent_shape")] IReadOnlyList<int> Extents,
    IReadOnlyList<int> Prototypes,
    int CandidatesPerPrototype,
    int CentersPerClass,
    ulong Seed,
    int BatchSize,
    string Algorithm,
    string Origin,
    bool IsGrey)
{
    private readonly long[] _first = Offsets(Prototypes, CandidatesPerPrototype);

    /// <summary>Shape of a latent.</summary>
    [JsonIgnore]
    public LatentShape Shape => new(Extents[0], Extents[1], Extents[2]);

    /// <summary>Candidates of all classes.</summary>
    [JsonIgnore]
    public long Count => _first[^1];

    /// <summary>Batches.</summary>
    [JsonIgnore]
    public long BatchCount => (Count + BatchSize - 1) / BatchSize;

    /// <summary>What contradicts itself; null when nothing does.</summary>
    [JsonIgnore]
    internal string? Fault =>
        Extents.Count != 3 || Extents.Any(extent => extent < 1) ? "latent_shape has three extents of at least 1"
        : Prototypes.Count != ClassNames.Count || Prototypes.Any(count => count < 0) ? $"prototypes has a number from 0 for each of the {ClassNames.Count} classes"
        : CandidatesPerPrototype < 1 || CentersPerClass < 1 || BatchSize < 1 ? "candidates_per_prototype, centers_per_class and batch_size are at least 1"
        : null;

    /// <summary>Candidates of a class.</summary>
    public int CountOf(int classIndex) => Prototypes[classIndex] * CandidatesPerPrototype;

    /// <summary>Row of a class's first candidate among all.</summary>
    public long FirstOf(int classIndex) => _first[classIndex];

    /// <summary>Rows of a batch.</summary>
    public int RowsOf(long batch) => (int)Math.Min(BatchSize, Count - (batch * BatchSize));

    /// <summary>Class, prototype and candidate of a row.</summary>
    public (int Label, int Prototype, int Candidate) Row(long row)
    {
        // Classes without prototypes take no row: the last class that begins here has it.
        int label = Array.BinarySearch(_first, row);
        if (label < 0)
            label = ~label - 1;
        while (_first[label + 1] == row)
            label++;
        (long prototype, long candidate) = Math.DivRem(row - _first[label], CandidatesPerPrototype);
        return (label, (int)prototype, (int)candidate);
    }

    /// <summary>Words for a row, for errors.</summary>
    public string NameOf(long row)
    {
        (int label, int prototype, int candidate) = Row(row);
        return $"candidate {candidate} of prototype {prototype} of class {label} '{ClassNames[label]}' (seed {Seed})";
    }

    private static long[] Offsets(IReadOnlyList<int> prototypes, int each)
    {
        var offsets = new long[prototypes.Count + 1];
        for (int c = 0; c < prototypes.Count; c++)
            offsets[c + 1] = offsets[c] + ((long)prototypes[c] * each);
        return offsets;
    }
}
