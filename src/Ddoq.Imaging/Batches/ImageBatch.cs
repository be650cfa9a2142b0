namespace Ddoq.Imaging;

/// <summary>Images that were read together, in order, with their labels.</summary>
/// <remarks>
/// The reader owns the buffers and fills them anew: everything a batch gives out is valid until the loop over
/// <see cref="ImageBatchReader.Read(int, int, CancellationToken)"/> takes the next one.
/// </remarks>
public sealed class ImageBatch
{
    private readonly int[] _indices;
    private readonly int[] _labels;
    private readonly byte[] _bytes;
    private readonly float[] _values;

    internal ImageBatch(int capacity, int channels, int height, int width, PixelRange range)
    {
        (Channels, Height, Width, Range) = (channels, height, width, range);
        _indices = new int[capacity];
        _labels = new int[capacity];
        _bytes = new byte[checked(capacity * ImageLength)];
        _values = range == PixelRange.Bytes ? [] : new float[_bytes.Length];
    }

    /// <summary>Images in the batch, B; fewer than the batch size at the end, and where damaged images were left out.</summary>
    public int Count { get; internal set; }

    /// <summary>1 or 3.</summary>
    public int Channels { get; }

    /// <summary>Rows of an image.</summary>
    public int Height { get; }

    /// <summary>Pixels in a row.</summary>
    public int Width { get; }

    /// <summary>The range of <see cref="Values"/>.</summary>
    public PixelRange Range { get; }

    /// <summary>Numbers in an image, channels x height x width.</summary>
    public int ImageLength => Channels * Height * Width;

    /// <summary>The index in the dataset of each image, [B].</summary>
    public ReadOnlySpan<int> Indices => _indices.AsSpan(0, Count);

    /// <summary>The label of each image, [B].</summary>
    public ReadOnlySpan<int> Labels => _labels.AsSpan(0, Count);

    /// <summary>Pixels, [B, channels, height, width], 0 to 255.</summary>
    public Memory<byte> Bytes => _bytes.AsMemory(0, Count * ImageLength);

    /// <summary>The same pixels in <see cref="Range"/>, [B, channels, height, width]; empty when only bytes were asked for.</summary>
    public Memory<float> Values => _values.AsMemory(0, Range == PixelRange.Bytes ? 0 : Count * ImageLength);

    /// <summary>The bytes of one image of the batch, [channels, height, width].</summary>
    public ReadOnlySpan<byte> Image(int position)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(position);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(position, Count);
        return Slot(position);
    }

    internal Span<byte> Slot(int slot) => _bytes.AsSpan(slot * ImageLength, ImageLength);

    internal void SetRow(int slot, int index, int label) => (_indices[slot], _labels[slot]) = (index, label);

    /// <summary>Moves an image down over those that were left out.</summary>
    internal void Move(int from, int to)
    {
        Slot(from).CopyTo(Slot(to));
        SetRow(to, _indices[from], _labels[from]);
    }

    internal void Convert(int slot)
    {
        Span<float> values = _values.AsSpan(slot * ImageLength, ImageLength);
        if (Range == PixelRange.MinusOneToOne)
            PlanarPixels.ToSigned(Slot(slot), values);
        else
            PlanarPixels.ToUnit(Slot(slot), values);
    }
}

/// <summary>Which numbers a batch holds beside its bytes.</summary>
public enum PixelRange
{
    /// <summary>None: only bytes.</summary>
    Bytes,

    /// <summary>x / 255, in [0, 1].</summary>
    ZeroToOne,

    /// <summary>x / 127.5 - 1, in [-1, 1].</summary>
    MinusOneToOne,
}
