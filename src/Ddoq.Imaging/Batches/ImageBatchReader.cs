using System.Buffers;

namespace Ddoq.Imaging;

/// <summary>Reads a dataset in batches: images are decoded in parallel, and the next batch while the caller works on this one.</summary>
/// <remarks>
/// Order and contents do not depend on the number of workers. Memory: two batches. One reader serves one loop at a time.
/// </remarks>
public sealed class ImageBatchReader
{
    private readonly IImageDataset _dataset;
    private readonly ImageFit _fit;
    private readonly ImageBatchOptions _options;
    private readonly List<DamagedImage> _damaged = [];

    /// <summary>Creates a reader; nothing is read yet.</summary>
    /// <param name="dataset">The dataset; it stays the caller's and must outlive the loops over the reader.</param>
    /// <param name="fit">The size of the images of a batch, and how they get it.</param>
    /// <param name="options">Null for <see cref="ImageBatchOptions.Default"/>.</param>
    /// <exception cref="UsageException">An option is out of range.</exception>
    public ImageBatchReader(IImageDataset dataset, ImageFit fit, ImageBatchOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(dataset);
        ArgumentNullException.ThrowIfNull(fit);
        _dataset = dataset;
        _fit = fit;
        _options = options ?? ImageBatchOptions.Default;
        _options.Validate();
    }

    /// <summary>The damaged images that were left out so far, in the order in which they were met.</summary>
    /// <remarks>Complete once the loop has ended; read it then, or between two batches.</remarks>
    public IReadOnlyList<DamagedImage> Damaged => DamagedAfter(0);

    /// <summary>The damaged images after the first <paramref name="count"/> of <see cref="Damaged"/>.</summary>
    public IReadOnlyList<DamagedImage> DamagedAfter(int count)
    {
        lock (_damaged)
            return [.. _damaged.Skip(count)];
    }

    /// <summary>Reads the whole dataset in order.</summary>
    /// <inheritdoc cref="Read(IReadOnlyList{int}, CancellationToken)"/>
    public IEnumerable<ImageBatch> ReadAll(CancellationToken cancellationToken = default) => Read(0, _dataset.Count, cancellationToken);

    /// <summary>Reads <paramref name="count"/> images from <paramref name="start"/> on, in order.</summary>
    /// <inheritdoc cref="Read(IReadOnlyList{int}, CancellationToken)"/>
    public IEnumerable<ImageBatch> Read(int start, int count, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _dataset.Count - start);
        return Read(position => start + position, count, cancellationToken);
    }

    /// <summary>Reads the given images in the given order.</summary>
    /// <returns>
    /// Batches of up to <see cref="ImageBatchOptions.BatchSize"/> images; each is valid until the next is asked for. A batch of which
    /// every image is damaged is passed over.
    /// </returns>
    /// <exception cref="ArgumentOutOfRangeException">An index is not in the dataset.</exception>
    /// <exception cref="DdoqException">
    /// Thrown by the loop: an image cannot be read (of several in a batch, the first is named), or more are damaged than
    /// may be skipped.
    /// </exception>
    /// <exception cref="OperationCanceledException">Thrown by the loop: the token was cancelled.</exception>
    public IEnumerable<ImageBatch> Read(IReadOnlyList<int> indices, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(indices);
        foreach (int index in indices)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(index, nameof(indices));
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, _dataset.Count, nameof(indices));
        }

        return Read(position => indices[position], indices.Count, cancellationToken);
    }

    private IEnumerable<ImageBatch> Read(Func<int, int> indexAt, int count, CancellationToken cancellationToken)
    {
        if (count == 0)
            yield break;

        using var abandoned = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        int capacity = Math.Min(_options.BatchSize, count);
        ImageBatch filling = NewBatch(capacity), ready = NewBatch(capacity);
        Task<ImageBatch> next = Start(filling, 0);
        try
        {
            for (int start = 0; start < count; start += capacity)
            {
                (ready, filling) = (next.GetAwaiter().GetResult(), ready);
                if (start + capacity < count)
                    next = Start(filling, start + capacity);
                if (ready.Count > 0)
                    yield return ready;
            }
        }
        finally
        {
            // The loop may have been left while the next batch is on its way into the buffers.
            abandoned.Cancel();
            ((IAsyncResult)next).AsyncWaitHandle.WaitOne();
        }

        Task<ImageBatch> Start(ImageBatch batch, int start) => Task.Run(() =>
        {
            Fill(batch, position => indexAt(start + position), Math.Min(capacity, count - start), abandoned.Token);
            return batch;
        });
    }

    private ImageBatch NewBatch(int capacity) => new(capacity, _options.Channels, _fit.Height, _fit.Width, _options.Range);

    private void Fill(ImageBatch batch, Func<int, int> indexAt, int count, CancellationToken cancellationToken)
    {
        var damage = new DamagedImageException?[count];
        WorkerLoop.Run(count, _options.Workers, slot =>
        {
            int index = indexAt(slot);
            batch.SetRow(slot, index, _dataset.LabelOf(index));
            try
            {
                ReadInto(index, batch.Slot(slot));
                if (batch.Range != PixelRange.Bytes)
                    batch.Convert(slot);
            }
            catch (DamagedImageException e) when (_options.Damage.Limit > 0)
            {
                damage[slot] = e;
            }
        }, cancellationToken);

        int kept = 0;
        for (int slot = 0; slot < count; slot++)
        {
            if (damage[slot] is { } error)
            {
                Record(indexAt(slot), error);
                continue;
            }

            if (kept != slot)
            {
                batch.Move(slot, kept);
                if (batch.Range != PixelRange.Bytes)
                    batch.Convert(kept);
            }

            kept++;
        }

        batch.Count = kept;
    }

    private void ReadInto(int index, Span<byte> target)
    {
        if (_options.Channels == 3)
        {
            _dataset.ReadRgb(index, _fit, target);
            return;
        }

        byte[] rgb = ArrayPool<byte>.Shared.Rent(3 * target.Length);
        try
        {
            _dataset.ReadRgb(index, _fit, rgb);
            PlanarRgb.ToGrey(rgb.AsSpan(0, 3 * target.Length), target);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rgb);
        }
    }

    private void Record(int index, DamagedImageException error)
    {
        lock (_damaged)
        {
            if (_damaged.Count >= _options.Damage.Limit)
            {
                throw new DdoqException(
                    $"more than {_options.Damage.Limit} damaged images: {string.Join(", ", _damaged.Take(5).Select(image => image.Name))}"
                    + $"{(_damaged.Count > 5 ? ", ..." : "")} were skipped, then {error.Message}",
                    "replace the damaged files, or allow more to be skipped", error);
            }

            _damaged.Add(new DamagedImage(index, _dataset.NameOf(index), error.Reason));
        }
    }
}

/// <summary>How <see cref="ImageBatchReader"/> reads.</summary>
public sealed record ImageBatchOptions
{
    /// <summary>The defaults.</summary>
    public static ImageBatchOptions Default { get; } = new();

    /// <summary>The most images in a batch, 64 by default.</summary>
    public int BatchSize { get; init; } = 64;

    /// <summary>3 (RGB, the default) or 1 (luma, see <see cref="PlanarRgb.ToGrey"/>; grey images keep their values).</summary>
    public int Channels { get; init; } = 3;

    /// <summary>The numbers wanted beside the bytes; none by default.</summary>
    public PixelRange Range { get; init; } = PixelRange.Bytes;

    /// <summary>Threads that decode, one for each processor by default. Results do not depend on it.</summary>
    public int Workers { get; init; } = Environment.ProcessorCount;

    /// <summary>What to do with damaged images; the default fails.</summary>
    public DamagePolicy Damage { get; init; } = DamagePolicy.Fail;

    internal void Validate()
    {
        if (BatchSize < 1)
            throw new UsageException($"a batch size of {BatchSize} is not possible", "give 1 or more");
        if (Workers < 1)
            throw new UsageException($"{Workers} workers are not possible", "give 1 or more");
        if (Channels is not (1 or 3))
            throw new UsageException($"{Channels} channels are not possible", "give 1 (grey) or 3 (RGB)");
    }
}
