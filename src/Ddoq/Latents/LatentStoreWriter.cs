using System.Buffers;
using System.Globalization;
using System.Numerics.Tensors;
using System.Text.Json.Nodes;
using Ddoq.Storage;

namespace Ddoq.Latents;

/// <summary>Writes a latent store shard by shard; after an interruption it continues behind the last rows that were appended.</summary>
/// <remarks>
/// A shard streams to a temporary name and is renamed when its last row is in, so memory is bounded by the labels of one
/// shard. Until then its rows are also kept in <see cref="UnfinishedShard"/>, which the next run takes up. Shard <c>i</c> of <c>N</c> holds rows <c>i * rowsPerShard</c> and on, so equal input gives equal files however
/// often the run was interrupted. A row that turns out to be unusable is skipped: its shard then has a row less, and its
/// metadata (<c>skipped_rows</c>) says which. Several processes may write runs of shards of their own into one folder; whoever finds all of them
/// whole completes the store. Not safe for concurrent use.
/// </remarks>
public sealed partial class LatentStoreWriter : IDisposable
{
    private const string WeightsTensor = "sample_weights";
    private const long DefaultShardBytes = 64L << 20;
    private const int CopiedValues = 1 << 20;
    private readonly string _folder;
    private readonly LatentStoreInfo _info;
    private readonly SortedDictionary<string, string> _metadata;
    private readonly int _rowsPerShard;
    private readonly int[] _labels;
    private readonly float[] _weights;
    private readonly List<int> _skipped = [];
    private readonly List<int> _storedRows = []; // of each whole shard
    private SafetensorsWriter? _shard;
    private UnfinishedShard? _unfinished;
    private int _pendingRows;
    private int _pendingSkipped;

    private int _endRow;

    private LatentStoreWriter(string folder, LatentStoreInfo info, int totalRows, int rowsPerShard, bool hasSampleWeights)
    {
        _folder = folder;
        _info = info;
        _rowsPerShard = Math.Min(rowsPerShard, totalRows);
        TotalRows = _endRow = totalRows;
        ShardCount = (int)(((long)totalRows + _rowsPerShard - 1) / _rowsPerShard);
        _metadata = LatentMetadata.Format(info);
        _metadata[LatentMetadata.FormatKey] = LatentMetadata.LatentsFormat;
        _metadata[LatentMetadata.TotalRowsKey] = totalRows.ToString(CultureInfo.InvariantCulture);
        _labels = new int[_rowsPerShard];
        _weights = hasSampleWeights ? new float[_rowsPerShard] : [];
        HasSampleWeights = hasSampleWeights;
    }

    /// <summary>Number of shards of the whole store.</summary>
    public int ShardCount { get; }

    /// <summary>Rows announced for the whole store, skipped ones included.</summary>
    public int TotalRows { get; }

    /// <summary>Whether every row comes with a weight.</summary>
    public bool HasSampleWeights { get; }

    /// <summary>The announced rows that were skipped, ascending: after <see cref="Open"/>, those that an earlier run skipped.</summary>
    public IReadOnlyList<int> SkippedRows => _skipped;

    /// <summary>The row behind the last one of the run that is written.</summary>
    public int EndRow => _endRow;

    /// <summary>The row behind the whole shards on disk, skipped rows included.</summary>
    public int CompletedRows { get; private set; }

    /// <summary>Rows appended or skipped so far, those of the unfinished shard included: after <see cref="Open"/>, the row to continue from.</summary>
    public int AppendedRows => CompletedRows + _pendingRows;

    /// <summary>A shard size of about 64 MiB: small enough to lose little on an interruption, large enough for mapping.</summary>
    public static int DefaultRowsPerShard(LatentShape shape) =>
        (int)Math.Max(1, DefaultShardBytes / (sizeof(ushort) * (long)shape.Length));

    /// <summary>Opens a folder for writing and finds out how far an earlier run got.</summary>
    /// <param name="folder">The folder; created when missing.</param>
    /// <param name="info">What the store holds.</param>
    /// <param name="totalRows">Rows of the whole store, 1 to 2^31 - 1.</param>
    /// <param name="rowsPerShard">Rows per shard; the last one may have fewer. See <see cref="DefaultRowsPerShard"/>.</param>
    /// <param name="hasSampleWeights">Whether every row comes with a weight, stored as <c>sample_weights</c>.</param>
    /// <exception cref="DdoqException">
    /// There are no rows, the shape or the class names are not usable, the folder holds shards of another store, or it
    /// cannot be written.
    /// </exception>
    public static LatentStoreWriter Open(string folder, LatentStoreInfo info, long totalRows, int rowsPerShard, bool hasSampleWeights = false)
    {
        AtomicFile.CleanPartials(folder);
        LatentStoreWriter writer = Create(folder, info, totalRows, rowsPerShard, hasSampleWeights);
        writer.Begin();
        return writer;
    }

    /// <summary>Opens a folder for writing one run of shards; other processes may write others.</summary>
    /// <param name="folder">The folder; created when missing.</param>
    /// <param name="info">What the store holds.</param>
    /// <param name="totalRows">Rows of the whole store, 1 to 2^31 - 1.</param>
    /// <param name="rowsPerShard">Rows per shard; the last one of the store may have fewer.</param>
    /// <param name="firstShard">The run's first shard, 0-based.</param>
    /// <param name="endShard">The shard behind the run.</param>
    /// <inheritdoc cref="Open" path="/exception"/>
    public static LatentStoreWriter OpenRun(string folder, LatentStoreInfo info, long totalRows, int rowsPerShard, int firstShard, int endShard)
    {
        LatentStoreWriter writer = Create(folder, info, totalRows, rowsPerShard, hasSampleWeights: false);
        ArgumentOutOfRangeException.ThrowIfNegative(firstShard);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(endShard, firstShard);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(endShard, writer.ShardCount);
        writer.CompletedRows = firstShard * writer._rowsPerShard;
        writer._endRow = ((endShard - 1) * writer._rowsPerShard) + writer.RowsOf(endShard - 1);
        writer.Begin();
        return writer;
    }

    /// <summary>Name of a shard's file.</summary>
    /// <param name="shard">0-based.</param>
    /// <param name="count">Number of shards.</param>
    public static string ShardFileName(int shard, int count) => LatentIndex.ShardFileName(shard + 1, count);

    private static LatentStoreWriter Create(string folder, LatentStoreInfo info, long totalRows, int rowsPerShard, bool hasSampleWeights)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(info);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rowsPerShard);
        LatentMetadata.Check(info);
        if (totalRows is < 1 or > int.MaxValue)
            throw new DdoqException($"a latent store of {totalRows} rows, allowed are 1 to {int.MaxValue}", "Check that the data set is found and not empty; split larger ones into several stores.");
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception e) when (StorageErrors.IsFileFailure(e))
        {
            throw StorageErrors.CannotWrite(folder, e);
        }

        var writer = new LatentStoreWriter(folder, info, (int)totalRows, rowsPerShard, hasSampleWeights);
        writer.RefuseOtherShards();
        return writer;
    }

    private void Begin()
    {
        while (CompletedRows < _endRow && IsWhole(CompletedRows / _rowsPerShard, out int[] skipped))
        {
            int shard = CompletedRows / _rowsPerShard;

            // Of a run that was killed just behind completing the shard.
            UnfinishedShard.Delete(ShardPath(shard));
            _skipped.AddRange(skipped);
            _storedRows.Add(RowsOf(shard) - skipped.Length);
            CompletedRows += RowsOf(shard);
        }

        TakeUp();
    }

    /// <summary>Appends rows in half precision.</summary>
    /// <param name="rows">n x D values, row-major (c, h, w).</param>
    /// <param name="labels">The n rows' classes.</param>
    /// <param name="sampleWeights">The n rows' weights, finite, 0 or more; none for a store without weights.</param>
    /// <exception cref="DdoqException">
    /// A value is infinite or NaN, a label names no class, a weight is not usable, or the lengths disagree (nothing of this call is appended then);
    /// or the disk is full.
    /// </exception>
    /// <exception cref="ArgumentException">There are more rows than announced.</exception>
    public void Append(ReadOnlySpan<Half> rows, ReadOnlySpan<int> labels, ReadOnlySpan<float> sampleWeights = default)
    {
        CheckRows(rows.Length, labels, sampleWeights);
        int bad = FiniteScan.IndexOfNonFinite(rows);
        if (bad >= 0)
            throw NotFinite(labels, bad, (float)rows[bad]);
        Write(rows, labels, sampleWeights);
    }

    /// <summary>Appends rows, rounded to half precision (to nearest, ties to even).</summary>
    /// <param name="rows">n x D values, row-major (c, h, w), below 65520 in size, where rounding gives infinity.</param>
    /// <param name="labels">The n rows' classes.</param>
    /// <param name="sampleWeights">The n rows' weights, finite, 0 or more; none for a store without weights.</param>
    /// <inheritdoc cref="Append(ReadOnlySpan{Half}, ReadOnlySpan{int}, ReadOnlySpan{float})" path="/exception"/>
    public void Append(ReadOnlySpan<float> rows, ReadOnlySpan<int> labels, ReadOnlySpan<float> sampleWeights = default)
    {
        CheckRows(rows.Length, labels, sampleWeights);
        Half[] rented = ArrayPool<Half>.Shared.Rent(rows.Length);
        try
        {
            Span<Half> halves = rented.AsSpan(0, rows.Length);
            TensorPrimitives.ConvertToHalf(rows, halves);
            int bad = FiniteScan.IndexOfNonFinite(halves);
            if (bad >= 0)
                throw NotFinite(labels, bad, rows[bad]);
            Write(halves, labels, sampleWeights);
        }
        finally
        {
            ArrayPool<Half>.Shared.Return(rented);
        }
    }

    /// <summary>Leaves out the next announced row, for example because its image is damaged.</summary>
    /// <exception cref="ArgumentException">There are no more rows.</exception>
    /// <exception cref="DdoqException">The disk is full.</exception>
    public void Skip()
    {
        if (AppendedRows == _endRow)
            throw new ArgumentException($"'{_folder}': all rows up to {_endRow} are appended, none is left to skip");
        Keep(1, [], [], []);
        SkipRow();
    }

    /// <summary>Writes the index, which makes the folder a store.</summary>
    /// <exception cref="InvalidOperationException">Rows are missing.</exception>
    /// <exception cref="DdoqException">The index cannot be written.</exception>
    public void Complete()
    {
        if (CompletedRows != TotalRows || _storedRows.Count != ShardCount)
            throw new InvalidOperationException($"'{_folder}': {AppendedRows} of {TotalRows} rows were appended");
        var weightMap = new SortedDictionary<string, string>(StringComparer.Ordinal);
        var shards = new LatentIndexShard[ShardCount];
        for (int i = 0; i < ShardCount; i++)
        {
            string file = LatentIndex.ShardFileName(i + 1, ShardCount);
            string number = (i + 1).ToString("D5", CultureInfo.InvariantCulture);
            weightMap["latents." + number] = file;
            weightMap["labels." + number] = file;
            if (HasSampleWeights)
                weightMap[WeightsTensor + "." + number] = file;
            shards[i] = new LatentIndexShard(file, _storedRows[i]);
        }

        long stored = TotalRows - _skipped.Count;

        var metadata = new JsonObject
        {
            ["total_size"] = stored * ((long)_info.Shape.Length * sizeof(ushort) + sizeof(int) + (HasSampleWeights ? sizeof(float) : 0)),
            ["total_rows"] = stored,
            ["latent_shape"] = new JsonArray(_info.Shape.Channels, _info.Shape.Height, _info.Shape.Width),
        };
        foreach ((string key, string value) in _metadata)
            metadata.TryAdd(key, JsonValue.Create(value));
        if (_skipped.Count > 0)
            metadata[LatentMetadata.SkippedRowsKey] = new JsonArray([.. _skipped.Select(row => (JsonNode)JsonValue.Create(row))]);
        metadata["class_names"] = new JsonArray([.. _info.ClassNames.Select(name => (JsonNode)JsonValue.Create(name))]);
        JsonFile.Write(Path.Combine(_folder, LatentIndex.FileName), new LatentIndex(metadata, weightMap, shards), LatentJson.Default.LatentIndex);
    }

    /// <summary>Closes the unfinished shard; all rows appended stay for the next run.</summary>
    public void Dispose()
    {
        _shard?.Dispose();
        _shard = null;
        _unfinished?.Dispose();
        _unfinished = null;
    }

    private void CheckRows(int valueCount, ReadOnlySpan<int> labels, ReadOnlySpan<float> weights)
    {
        LatentErrors.CheckLabels($"'{_folder}'", valueCount, _info.Shape.Length, labels, _info.ClassNames.Count, AppendedRows);
        if (labels.Length > _endRow - AppendedRows)
            throw new ArgumentException($"'{_folder}': {AppendedRows} of {_endRow} rows are appended, {labels.Length} more do not fit", nameof(labels));
        SampleWeights.CheckCount($"'{_folder}', a store {(HasSampleWeights ? "with" : "without")} sample weights", weights.Length, HasSampleWeights ? labels.Length : 0);
        int bad = SampleWeights.IndexOfBad(weights);
        if (bad >= 0)
            throw SampleWeights.Bad($"'{_folder}'", AppendedRows + bad, labels[bad], _info.ClassNames[labels[bad]], weights[bad]);
    }

    private DdoqException NotFinite(ReadOnlySpan<int> labels, int value, float found)
    {
        (int row, int place) = Math.DivRem(value, _info.Shape.Length);
        return LatentErrors.NotFinite($"'{_folder}'", AppendedRows + row, labels[row], _info.ClassNames[labels[row]], place, found);
    }

    private void Write(ReadOnlySpan<Half> rows, ReadOnlySpan<int> labels, ReadOnlySpan<float> weights)
    {
        int d = _info.Shape.Length;
        while (labels.Length > 0)
        {
            int shard = CompletedRows / _rowsPerShard;
            int take = Math.Min(labels.Length, RowsOf(shard) - _pendingRows);
            ReadOnlySpan<float> taken = HasSampleWeights ? weights[..take] : [];
            Keep(take, labels[..take], taken, rows[..(take * d)]);
            WriteRows(rows[..(take * d)], labels[..take], taken);
            rows = rows[(take * d)..];
            labels = labels[take..];
            if (HasSampleWeights)
                weights = weights[take..];
        }
    }

    /// <summary>Writes rows that the unfinished shard has room for.</summary>
    private void WriteRows(ReadOnlySpan<Half> rows, ReadOnlySpan<int> labels, ReadOnlySpan<float> weights)
    {
        int shard = CompletedRows / _rowsPerShard;
        _shard ??= SafetensorsWriter.Create(ShardPath(shard), TensorsOf(RowsOf(shard)), MetadataOf(shard));
        _shard.Append("latents", rows);
        labels.CopyTo(_labels.AsSpan(_pendingRows - _pendingSkipped));
        if (HasSampleWeights)
            weights.CopyTo(_weights.AsSpan(_pendingRows - _pendingSkipped));
        AdvancePending(labels.Length);
    }

    private void SkipRow()
    {
        _skipped.Add(AppendedRows);
        _pendingSkipped++;
        AdvancePending(1);
    }

    // Rows that complete their shard are safe in it at once.
    private void Keep(int count, ReadOnlySpan<int> labels, ReadOnlySpan<float> weights, ReadOnlySpan<Half> rows)
    {
        int shard = CompletedRows / _rowsPerShard;
        if (_pendingRows + count == RowsOf(shard))
            return;
        _unfinished ??= UnfinishedShard.Create(ShardPath(shard), IdentityOf(shard));
        _unfinished.Append(labels, weights, rows);
    }

    private void TakeUp()
    {
        if (CompletedRows == _endRow)
            return;
        int shard = CompletedRows / _rowsPerShard;
        _unfinished = UnfinishedShard.TakeUp(ShardPath(shard), IdentityOf(shard), _info.Shape.Length, HasSampleWeights, (labels, weights, rows) =>
        {
            if (_pendingRows + Math.Max(1, labels.Length) >= RowsOf(shard))
                return false;
            if (labels.Length == 0)
                SkipRow();
            else
                WriteRows(rows, labels, weights);
            return true;
        });
    }

    private string IdentityOf(int shard) => string.Join('\n', MetadataOf(shard).Select(pair => $"{pair.Key} {pair.Value}")
        .Append(string.Create(CultureInfo.InvariantCulture, $"{_info.Shape} {_rowsPerShard} {HasSampleWeights}")));

    private void AdvancePending(int rows)
    {
        _pendingRows += rows;
        if (_pendingRows == RowsOf(CompletedRows / _rowsPerShard))
            CompleteShard();
    }

    private void CompleteShard()
    {
        int shard = CompletedRows / _rowsPerShard, stored = _pendingRows - _pendingSkipped;
        if (_pendingSkipped > 0)
            ShortenShard(shard, stored);
        _shard!.Append<int>("labels", _labels.AsSpan(0, stored));
        if (HasSampleWeights)
            _shard.Append<float>(WeightsTensor, _weights.AsSpan(0, stored));
        _shard.Complete();
        _shard.Dispose();
        _shard = null;
        _unfinished?.Dispose();
        _unfinished = null;
        UnfinishedShard.Delete(ShardPath(shard));
        _storedRows.Add(stored);
        CompletedRows += _pendingRows;
        (_pendingRows, _pendingSkipped) = (0, 0);
    }

    /// <summary>Copies the unfinished shard, which was declared with all its rows, into one of those that were not skipped.</summary>
    private void ShortenShard(int shard, int rows)
    {
        SortedDictionary<string, string> metadata = MetadataOf(shard);
        metadata[LatentMetadata.SkippedRowsKey] = string.Join(',', _skipped.Skip(_skipped.Count - _pendingSkipped).Select(row => row.ToString(CultureInfo.InvariantCulture)));
        SafetensorsWriter? whole = _shard;
        _shard = SafetensorsWriter.Create(ShardPath(shard), TensorsOf(rows), metadata);
        using (whole)
        {
            long values = (long)rows * _info.Shape.Length;
            Half[] block = new Half[Math.Min(values, CopiedValues)];
            for (long first = 0; first < values; first += block.Length)
            {
                Span<Half> part = block.AsSpan(0, (int)Math.Min(block.Length, values - first));
                whole!.ReadBack("latents", first, part);
                _shard.Append<Half>("latents", part);
            }
        }
    }
}
