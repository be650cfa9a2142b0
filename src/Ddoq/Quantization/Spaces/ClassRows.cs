using Ddoq.Latents;
using Ddoq.Numerics;
using Ddoq.Numerics.Kernels;

namespace Ddoq.Quantization.Spaces;

/// <summary>Some rows of a class, as pointers, and the shift under which they are worked on.</summary>
/// <remarks>
/// Everything is computed relative to <see cref="Mean"/>: distances do not change, and inner products lose no digits to a
/// common offset. The mean is rounded to half so that <c>row - mean</c> is exact whenever the values are of like size.
/// </remarks>
internal sealed unsafe class ClassRows : IDisposable
{
    private readonly NativeBuffer<nint> _rows = new();
    private readonly NativeBuffer<float> _mean = new();
    private readonly NativeBuffer<float> _weights = new();
    private bool _isWeighted;

    /// <summary>Rows (N).</summary>
    public int Count { get; private set; }

    /// <summary>Values per row (D).</summary>
    public int Dimension { get; private set; }

    /// <summary>D rounded up to <see cref="LatentKernels.Padding"/>.</summary>
    public int PaddedDimension { get; private set; }

    /// <summary>The shift of all coordinates (padded D, zeros behind).</summary>
    public float* Mean => _mean.Pointer;

    /// <summary>Pointers to the rows (N), each D values in place.</summary>
    public nint* Pointers => _rows.Pointer;

    /// <summary>Weight of each row (N), all above 0; empty when all weigh the same.</summary>
    public ReadOnlySpan<float> Weights => _isWeighted ? new(_weights.Pointer, Count) : default;

    /// <summary>Row <paramref name="index"/>.</summary>
    public void* this[int index] => (void*)_rows.Pointer[index];

    /// <summary>Starts a new list of at most <paramref name="capacity"/> rows, with no shift.</summary>
    /// <param name="capacity">Rows at most.</param>
    /// <param name="dimension">D.</param>
    /// <param name="isWeighted">Whether rows come with weights.</param>
    public void Reset(int capacity, int dimension, bool isWeighted = false)
    {
        _rows.Reserve(Math.Max(1, capacity));
        _isWeighted = isWeighted;
        if (isWeighted)
            _weights.Reserve(Math.Max(1, capacity));
        Count = 0;
        Dimension = dimension;
        PaddedDimension = LatentKernels.Pad(dimension);
        _mean.ReserveZeroed(PaddedDimension);
    }

    /// <summary>Adds a row, which must stay in place until the next <see cref="Reset"/>.</summary>
    public void Add(void* row) => _rows.Pointer[Count++] = (nint)row;

    /// <summary>Adds a row of a list with weights.</summary>
    public void Add(void* row, float weight)
    {
        _weights.Pointer[Count] = weight;
        Add(row);
    }

    /// <summary>Keeps some of the rows, drawn without replacement, in the order drawn.</summary>
    public void Sample(int count, CounterRandom random)
    {
        for (int i = 0; i < count; i++)
        {
            int drawn = i + random.NextInt32(Count - i);
            (_rows.Pointer[i], _rows.Pointer[drawn]) = (_rows.Pointer[drawn], _rows.Pointer[i]);
            if (_isWeighted)
                (_weights.Pointer[i], _weights.Pointer[drawn]) = (_weights.Pointer[drawn], _weights.Pointer[i]);
        }

        Count = count;
    }

    /// <summary>Sets <see cref="Mean"/> to the rounded mean of the rows, whatever their weights: it is only a shift.</summary>
    public void ComputeMean(LatentKernels kernels)
    {
        for (int i = 0; i < Count; i++)
            kernels.AddWidened(this[i], Mean, Dimension);
        for (int j = 0; j < Dimension; j++)
        {
            float mean = Mean[j] / Count;
            Mean[j] = kernels.RowType == LatentElementType.F16 ? (float)(Half)mean : RoundMantissa(mean);
        }
    }

    // What rounding to half does, without half's range: the other types have exponents that half has not.
    private static float RoundMantissa(float value)
    {
        const int Cut = (1 << HalfBits.Shift) - 1;
        int bits = BitConverter.SingleToInt32Bits(value);
        return BitConverter.Int32BitsToSingle((bits + (Cut >> 1) + ((bits >> HalfBits.Shift) & 1)) & ~Cut);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _rows.Dispose();
        _mean.Dispose();
        _weights.Dispose();
    }
}
