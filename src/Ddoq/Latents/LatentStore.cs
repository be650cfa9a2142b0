using System.Globalization;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
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

    private LatentStore(string path, LatentShard[] shards)
    {
        _shards = shards;
        _shardFirstRow = FirstRows(path, shards);
        ElementType = shards[0].ElementType;
        HasSampleWeights = FindSampleWeights(shards);
        _rowBytes = checked(shards[0].Shape.Length * LatentElement.Size(ElementType));
        int mostLabel = 0;
        VisitLabels((_, labels) => mostLabel = Math.Max(mostLabel, TensorPrimitives.Max(labels)));
        Info = ReadInfo(shards, mostLabel);
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
    /// <exception cref="DdoqException">
    /// Nothing usable is there, a shard is missing, cut off or does not fit the others, or a label names no class; the
    /// message names file, tensor and row.
    /// </exception>
    public static LatentStore Open(string path)
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

            return new LatentStore(path, [.. shards]);
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

    /// <inheritdoc/>
    /// <exception cref="DdoqException">
    /// A value is infinite, NaN or too large, or does not fit half precision; or a shard was cut while open.
    /// </exception>
    public void ReadRows(int classIndex, int firstRow, Span<Half> destination)
    {
        if (ElementType == LatentElementType.F16)
        {
            ReadRowBytes(classIndex, firstRow, MemoryMarshal.AsBytes(destination));
            return;
        }

        // Row by row: a value beyond half precision is named by its row.
        int count = LatentErrors.CheckWindow(firstRow, destination.Length, Shape.Length, RowCount(classIndex));
        var values = new float[Shape.Length];
        for (int i = 0; i < count; i++)
        {
            ReadRows(classIndex, firstRow + i, values.AsSpan());
            Span<Half> row = destination.Slice(i * Shape.Length, Shape.Length);
            TensorPrimitives.ConvertToHalf(values, row);
            int bad = FiniteScan.IndexOfNonFinite(row);
            if (bad >= 0)
                throw NotFinite(GlobalRow(classIndex, firstRow + i), bad, values[bad]);
        }
    }

    /// <inheritdoc/>
    /// <exception cref="DdoqException">A value is infinite, NaN or too large, or a shard was cut while open.</exception>
    public void ReadRows(int classIndex, int firstRow, Span<float> destination)
    {
        if (ElementType == LatentElementType.F32)
        {
            ReadRowBytes(classIndex, firstRow, MemoryMarshal.AsBytes(destination));
            return;
        }

        // The upper half of the destination's memory takes the stored values, which then spread from the front.
        Span<byte> stored = MemoryMarshal.AsBytes(destination)[(destination.Length * sizeof(ushort))..];
        ReadRowBytes(classIndex, firstRow, stored);
        for (int i = 0; i < destination.Length; i++)
            destination[i] = FiniteScan.ValueAt(stored, ElementType, i);
    }

    /// <inheritdoc/>
    /// <exception cref="DdoqException">A value is infinite, NaN or too large, or a shard was cut while open.</exception>
    public void ReadRowBytes(int classIndex, int firstRow, Span<byte> destination)
    {
        int count = LatentErrors.CheckWindow(firstRow, destination.Length, _rowBytes, RowCount(classIndex));
        foreach (Piece piece in Pieces(classIndex, firstRow, count))
        {
            int most = Array.MaxLength / _rowBytes;
            for (int done = 0; done < piece.Count; done += most)
            {
                int rows = Math.Min(most, piece.Count - done);
                Span<byte> part = destination[..(rows * _rowBytes)];
                piece.Shard.ReadBytes(piece.First + done, part);
                ThrowIfUnusable(piece.Shard, piece.First + done, part);
                destination = destination[part.Length..];
            }
        }
    }

    /// <inheritdoc/>
    /// <exception cref="DdoqException">A value of the class is infinite or NaN, or a shard was cut while open.</exception>
    public bool TryGetRows(int classIndex, out ReadOnlySpan<Half> rows)
    {
        rows = default;
        if (ElementType != LatentElementType.F16 || !TryGetPiece(classIndex, Array.MaxLength / Shape.Length, out Piece piece))
            return false;
        EnsureUsable(classIndex, piece);
        if (piece.Count > 0)
            rows = piece.Shard.Halves(piece.First, piece.Count);
        return true;
    }

    /// <inheritdoc/>
    /// <exception cref="DdoqException">A value of the class is infinite, NaN or too large, or a shard was cut while open.</exception>
    public bool TryGetRowBytes(int classIndex, out ReadOnlySpan<byte> rows)
    {
        rows = default;
        if (!TryGetPiece(classIndex, Array.MaxLength / _rowBytes, out Piece piece))
            return false;
        EnsureUsable(classIndex, piece);
        if (piece.Count > 0)
            rows = piece.Shard.Bytes(piece.First, piece.Count);
        return true;
    }

    /// <summary>Copies one row by its global number, in half precision.</summary>
    /// <param name="row">0 to <see cref="Count"/> - 1.</param>
    /// <param name="destination">Receives D values.</param>
    /// <exception cref="ArgumentOutOfRangeException">The row does not exist.</exception>
    /// <exception cref="ArgumentException">The destination has not D values.</exception>
    /// <exception cref="DdoqException">A value of the row does not fit half precision, or its shard was cut while open.</exception>
    public void ReadRow(int row, Span<Half> destination)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Count, nameof(row));
        if (destination.Length != Shape.Length)
            throw new ArgumentException($"the destination has {destination.Length} values, a row has {Shape.Length}", nameof(destination));
        int shard = ShardOf(row);
        long first = row - _shardFirstRow[shard];
        byte[]? copy = ElementType == LatentElementType.F16 ? null : new byte[_rowBytes];
        Span<byte> stored = copy is null ? MemoryMarshal.AsBytes(destination) : copy;
        _shards[shard].ReadBytes(first, stored);
        ThrowIfUnusable(_shards[shard], first, stored);
        if (copy is null)
            return;
        for (int i = 0; i < destination.Length; i++)
        {
            float value = FiniteScan.ValueAt(stored, ElementType, i);
            destination[i] = (Half)value;
            if (!Half.IsFinite(destination[i]))
                throw NotFinite(row, i, value);
        }
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

    private static LatentStoreInfo ReadInfo(LatentShard[] shards, int mostLabel)
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

        return LatentMetadata.Parse(shards[0].File.Path, first, shards[0].Shape, () => LatentMetadata.NumberedNames(mostLabel + 1));
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

    private PieceEnumerator Pieces(int classIndex, int firstRow, int count) => new(this, _index.Runs(classIndex), firstRow, count);

    /// <summary>The place of a class that lies in one piece of at most some rows; no shard for a class without rows.</summary>
    private bool TryGetPiece(int classIndex, int mostRows, out Piece piece)
    {
        int count = RowCount(classIndex);
        PieceEnumerator pieces = Pieces(classIndex, 0, count);
        piece = pieces.MoveNext() ? pieces.Current : new Piece(null!, 0, 0);
        return piece.Count == count && count <= mostRows;
    }

    private void EnsureUsable(int classIndex, Piece piece)
    {
        // Two readers may both check; they find the same.
        if (Volatile.Read(ref _checked[classIndex]))
            return;
        int step = Math.Max(1, Array.MaxLength / _rowBytes);
        for (int done = 0; done < piece.Count; done += step)
        {
            int count = Math.Min(step, piece.Count - done);
            ThrowIfUnusable(piece.Shard, piece.First + done, piece.Shard.Bytes(piece.First + done, count));
        }

        Volatile.Write(ref _checked[classIndex], true);
    }

    private void ThrowIfUnusable(LatentShard shard, long firstRow, ReadOnlySpan<byte> values)
    {
        int bad = FiniteScan.IndexOfUnusable(values, ElementType);
        if (bad < 0)
            return;
        (int row, int place) = Math.DivRem(bad, Shape.Length);
        int globalRow = (int)(_shardFirstRow[Array.IndexOf(_shards, shard)] + firstRow + row);
        throw NotFinite(globalRow, place, FiniteScan.ValueAt(values, ElementType, bad));
    }

    private DdoqException NotFinite(int row, int place, float found)
    {
        int shard = ShardOf(row), rowInShard = row - _shardFirstRow[shard];
        int label = _shards[shard].Label(rowInShard);
        return LatentErrors.NotFinite($"'{_shards[shard].File.Path}'", rowInShard, label, ClassNames[label], place, found);
    }

    /// <summary>Rows of a class that lie together in one file.</summary>
    private readonly record struct Piece(LatentShard Shard, long First, int Count);

    /// <summary>Walks a window of a class's rows piece by piece.</summary>
    private ref struct PieceEnumerator
    {
        private readonly LatentStore _store;
        private ClassRowIndex.RunEnumerator _runs;
        private int _skip;
        private int _left;
        private int _next;
        private int _leftInRun;

        public PieceEnumerator(LatentStore store, ClassRowIndex.RunEnumerator runs, int firstRow, int count)
        {
            _store = store;
            _runs = runs;
            _skip = firstRow;
            _left = count;
        }

        public Piece Current { get; private set; }

        public readonly PieceEnumerator GetEnumerator() => this;

        public bool MoveNext()
        {
            if (_left == 0)
                return false;
            while (_leftInRun == 0)
            {
                if (!_runs.MoveNext())
                    return false;
                int skipped = Math.Min(_skip, _runs.Current.Count);
                _skip -= skipped;
                _next = _runs.Current.First + skipped;
                _leftInRun = _runs.Current.Count - skipped;
            }

            int shard = _store.ShardOf(_next);
            int count = Math.Min(Math.Min(_left, _leftInRun), _store._shardFirstRow[shard + 1] - _next);
            Current = new Piece(_store._shards[shard], _next - _store._shardFirstRow[shard], count);
            _next += count;
            _left -= count;
            _leftInRun -= count;
            return true;
        }
    }
}
