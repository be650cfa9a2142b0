using System.Runtime.ExceptionServices;
using Ddoq.Cuda.Interop;
using Ddoq.Cuda.Memory;
using Ddoq.Latents;
using Ddoq.Numerics;
using Ddoq.Quantization;

namespace Ddoq.Cuda.Quantization;

/// <summary>Brings the rows of a batch to the device, piece by piece through a page-locked ring, and refuses values that are not finite.</summary>
internal sealed unsafe class RowUpload(PinnedRing ring, long pieceBytes)
{
    // Tasks that share a piece at most: 1 MiB each of one of 8 MiB.
    private const int MostTasks = 8;

    /// <summary>Puts the copies on a stream; the rows lie at the batch's places when it gets there.</summary>
    /// <exception cref="DdoqException">A value is not finite.</exception>
    public void Send(BatchClass[] classes, RowOrder order, BatchDeal deal, DeviceBuffer<byte> rows, StreamHandle stream)
    {
        long total = classes[^1].RowEnd, rowBytes = classes[0].RowBytes;
        int step = (int)Math.Clamp(pieceBytes / rowBytes, 1, total);
        int tasks = Math.Max(1, deal.Options.Workers > 0 ? deal.Options.Workers : Environment.ProcessorCount);
        ILatentSource source = deal.Source;
        source.Prefetch(classes[0].ClassIndex);
        int prefetched = 0;
        int first = 0; // the class that holds the piece's first row
        for (long row = 0; row < total; row += step)
        {
            deal.Cancellation.ThrowIfCancellationRequested();
            int count = (int)Math.Min(step, total - row);
            PinnedRing.Piece piece = ring.Take(step * rowBytes);
            while (classes[first].RowEnd <= row)
                source.Release(classes[first++].ClassIndex);
            for (; prefetched <= first && prefetched + 1 < classes.Length; prefetched++)
                source.Prefetch(classes[prefetched + 1].ClassIndex);
            Fill(piece.Pointer, classes, first, row, count, order, source, tasks);
            rows.Upload(piece.Pointer, row * rowBytes, count * rowBytes, stream);
            piece.Submitted(stream);
        }

        for (; first < classes.Length; first++)
            source.Release(classes[first].ClassIndex);
    }

    private void Fill(byte* piece, BatchClass[] classes, int first, long row, int count, RowOrder order, ILatentSource source, int tasks)
    {
        long end = row + count;
        for (int c = first; row < end; c++)
        {
            BatchClass one = classes[c];
            int from = (int)(row - one.RowBegin), rows = (int)Math.Min(end, one.RowEnd) - (int)row;
            int share = (int)Math.Max(1, pieceBytes / MostTasks / one.RowBytes);
            int parts = (rows + share - 1) / share;
            if (parts == 1 || tasks == 1)
                Copy(one, from, rows, piece, order, source);
            else
                CopyInParallel(one, from, rows, share, parts, piece, order, source, tasks);
            piece += rows * one.RowBytes;
            row += rows;
        }
    }

    private static void CopyInParallel(
        BatchClass one, int from, int rows, int share, int parts, byte* destination, RowOrder order, ILatentSource source, int tasks)
    {
        try
        {
            Parallel.For(0, parts, new ParallelOptions { MaxDegreeOfParallelism = tasks }, part =>
            {
                int begin = part * share;
                Copy(one, from + begin, Math.Min(share, rows - begin), destination + (begin * one.RowBytes), order, source);
            });
        }
        catch (AggregateException exception)
        {
            ExceptionDispatchInfo.Throw(exception.InnerExceptions[0]);
        }
    }

    // Rows `from` to `from + rows` of the batch's order of a class.
    private static void Copy(in BatchClass one, int from, int rows, byte* destination, RowOrder order, ILatentSource source)
    {
        ReadOnlySpan<int> origins = order.Of(one).Slice(from, rows);
        int bytes = one.Dimension * one.Format.Bytes;
        long stride = one.RowBytes;
        if (source.TryGetRowBytes(one.ClassIndex, out ReadOnlySpan<byte> inPlace))
        {
            for (int i = 0; i < rows; i++)
                inPlace.Slice(checked(origins[i] * bytes), bytes).CopyTo(new Span<byte>(destination + (i * stride), bytes));
        }
        else
        {
            for (int i = 0; i < rows;)
            {
                int run = 1; // neighbours are read together
                while (stride == bytes && i + run < rows && origins[i + run] == origins[i] + run)
                    run++;
                source.ReadRowBytes(one.ClassIndex, origins[i], new Span<byte>(destination + (i * stride), run * bytes));
                i += run;
            }
        }

        for (int i = 0; i < rows; i++)
            one.Format.RefuseNonFinite(new ReadOnlySpan<byte>(destination + (i * stride), bytes), one.ClassIndex, origins[i], source);
    }
}

/// <summary>Which row of its class each row of a batch is: those of the fit in their order, then those held out in theirs.</summary>
internal sealed class RowOrder
{
    private int[] _origins = [];

    /// <summary>Orders the rows of a batch.</summary>
    public void Set(BatchClass[] classes, QuantizerOptions options)
    {
        long rows = classes[^1].RowEnd;
        if (_origins.Length < rows)
            _origins = new int[rows];
        foreach (BatchClass one in classes)
            Order(one, options, _origins.AsSpan((int)one.RowBegin, one.Rows));
    }

    /// <summary>The rows of a class.</summary>
    public ReadOnlySpan<int> Of(in BatchClass one) => _origins.AsSpan((int)one.RowBegin, one.Rows);

    // The rows held out are a random subset, keyed by seed and class: those of the CPU quantiser.
    private static void Order(in BatchClass one, QuantizerOptions options, Span<int> origins)
    {
        for (int i = 0; i < origins.Length; i++)
            origins[i] = i;
        if (one.HeldOut == 0)
            return;
        var random = new CounterRandom(options.Seed, RandomStreams.Of(one.ClassIndex, RandomPurpose.HoldOut, 0));
        random.Shuffle(origins);
        int[] heldOut = origins[..one.HeldOut].ToArray();
        Array.Sort(heldOut);
        origins[one.HeldOut..].CopyTo(origins);
        origins[..one.TrainingRows].Sort();
        heldOut.CopyTo(origins[one.TrainingRows..]);
    }
}
