using Ddoq.Latents;
using Ddoq.Numerics;
using Ddoq.Numerics.Kernels;

namespace Ddoq.Quantization.Spaces;

/// <summary>K moving points that are affine combinations of the N rows of a class, in several positions that are kept at once.</summary>
/// <remarks>
/// A position is one array of K rows, and in Gram space a second one that holds its inner products with the rows, so that
/// <see cref="Product(int, int)"/> is the inner product of two positions in latent space in either case. One thread.
/// </remarks>
internal abstract unsafe class SupportSpace(LatentKernels kernels) : IDisposable
{
    private readonly NativeBuffer<float> _positions = new();
    private readonly NativeBuffer<float> _noShift = new();
    private readonly NativeBuffer<float> _scratch = new();
    private readonly NativeBuffer<float> _paddedWeights = new();
    private readonly NativeBuffer<nint> _pointers = new();
    private nint _slotLength;

    /// <summary>The rows.</summary>
    public ClassRows Rows { get; private set; } = null!;

    /// <summary>Points (K).</summary>
    public int PointCount { get; private set; }

    /// <summary>Floats between the distances of two points.</summary>
    public int DistanceStride => LatentKernels.Pad(Rows.Count);

    /// <summary>Mass of each row (padded N, 0 behind the rows).</summary>
    public float* Weights => _paddedWeights.Pointer;

    /// <summary>Sum of the masses.</summary>
    public double TotalWeight { get; private set; }

    /// <summary>Squared distances below this are rounding.</summary>
    public float ZeroDistance { get; protected set; }

    /// <summary>The kernels of the class's rows.</summary>
    protected LatentKernels Kernels { get; } = kernels;

    /// <summary>The kernels of rows of floats.</summary>
    protected LatentKernels Singles { get; } = kernels.ForRows(LatentElementType.F32);

    /// <summary>Floats between two points of a position.</summary>
    protected int Stride { get; private set; }

    /// <summary>Arrays per position: 1, or 2 where the second holds the products with the rows.</summary>
    protected abstract int ArraysPerPosition { get; }

    /// <summary>Scratch for <see cref="LatentKernels.Combine"/>.</summary>
    protected float* Scratch => _scratch.Pointer;

    /// <summary>Zeros in place of a mean.</summary>
    protected float* NoShift => _noShift.Pointer;

    /// <summary>Puts a point on a mixture of two rows: <c>(1 - share) row + share other</c>.</summary>
    public abstract void Place(int slot, int point, int row, int other, float share);

    /// <summary>Squared distances of all rows to each point of a position (K x N, <see cref="DistanceStride"/> apart), and its squared norms (K).</summary>
    public abstract void Measure(int slot, float* squared, double* norms);

    /// <summary><c>to = shares * rows + ties * from</c>.</summary>
    /// <param name="from">A position.</param>
    /// <param name="to">Another one.</param>
    /// <param name="shares">K x N, <see cref="DistanceStride"/> apart, 0 behind the rows.</param>
    /// <param name="ties">K x K, padded K apart.</param>
    public abstract void Combine(int from, int to, float* shares, float* ties);

    /// <summary>Computes again what a position holds beside its points, which mixtures leave with their rounding.</summary>
    public virtual void Refresh(int slot)
    {
    }

    /// <summary>Writes the points of a position (K x D) in the coordinates of the latents.</summary>
    public abstract void CopyCentroids(int slot, Span<float> destination);

    /// <summary>Inner product of two points of a position.</summary>
    public double Product(int slot, int point, int other) =>
        Kernels.Dot(Primal(slot) + ((nint)point * Stride), Dual(slot) + ((nint)other * Stride), Stride);

    /// <summary>Inner product of two positions, over all points.</summary>
    public double Product(int slot, int other)
    {
        double sum = 0;
        for (nint k = 0; k < PointCount; k++)
            sum += Kernels.Dot(Primal(slot) + (k * Stride), Dual(other) + (k * Stride), Stride);
        return sum;
    }

    /// <summary>Sets a position to 0.</summary>
    public void Clear(int slot) => new Span<float>(Primal(slot), checked((int)(ArraysPerPosition * _slotLength))).Clear();

    /// <summary>Adds a multiple of one position to another.</summary>
    public void Add(int to, float scale, int from)
    {
        for (int array = 0; array < ArraysPerPosition; array++)
            Kernels.AddScaled(scale, Primal(from) + (array * _slotLength), Primal(to) + (array * _slotLength), PointCount * Stride);
    }

    /// <inheritdoc/>
    public virtual void Dispose()
    {
        _positions.Dispose();
        _noShift.Dispose();
        _scratch.Dispose();
        _paddedWeights.Dispose();
        _pointers.Dispose();
    }

    /// <summary>Floats that positions and scratch of a class take, for <see cref="ClassMemory"/>.</summary>
    /// <param name="points">K.</param>
    /// <param name="stride">Floats between two points.</param>
    /// <param name="arrays">Arrays of all positions.</param>
    protected static long PositionLength(int points, int stride, int arrays) =>
        ((long)arrays * LatentKernels.CombinedRows(points) * stride) + LatentKernels.CombineScratchLength(points);

    /// <summary>Takes up a class.</summary>
    protected void Reset(ClassRows rows, int points, int slots, int stride)
    {
        Rows = rows;
        PointCount = points;
        Stride = stride;
        _slotLength = (nint)LatentKernels.CombinedRows(points) * stride;
        _positions.Reserve(slots * ArraysPerPosition * _slotLength);
        _noShift.ReserveZeroed(Math.Max(stride, rows.PaddedDimension));
        _scratch.Reserve(LatentKernels.CombineScratchLength(points));
        float* weights = _paddedWeights.ReserveZeroed(DistanceStride);
        TotalWeight = 0;
        for (int i = 0; i < rows.Count; i++)
        {
            weights[i] = rows.Weights.IsEmpty ? 1 : rows.Weights[i];
            TotalWeight += weights[i];
        }
    }

    /// <summary>The points of a position.</summary>
    protected float* Primal(int slot) => _positions.Pointer + (slot * ArraysPerPosition * _slotLength);

    /// <summary>What a point is multiplied with to give an inner product.</summary>
    protected float* Dual(int slot) => Primal(slot) + ((ArraysPerPosition - 1) * _slotLength);

    /// <summary>Pointers to rows of floats.</summary>
    protected nint* Pointers(float* rows, int count, nint stride)
    {
        nint* pointers = _pointers.Reserve(count);
        for (int i = 0; i < count; i++)
            pointers[i] = (nint)(rows + (i * stride));
        return pointers;
    }
}
