using Ddoq.Numerics;
using Ddoq.Numerics.Kernels;

namespace Ddoq.Tests.Numerics.Kernels;

/// <summary>The variants under test and native memory with guards around it.</summary>
internal static class KernelVariants
{
    public static IEnumerable<string> All => KernelTable.All.Select(kernels => kernels.Name);

    public static LatentKernels Get(string name)
    {
        LatentKernels kernels = KernelTable.All.Single(variant => variant.Name == name);
        if (!kernels.IsSupported)
            Assert.Ignore($"{name} is not supported by this processor.");
        return kernels;
    }
}

/// <summary>Aligned floats of an exact length; writing past it is found at <see cref="Dispose"/>.</summary>
internal sealed unsafe class GuardedFloats : IDisposable
{
    private const float Guard = -123456.75f;
    private readonly NativeBuffer<float> _buffer = new();
    private readonly nint _length;

    public GuardedFloats(nint length)
    {
        _length = length;
        Pointer = _buffer.Reserve(length + 32) + 16;
        new Span<float>(Pointer - 16, (int)length + 32).Fill(Guard);
        Span.Fill(float.NaN);
    }

    public GuardedFloats(ReadOnlySpan<float> values)
        : this(values.Length) => values.CopyTo(Span);

    public float* Pointer { get; }

    public Span<float> Span => new(Pointer, (int)_length);

    public void Dispose()
    {
        for (int i = 1; i <= 16; i++)
        {
            if (Pointer[-i] != Guard || Pointer[_length + i - 1] != Guard)
                throw new InvalidOperationException($"A kernel wrote outside its {_length} floats, {i} before or after.");
        }

        _buffer.Dispose();
    }
}

/// <summary>Rows of halves at odd addresses, each ending right before a guard.</summary>
internal sealed unsafe class RowPointers : IDisposable
{
    private readonly NativeBuffer<Half> _values = new();
    private readonly NativeBuffer<nint> _pointers = new();

    public RowPointers(Half[] rows, int dimension)
    {
        Count = rows.Length / dimension;
        Half* values = _values.Reserve((Count * (dimension + 3)) + 3);
        nint* pointers = _pointers.Reserve(Count);
        for (int i = 0; i < Count; i++)
        {
            Half* row = values + 1 + (i * (dimension + 3));
            rows.AsSpan(i * dimension, dimension).CopyTo(new Span<Half>(row, dimension));
            row[dimension] = row[dimension + 1] = row[dimension + 2] = Half.NaN;
            pointers[i] = (nint)row;
        }
    }

    public int Count { get; }

    public nint* Pointer => _pointers.Pointer;

    public void Dispose()
    {
        _values.Dispose();
        _pointers.Dispose();
    }
}
