using Ddoq.Storage;

namespace Ddoq.Latents;

/// <summary>A latent store on disk, memory-mapped: rows are read by class, wherever they lie, in place where possible.</summary>
/// <remarks>
/// <para>Opening checks every shard (present, whole, same shape and metadata, labels in range) and sorts row numbers by
/// class: 8 bytes of memory per row. Values are checked to be finite once per class, when the class is first read.</para>
/// <para>The global order of rows is the order of the shards in the index, then within a shard; a class's rows keep it.
/// Spans are valid until the store is disposed. Safe for concurrent readers.</para>
/// </remarks>
public sealed class LatentStore : ILatentSource, IDisposable
{
    private readonly string _path;
    private readonly LatentShard[] _shards;
    private readonly int[] _shardFirstRow;
    private readonly int[] _labels;
    private readonly int[] _rowsByClass;
    private readonly int[] _classFirst;
    private readonly bool[] _checked;

    private LatentStore(string path, LatentShard[] shards)
    {
        _path = path;
        _shards = shards;
        _shardFirstRow = FirstRows(path, shards);
        _labels = new int[_shardFirstRow[^1]];
        for (int s = 0; s < shards.Length; s++)
            shards[s].ReadLabels(_labels.AsSpan(_shardFirstRow[s].._shardFirstRow[s + 1]));
        Info = ReadInfo(shards, _labels);
        CheckLabels();
        _classFirst = new int[Info.ClassNames.Count + 1];
        _rowsByClass = SortByClass(_labels, _classFirst);
        _checked = new bool[Info.ClassNames.Count];
    }

    /// <summary>What the store holds.</summary>
    public LatentStoreInfo Info { get; }

    /// <inheritdoc/>
    public LatentShape Shape => Info.Shape;

    /// <inheritdoc/>
    public IReadOnlyList<string> ClassNames => Info.ClassNames;

    /// <summary>Rows of all classes.</summary>
    public int Count => _labels.Length;

    /// <summary>The class of every row, in global order.</summary>
    public ReadOnlySpan<int> Labels => _labels;

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
        return _classFirst[classIndex + 1] - _classFirst[classIndex];
    }

    /// <summary>The global number of a class's row, 0-based.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The class or the row does not exist.</exception>
    public int GlobalRow(int classIndex, int row)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)RowCount(classIndex), nameof(row));
        return _rowsByClass[_classFirst[classIndex] + row];
    }

    /// <inheritdoc/>
    /// <exception cref="DdoqException">A value of the class is infinite or NaN, or a shard was cut while open.</exception>
    public void ReadRows(int classIndex, int firstRow, Span<Half> destination)
    {
        int count = LatentErrors.CheckWindow(firstRow, destination.Length, Shape.Length, RowCount(classIndex));
        EnsureFinite(classIndex);
        ReadOnlySpan<int> rows = _rowsByClass.AsSpan(_classFirst[classIndex] + firstRow, count);
        for (int start = 0; start < count;)
        {
            ReadOnlySpan<Half> run = Run(rows[start..], out _);
            run.CopyTo(destination[(start * Shape.Length)..]);
            start += run.Length / Shape.Length;
        }
    }

    /// <inheritdoc/>
    /// <exception cref="DdoqException">A value of the class is infinite or NaN, or a shard was cut while open.</exception>
    public bool TryGetRows(int classIndex, out ReadOnlySpan<Half> rows)
    {
        ReadOnlySpan<int> numbers = Rows(classIndex);
        rows = default;
        if (numbers.IsEmpty)
            return true;
        ReadOnlySpan<Half> run = Run(numbers, out _);
        if (run.Length != (long)numbers.Length * Shape.Length)
            return false;
        EnsureFinite(classIndex);
        rows = run;
        return true;
    }

    /// <summary>Copies one row by its global number.</summary>
    /// <param name="row">0 to <see cref="Count"/> - 1.</param>
    /// <param name="destination">Receives D values.</param>
    /// <exception cref="ArgumentOutOfRangeException">The row does not exist.</exception>
    /// <exception cref="ArgumentException">The destination has not D values.</exception>
    /// <exception cref="DdoqException">A value of the row is infinite or NaN, or its shard was cut while open.</exception>
    public void ReadRow(int row, Span<Half> destination)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Count, nameof(row));
        if (destination.Length != Shape.Length)
            throw new ArgumentException($"the destination has {destination.Length} values, a row has {Shape.Length}", nameof(destination));
        ReadOnlySpan<Half> values = Run([row], out LatentShard shard);
        ThrowIfNotFinite(shard, row, values);
        values.CopyTo(destination);
    }

    /// <summary>Reads every value once and refuses infinities and NaNs; without it each class is checked on its first use.</summary>
    /// <exception cref="DdoqException">A value is not finite; the message names file, row and class.</exception>
    public void EnsureFinite(CancellationToken cancellationToken = default)
    {
        for (int c = 0; c < ClassNames.Count; c++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            EnsureFinite(c);
        }
    }

    /// <summary>Unmaps the files: spans into them are invalid from here on.</summary>
    public void Dispose()
    {
        foreach (LatentShard shard in _shards)
            shard.Dispose();
    }

    private static int[] FirstRows(string path, LatentShard[] shards)
    {
        int[] first = new int[shards.Length + 1];
        long total = 0;
        for (int s = 0; s < shards.Length; s++)
        {
            if (shards[s].Shape != shards[0].Shape)
                throw Unlike(shards, s, "latents", shards[s].Shape.ToString(), shards[0].Shape.ToString());
            total += shards[s].RowCount;
            if (total > int.MaxValue)
                throw new DdoqException($"'{path}': more than {int.MaxValue} rows", "Split it into several stores.");
            first[s + 1] = (int)total;
        }

        if (total == 0)
            throw new DdoqException($"'{path}': the store has no rows", "Check that the data set was found, and encode again.");
        return first;
    }

    private static LatentStoreInfo ReadInfo(LatentShard[] shards, int[] labels)
    {
        // Class lists are long: compare the texts, parse once.
        IReadOnlyDictionary<string, string> first = shards[0].File.Metadata;
        for (int s = 1; s < shards.Length; s++)
        {
            IReadOnlyDictionary<string, string> other = shards[s].File.Metadata;
            foreach (string key in first.Keys.Union(other.Keys).Where(k => k != LatentMetadata.FirstRowKey).Order(StringComparer.Ordinal))
            {
                string a = first.GetValueOrDefault(key, "(not set)"), b = other.GetValueOrDefault(key, "(not set)");
                if (a != b)
                    throw Unlike(shards, s, $"metadata '{key}'", b, a);
            }
        }

        return LatentMetadata.Parse(shards[0].File.Path, first, shards[0].Shape, () => LatentMetadata.NumberedNames(labels.Max() + 1));
    }

    private static int[] SortByClass(int[] labels, int[] classFirst)
    {
        foreach (int label in labels)
            classFirst[label + 1]++;
        for (int c = 1; c < classFirst.Length; c++)
            classFirst[c] += classFirst[c - 1];
        int[] next = classFirst[..^1];
        int[] rows = new int[labels.Length];
        for (int row = 0; row < labels.Length; row++)
            rows[next[labels[row]]++] = row;
        return rows;
    }

    private static DdoqException Unlike(LatentShard[] shards, int shard, string what, string found, string expected) => new(
        $"'{shards[shard].File.Path}': {what} is {StorageErrors.Quote(found)}, the first shard has {StorageErrors.Quote(expected)}",
        "The shards come from different runs: encode again into an empty folder.");

    private void CheckLabels()
    {
        int bad = _labels.AsSpan().IndexOfAnyExceptInRange(0, ClassNames.Count - 1);
        if (bad < 0)
            return;
        int shard = ShardOf(bad);
        throw new DdoqException(
            $"'{_shards[shard].File.Path}': row {bad - _shardFirstRow[shard]} has label {_labels[bad]}, allowed are 0 to {ClassNames.Count - 1}",
            "Check the class list and the tool that wrote the labels.");
    }

    private ReadOnlySpan<int> Rows(int classIndex) => _rowsByClass.AsSpan(_classFirst[classIndex], RowCount(classIndex));

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

    /// <summary>The longest piece of some rows that lies in one place, from the first on, in place.</summary>
    private ReadOnlySpan<Half> Run(ReadOnlySpan<int> rows, out LatentShard shard)
    {
        int s = ShardOf(rows[0]);
        shard = _shards[s];
        int most = Math.Min(Math.Min(rows.Length, _shardFirstRow[s + 1] - rows[0]), Array.MaxLength / Shape.Length);

        // Rows ascend: when the last is as far away as it would be without a gap, there is none.
        int count = rows[most - 1] - rows[0] == most - 1 ? most : 1;
        while (count < most && rows[count] == rows[0] + count)
            count++;
        return shard.Rows(rows[0] - _shardFirstRow[s], count);
    }

    private void EnsureFinite(int classIndex)
    {
        // Two readers may both check; they find the same.
        if (Volatile.Read(ref _checked[classIndex]))
            return;
        for (ReadOnlySpan<int> rows = Rows(classIndex); !rows.IsEmpty;)
        {
            ReadOnlySpan<Half> run = Run(rows, out LatentShard shard);
            ThrowIfNotFinite(shard, rows[0], run);
            rows = rows[(run.Length / Shape.Length)..];
        }

        Volatile.Write(ref _checked[classIndex], true);
    }

    private void ThrowIfNotFinite(LatentShard shard, int firstRow, ReadOnlySpan<Half> values)
    {
        int bad = FiniteScan.IndexOfNonFinite(values);
        if (bad < 0)
            return;
        (int row, int place) = Math.DivRem(bad, Shape.Length);
        row += firstRow;
        throw LatentErrors.NotFinite(
            $"'{shard.File.Path}'", row - _shardFirstRow[ShardOf(row)], _labels[row], ClassNames[_labels[row]], place, (float)values[bad]);
    }
}
