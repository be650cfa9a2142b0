using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Ddoq.Storage;

namespace Ddoq.Latents;

/// <summary>The rows of classes and their weights, which all shards of a store have, or none: read piece by piece or handed out in place.</summary>
public sealed partial class LatentStore
{
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

    /// <inheritdoc/>
    public bool HasSampleWeights { get; }

    /// <inheritdoc/>
    public void ReadSampleWeights(int classIndex, Span<float> destination)
    {
        int count = RowCount(classIndex);
        SampleWeights.CheckCount($"class {classIndex} {StorageErrors.Quote(ClassNames[classIndex])}", destination.Length, count);
        if (!HasSampleWeights)
        {
            destination.Fill(1);
            return;
        }

        foreach (Piece piece in Pieces(classIndex, 0, count))
        {
            Span<float> part = destination[..piece.Count];
            piece.Shard.ReadWeights(piece.First, part);
            ThrowIfBadWeight(piece.Shard, piece.First, part);
            destination = destination[part.Length..];
        }
    }

    private static bool FindSampleWeights(LatentShard[] shards)
    {
        for (int s = 1; s < shards.Length; s++)
        {
            if (shards[s].HasWeights != shards[0].HasWeights)
                throw Unlike(shards, s, "tensor sample_weights", Presence(shards[s]), Presence(shards[0]));
        }

        return shards[0].HasWeights;

        static string Presence(LatentShard shard) => shard.HasWeights ? "there" : "missing";
    }

    private void EnsureWeights(CancellationToken cancellationToken)
    {
        if (!HasSampleWeights)
            return;
        float[] buffer = new float[1 << 16];
        foreach (LatentShard shard in _shards)
        {
            for (long first = 0; first < shard.RowCount; first += buffer.Length)
            {
                cancellationToken.ThrowIfCancellationRequested();
                Span<float> part = buffer.AsSpan(0, (int)Math.Min(buffer.Length, shard.RowCount - first));
                shard.ReadWeights(first, part);
                ThrowIfBadWeight(shard, first, part);
            }
        }
    }

    private void ThrowIfBadWeight(LatentShard shard, long first, ReadOnlySpan<float> weights)
    {
        int bad = SampleWeights.IndexOfBad(weights);
        if (bad < 0)
            return;
        int label = shard.Label(first + bad);
        throw SampleWeights.Bad($"'{shard.File.Path}'", first + bad, label, ClassNames[label], weights[bad]);
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
