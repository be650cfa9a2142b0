using Ddoq.Numerics;
using Ddoq.Numerics.Kernels;

namespace Ddoq.Bench.Kernels;

/// <summary>One class of Gaussian latents as the kernels take it (fp16 rows by pointer, a mean) and as BLAS does (fp32, converted).</summary>
internal sealed unsafe class LatentRows : IDisposable
{
    private readonly NativeBuffer<Half> _halves = new();
    private readonly NativeBuffer<float> _floats = new();
    private readonly NativeBuffer<float> _mean = new();
    private readonly NativeBuffer<nint> _pointers = new();

    public LatentRows(LatentKernels kernels, int count, int dimension)
    {
        Count = count;
        Dimension = dimension;
        nint length = (nint)count * dimension;
        Half* halves = _halves.Reserve(length);
        var random = new CounterRandom(1, 2);
        var row = new float[dimension];
        _pointers.Reserve(count);
        for (int i = 0; i < count; i++)
        {
            random.FillGaussian(row);
            for (int j = 0; j < dimension; j++)
                halves[((nint)i * dimension) + j] = (Half)row[j];
            _pointers.Pointer[i] = (nint)(halves + ((nint)i * dimension));
        }

        kernels.Widen(halves, _floats.Reserve(length), checked((int)length));
        _mean.ReserveZeroed(LatentKernels.Pad(dimension));
    }

    public int Count { get; }

    public int Dimension { get; }

    public nint* Pointers => _pointers.Pointer;

    public float* Floats => _floats.Pointer;

    public float* Mean => _mean.Pointer;

    public void Dispose()
    {
        _halves.Dispose();
        _floats.Dispose();
        _mean.Dispose();
        _pointers.Dispose();
    }
}
