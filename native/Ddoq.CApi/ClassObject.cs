using System.Runtime.InteropServices;
using Ddoq.Latents;
using Ddoq.Quantization;

namespace Ddoq.CApi;

/// <summary>What a ddoq_class stands for: the rows of one class as they come, batch by batch, in memory of the library.</summary>
internal sealed unsafe class ClassObject(LatentElementType type, int dimension, int classIndex) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly long _rowBytes = (long)dimension * LatentElement.Size(type);
    private byte* _rows;
    private float* _weights;
    private long _count, _capacity;
    private bool _disposed;

    ~ClassObject() => Free();

    /// <summary>Rows so far.</summary>
    public long Count
    {
        get
        {
            lock (_gate)
                return _count;
        }
    }

    /// <summary>Makes room for as many rows in all.</summary>
    public void Reserve(long rows)
    {
        lock (_gate)
            Grow(rows);
    }

    /// <summary>Copies a batch behind the rows that are there, or leaves them as they are.</summary>
    /// <exception cref="DdoqException">A value or weight is not usable; rows are counted from the first of the class.</exception>
    public void Add(byte* rows, long count, float* weights)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            Guard.InRange(count, 0, Array.MaxLength - _count, "row_count");
            if (count == 0)
                return;
            Guard.Require(rows, "rows");
            string name = FormattableString.Invariant($"{classIndex}");
            for (long i = 0; i < count; i++)
            {
                var row = new ReadOnlySpan<byte>(rows + (i * _rowBytes), checked((int)_rowBytes));
                int bad = FiniteScan.IndexOfUnusable(row, type);
                if (bad >= 0)
                    throw LatentErrors.NotFinite("the rows given", (int)(_count + i), classIndex, name, bad, FiniteScan.ValueAt(row, type, bad));
                if (weights != null && (!float.IsFinite(weights[i]) || weights[i] < 0))
                    throw SampleWeights.Bad("the weights given", (int)(_count + i), classIndex, name, weights[i]);
            }

            Grow(_count + count);
            Buffer.MemoryCopy(rows, _rows + (_count * _rowBytes), (_capacity - _count) * _rowBytes, count * _rowBytes);
            if (weights != null && _weights == null)
            {
                _weights = (float*)NativeMemory.Alloc((nuint)_capacity, sizeof(float));
                new Span<float>(_weights, (int)_count).Fill(1);
            }

            if (_weights != null)
            {
                var added = new Span<float>(_weights + _count, (int)count);
                if (weights == null)
                    added.Fill(1);
                else
                    new ReadOnlySpan<float>(weights, (int)count).CopyTo(added);
            }

            _count += count;
        }
    }

    /// <summary>Quantises the rows that are there; they stay.</summary>
    public ClassQuantization Fit(QuantizerObject quantizer)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            var source = new NativeLatents([(nint)_rows], [_count], (int)type, dimension, classIndex, _weights);
            return quantizer.Quantizer.FitClass(source, classIndex, quantizer.Options, quantizer.Token);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            Free();
        }

        GC.SuppressFinalize(this);
    }

    private void Grow(long rows)
    {
        if (rows <= _capacity)
            return;
        long capacity = Math.Min(Array.MaxLength, Math.Max(rows, _capacity + (_capacity / 2)));
        _rows = (byte*)NativeMemory.Realloc(_rows, checked((nuint)capacity * (nuint)_rowBytes));
        if (_weights != null)
            _weights = (float*)NativeMemory.Realloc(_weights, (nuint)capacity * sizeof(float));
        _capacity = capacity;
    }

    private void Free()
    {
        NativeMemory.Free(_rows);
        NativeMemory.Free(_weights);
        _rows = null;
        _weights = null;
        _count = _capacity = 0;
    }
}
