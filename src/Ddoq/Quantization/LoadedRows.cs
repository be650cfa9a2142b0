using Ddoq.Latents;
using Ddoq.Numerics;
using Ddoq.Numerics.Kernels;
using Ddoq.Quantization.Spaces;

namespace Ddoq.Quantization;

/// <summary>The rows of a class as kernels take them: in place or copied, with weights, squared norms and a common shift.</summary>
/// <remarks>Rows of weight 0 are left out of <see cref="Used"/>. Buffers are reused from class to class; one thread.</remarks>
internal sealed unsafe class LoadedRows(LatentKernels kernels) : IDisposable
{
    private static readonly QuantizerOptions s_noHoldOut = new() { CentroidCount = 1 };

    private readonly NativeBuffer<byte> _copy = new();
    private readonly NativeBuffer<float> _norms = new();
    private readonly NativeBuffer<float> _row = new();
    private readonly NativeBuffer<float> _weights = new();
    private readonly ClassSplit _split = new();
    private byte* _first;

    /// <summary>The rows that have weight.</summary>
    public ClassRows Used => _split.Training;

    /// <summary>Squared distances below this are rounding.</summary>
    public float ZeroDistance { get; private set; }

    /// <summary>Squared norms of the used rows, less the shift (padded, zeros behind).</summary>
    public float* Norms => _norms.Pointer;

    /// <summary>Weight of a used row; 1 when all weigh the same.</summary>
    public float Weight(int row) => Used.Weights.IsEmpty ? 1 : Used.Weights[row];

    /// <summary>Index of a used row among all rows of the class.</summary>
    public int Index(int row) => (int)(((byte*)Used[row] - _first) / ((nint)Used.Dimension * LatentElement.Size(kernels.RowType)));

    /// <summary>Takes up a class and works on it; its rows stay in place meanwhile.</summary>
    /// <exception cref="UsageException">The class does not exist or has no rows.</exception>
    /// <exception cref="DdoqException">A value or a weight is not usable.</exception>
    public TResult With<TResult>(ILatentSource source, int classIndex, Func<TResult> work, CancellationToken cancellation)
    {
        CheckClass(source, classIndex);
        if (source.TryGetRowBytes(classIndex, out ReadOnlySpan<byte> inPlace))
        {
            fixed (byte* values = inPlace)
            {
                Load(values, source, classIndex);
                return work();
            }
        }

        Load(Copy(source, classIndex, _copy, cancellation), source, classIndex);
        return work();
    }

    /// <summary>Refuses classes that do not exist or have no rows.</summary>
    public static void CheckClass(ILatentSource source, int classIndex)
    {
        if ((uint)classIndex >= (uint)source.ClassNames.Count)
            throw new UsageException($"Class {classIndex} does not exist; the source has classes 0 to {source.ClassNames.Count - 1}.");
        if (source.RowCount(classIndex) == 0)
            throw new UsageException($"Class {classIndex} ('{source.ClassNames[classIndex]}') has no rows.");
    }

    /// <summary>Copies the rows of a class that are not in place, a piece at a time.</summary>
    public static byte* Copy(ILatentSource source, int classIndex, NativeBuffer<byte> buffer, CancellationToken cancellation)
    {
        int rows = source.RowCount(classIndex);
        nint rowBytes = (nint)source.Shape.Length * LatentElement.Size(source.ElementType);
        byte* copy = buffer.Reserve(rows * rowBytes);
        int step = (int)Math.Max(1, (1 << 26) / rowBytes);
        for (int first = 0; first < rows; first += step)
        {
            cancellation.ThrowIfCancellationRequested();
            int count = Math.Min(step, rows - first);
            source.ReadRowBytes(classIndex, first, new Span<byte>(copy + (first * rowBytes), checked((int)(count * rowBytes))));
        }

        return copy;
    }

    /// <summary>Refuses halves that are not finite; a source has refused values of other types.</summary>
    public static void RefuseNonFinite(LatentKernels kernels, byte* values, int rows, int dimension, int classIndex, string className)
    {
        // Halves are checked again for sources of others' making: the kernels would take infinities for numbers.
        if (kernels.RowType != LatentElementType.F16)
            return;
        nint position = FiniteCheck.FirstNonFinite((Half*)values, (nint)rows * dimension);
        if (position < 0)
            return;
        throw new DdoqException(
            $"Class {classIndex} ('{className}'), row {position / dimension}: value {position % dimension} of the latent is {((Half*)values)[position]}; latents must be finite.",
            "Encode the class again; a half overflows above 65504, so check the scaling factor of the encoder.");
    }

    /// <summary>The values of some used rows, in the coordinates of the latents.</summary>
    public float[] Values(int[] rows)
    {
        var values = new float[rows.Length * Used.Dimension];
        fixed (float* destination = values)
        {
            for (int i = 0; i < rows.Length; i++)
                kernels.Widen(Used[rows[i]], destination + ((nint)i * Used.Dimension), Used.Dimension);
        }

        return values;
    }

    /// <summary>Keeps some of the rows, drawn without replacement.</summary>
    public void Sample(int count, CounterRandom random)
    {
        Used.Sample(count, random);
        MeasureNorms();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _copy.Dispose();
        _norms.Dispose();
        _row.Dispose();
        _weights.Dispose();
        _split.Dispose();
    }

    private void Load(byte* values, ILatentSource source, int classIndex)
    {
        int rows = source.RowCount(classIndex), dimension = source.Shape.Length;
        string name = source.ClassNames[classIndex];
        RefuseNonFinite(kernels, values, rows, dimension, classIndex, name);
        _first = values;
        Span<float> weights = default;
        if (source.HasSampleWeights)
            source.ReadSampleWeights(classIndex, weights = _weights.Span(rows));
        _split.Reset(values, rows, (nint)dimension * LatentElement.Size(kernels.RowType), dimension, weights, classIndex, name, s_noHoldOut);
        Used.ComputeMean(kernels);
        MeasureNorms();
    }

    private void MeasureNorms()
    {
        float* norms = _norms.ReserveZeroed(LatentKernels.Pad(Used.Count)), values = _row.ReserveZeroed(Used.PaddedDimension);
        double total = 0;
        for (int i = 0; i < Used.Count; i++)
        {
            kernels.WidenCentred(Used[i], Used.Mean, values, Used.Dimension);
            double norm = kernels.SquaredNorm(values, Used.PaddedDimension);
            norms[i] = (float)norm;
            total += norm;
        }

        ZeroDistance = (float)(ClusterSpace.RelativeZero * total / Used.Count);
    }
}
