using System.Globalization;
using System.Numerics.Tensors;
using System.Security.Cryptography;
using Ddoq.Storage;

namespace Ddoq.Latents;

/// <summary>A latent store on disk, memory-mapped: rows are read by class, wherever they lie, in place where possible.</summary>
/// <remarks>
/// <para>Opening checks every shard (present, whole, same type, shape and metadata, labels in range) and notes where the
/// rows of each class are: a few bytes per class where rows of a class follow each other, 1 to 3 bytes per row where
/// classes are fully mixed. Labels stay in the files. Values are checked to be finite whenever they are copied, and once per class when its rows are handed
/// out in place.</para>
/// <para>A class that lies in one piece is used through the mapping; others are read piece by piece with ordinary reads.
/// <see cref="Release"/> takes a mapped class out of resident memory, so a pass over all classes holds only those in use.</para>
/// <para>The global order of rows is the order of the shards in the index, then within a shard; a class's rows keep it.
/// Spans are valid until the store is disposed. Safe for concurrent readers.</para>
/// </remarks>
public sealed partial class LatentStore : ILatentSource, IDisposable
{
    private readonly LatentShard[] _shards;
    private readonly int[] _shardFirstRow;
    private readonly ClassRowIndex _index;
    private readonly bool[] _checked;
    private readonly int _rowBytes;
    private int[]? _skippedRows;

    private LatentStore(string path, LatentShard[] shards, IReadOnlyList<string>? unnamed)
    {
        _shards = shards;
        _shardFirstRow = FirstRows(path, shards);
        ElementType = shards[0].ElementType;
        HasSampleWeights = FindSampleWeights(shards);
        _rowBytes = checked(shards[0].Shape.Length * LatentElement.Size(ElementType));
        int mostLabel = 0;
        VisitLabels((_, labels) => mostLabel = Math.Max(mostLabel, TensorPrimitives.Max(labels)));
        Info = ReadInfo(shards, mostLabel, unnamed);
        if (mostLabel >= Info.ClassNames.Count)
            throw FindBadLabel();
        _index = ClassRowIndex.Build(Info.ClassNames.Count, VisitLabels);
        foreach (LatentShard shard in shards)
            shard.ReleaseLabels();
        _checked = new bool[Info.ClassNames.Count];
    }

    /// <summary>What the store holds.</summary>
    public LatentStoreInfo Info { get; }

    /// <inheritdoc/>
    public LatentShape Shape => Info.Shape;

    /// <inheritdoc/>
    public IReadOnlyList<string> ClassNames => Info.ClassNames;

    /// <inheritdoc/>
    public LatentElementType ElementType { get; }

    /// <summary>Rows of all classes.</summary>
    public int Count => _shardFirstRow[^1];

    /// <summary>The files, in global order of their rows.</summary>
    public IReadOnlyList<string> Files => [.. _shards.Select(s => s.File.Path)];

    /// <summary>Opens a store.</summary>
    /// <param name="path">Its folder, its index file, or a single safetensors file.</param>
    /// <param name="unnamed">Class names in label order for a store that carries none; null takes their numbers.</param>
    /// <exception cref="DdoqException">
    /// Nothing usable is there, a shard is missing, cut off or does not fit the others, or a label names no class; the
    /// message names file, tensor and row.
    /// </exception>
    public static LatentStore Open(string path, IReadOnlyList<string>? unnamed = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var shards = new List<LatentShard>();
        try
        {
            foreach ((string file, long? rows) in LatentStoreFiles.Find(path))
            {
                shards.Add(LatentShard.Open(file));
                if (rows is long expected && shards[^1].RowCount != expected)
                    throw new DdoqException($"'{file}': {shards[^1].RowCount} rows, the index says {expected}", "The shard was replaced: encode again.");
            }

            return new LatentStore(path, [.. shards], unnamed);
        }
        catch
        {
            foreach (LatentShard shard in shards)
                shard.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public int RowCount(int classIndex)
    {
        LatentErrors.CheckClass(classIndex, ClassNames.Count);
        return _index.Count(classIndex);
    }

    /// <summary>Copies the labels of consecutive rows in global order.</summary>
    /// <param name="firstRow">First row, 0-based.</param>
    /// <param name="destination">Receives as many labels as it has room for.</param>
    /// <exception cref="ArgumentOutOfRangeException">A row does not exist.</exception>
    public void ReadLabels(int firstRow, Span<int> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(firstRow);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(destination.Length, Count - firstRow, nameof(destination));
        for (int i = 0; i < destination.Length; i++)
        {
            int shard = ShardOf(firstRow + i);
            destination[i] = _shards[shard].Label(firstRow + i - _shardFirstRow[shard]);
        }
    }

    /// <summary>Whether the rows of a class follow each other in the global order.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The class does not exist.</exception>
    public bool IsContiguous(int classIndex)
    {
        LatentErrors.CheckClass(classIndex, ClassNames.Count);
        return _index.IsOneRun(classIndex);
    }

    /// <summary>The global number of a class's row, 0-based.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The class or the row does not exist.</exception>
    public int GlobalRow(int classIndex, int row)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)RowCount(classIndex), nameof(row));
        foreach (ClassRowIndex.Run run in _index.Runs(classIndex))
        {
            if (row < run.Count)
                return run.First + row;
            row -= run.Count;
        }

        throw new InvalidOperationException("The runs of a class hold fewer rows than counted.");
    }

    /// <summary>Rows of the source that were left out when the store was written, ascending; empty when the writer names none.</summary>
    /// <exception cref="DdoqException">The list of a shard is damaged.</exception>
    public IReadOnlyList<int> SkippedRows => _skippedRows ??= [.. _shards.SelectMany(SkippedOf)];

    /// <summary>The place of a row in the source that the store was written from: behind rows that were left out it is larger than the row's number.</summary>
    /// <param name="row">Global number, 0 to <see cref="Count"/> - 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">The row does not exist.</exception>
    /// <exception cref="DdoqException">The list of a shard is damaged.</exception>
    public int SourceRow(int row)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Count, nameof(row));
        foreach (int skipped in SkippedRows)
        {
            if (skipped > row)
                break;
            row++;
        }

        return row;
    }

    /// <summary>Reads every value and weight once and refuses what is not usable; without it each class is checked on its first use.</summary>
    /// <exception cref="DdoqException">A value is not finite, or a weight not finite or negative; the message names file, row and class.</exception>
    public void EnsureFinite(CancellationToken cancellationToken = default)
    {
        // In the order of the files, whatever the classes, a few megabytes at a time.
        int step = Math.Max(1, (8 << 20) / _rowBytes);
        foreach (LatentShard shard in _shards)
        {
            for (long first = 0; first < shard.RowCount; first += step)
            {
                cancellationToken.ThrowIfCancellationRequested();
                int count = (int)Math.Min(step, shard.RowCount - first);
                if (first + count < shard.RowCount)
                    shard.Prefetch(first + count, (int)Math.Min(step, shard.RowCount - first - count));
                ThrowIfUnusable(shard, first, shard.Bytes(first, count));
                shard.Release(first, count);
            }
        }

        EnsureWeights(cancellationToken);
        Array.Fill(_checked, true);
    }

    /// <summary>
    /// A hash of what the store is and a sample of what it holds: headers, all labels, and 256 pages of 4 KiB, evenly
    /// spread, of the values of every shard. For large stores, where hashing everything would take a pass over the data.
    /// </summary>
    /// <exception cref="DdoqException">A shard cannot be read.</exception>
    public string ComputeSampleHash(CancellationToken cancellationToken = default)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (LatentShard shard in _shards)
        {
            cancellationToken.ThrowIfCancellationRequested();
            shard.AppendSample(hash);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <inheritdoc/>
    public void Prefetch(int classIndex)
    {
        foreach (Piece piece in Pieces(classIndex, 0, RowCount(classIndex)))
            piece.Shard.Prefetch(piece.First, piece.Count);
    }

    /// <inheritdoc/>
    public void Release(int classIndex)
    {
        // Scattered classes are not read through the mapping: there is nothing to release.
        if (TryGetPiece(classIndex, int.MaxValue, out Piece piece) && piece.Count > 0)
            piece.Shard.Release(piece.First, piece.Count);
    }

    /// <summary>Unmaps the files: spans into them are invalid from here on.</summary>
    public void Dispose()
    {
        foreach (LatentShard shard in _shards)
            shard.Dispose();
    }

    private static IEnumerable<int> SkippedOf(LatentShard shard) =>
        shard.File.Metadata.GetValueOrDefault(LatentMetadata.SkippedRowsKey, "").Split(',', StringSplitOptions.RemoveEmptyEntries).Select(text =>
            int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int row)
                ? row
                : throw LatentMetadata.Bad(shard.File.Path, LatentMetadata.SkippedRowsKey, text, "numbers of rows between commas"));

    private static int[] FirstRows(string path, LatentShard[] shards)
    {
        int[] first = new int[shards.Length + 1];
        long total = 0;
        for (int s = 0; s < shards.Length; s++)
        {
            if (shards[s].Shape != shards[0].Shape)
                throw Unlike(shards, s, "latents", shards[s].Shape.ToString(), shards[0].Shape.ToString());
            if (shards[s].ElementType != shards[0].ElementType)
                throw Unlike(shards, s, "latents", shards[s].ElementType.ToString(), shards[0].ElementType.ToString());
            total += shards[s].RowCount;
            if (total > int.MaxValue)
                throw new DdoqException($"'{path}': more than {int.MaxValue} rows", "Split it into several stores.");
            first[s + 1] = (int)total;
        }

        if (total == 0)
            throw new DdoqException($"'{path}': the store has no rows", "Check that the data set was found, and encode again.");
        return first;
    }

    private static LatentStoreInfo ReadInfo(LatentShard[] shards, int mostLabel, IReadOnlyList<string>? unnamed)
    {
        // Class lists are long: compare the texts, parse once.
        IReadOnlyDictionary<string, string> first = shards[0].File.Metadata;
        for (int s = 1; s < shards.Length; s++)
        {
            IReadOnlyDictionary<string, string> other = shards[s].File.Metadata;
            foreach (string key in first.Keys.Union(other.Keys).Where(k => k is not (LatentMetadata.FirstRowKey or LatentMetadata.SkippedRowsKey)).Order(StringComparer.Ordinal))
            {
                string a = first.GetValueOrDefault(key, "(not set)"), b = other.GetValueOrDefault(key, "(not set)");
                if (a != b)
                    throw Unlike(shards, s, $"metadata '{key}'", b, a);
            }
        }

        if (unnamed is not null)
            LatentMetadata.CheckNames("the class names given", unnamed);
        return LatentMetadata.Parse(shards[0].File.Path, first, shards[0].Shape, () => unnamed ?? LatentMetadata.NumberedNames(mostLabel + 1));
    }

    private static DdoqException Unlike(LatentShard[] shards, int shard, string what, string found, string expected) => new(
        $"'{shards[shard].File.Path}': {what} is {StorageErrors.Quote(found)}, the first shard has {StorageErrors.Quote(expected)}",
        "The shards come from different runs: encode again into an empty folder.");

    private void VisitLabels(ClassRowIndex.LabelVisitor visit)
    {
        for (int s = 0; s < _shards.Length; s++)
            _shards[s].VisitLabels(_shardFirstRow[s], visit);
    }

    private DdoqException FindBadLabel()
    {
        int row = -1, label = 0;
        VisitLabels((firstRow, labels) =>
        {
            int bad = row >= 0 ? -1 : labels.IndexOfAnyExceptInRange(0, ClassNames.Count - 1);
            if (bad >= 0)
                (row, label) = (firstRow + bad, labels[bad]);
        });
        int shard = ShardOf(row);
        return new DdoqException(
            $"'{_shards[shard].File.Path}': row {row - _shardFirstRow[shard]} has label {label}, allowed are 0 to {ClassNames.Count - 1}",
            "Check the class list and the tool that wrote the labels.");
    }

    private int ShardOf(int row)
    {
        // Empty shards share their first row with the next one; the last of equals is the one that holds it.
        int low = 0, high = _shards.Length - 1;
        while (low < high)
        {
            int middle = (low + high + 1) / 2;
            if (_shardFirstRow[middle] <= row)
                low = middle;
            else
                high = middle - 1;
        }

        return low;
    }
}
