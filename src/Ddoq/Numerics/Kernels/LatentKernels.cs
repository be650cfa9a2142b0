namespace Ddoq.Numerics.Kernels;

/// <summary>The inner loops of the quantiser for one instruction set. <see cref="KernelTable"/> lists and chooses.</summary>
/// <remarks>
/// Stateless, thread-safe, deterministic: the order of additions depends on the shapes alone. Variants differ from each
/// other in rounding only. Lengths called padded are multiples of <see cref="Padding"/> with zeros behind the data.
/// </remarks>
internal abstract unsafe partial class LatentKernels
{
    /// <summary>Padded lengths are multiples of this many floats (one cache line).</summary>
    public const int Padding = 16;

    /// <summary>Values of a row that are worked on at a time: 2 KiB, so that a tile of rows stays in the first cache.</summary>
    public const int Block = 512;

    /// <summary>Name of the instruction set, as in <c>DDOQ_SIMD</c>.</summary>
    public abstract string Name { get; }

    /// <summary>Whether this processor can run the variant.</summary>
    public abstract bool IsSupported { get; }

    /// <summary>The smallest padded length that holds <paramref name="count"/> values.</summary>
    public static int Pad(int count) => checked(count + Padding - 1) & -Padding;

    /// <summary><c>sum x[j]^2</c> with blocks of 512 added in fp64; padded.</summary>
    public double SquaredNorm(float* x, int count)
    {
        double sum = 0;
        for (int j = 0; j < count; j += Block)
            sum += Dot(x + j, x + j, Math.Min(Block, count - j));
        return sum;
    }

    /// <summary><c>sum (x[j] - y[j])^2</c> with blocks of 512 added in fp64; padded.</summary>
    public double SquaredDistanceInBlocks(float* x, float* y, int count)
    {
        double sum = 0;
        for (int j = 0; j < count; j += Block)
            sum += SquaredDistance(x + j, y + j, Math.Min(Block, count - j));
        return sum;
    }

    /// <summary>Converts finite halves to floats exactly; any length, any alignment.</summary>
    public abstract void Widen(Half* source, float* destination, int count);

    /// <summary><c>destination[j] = source[j] - mean[j]</c>; any length, any alignment.</summary>
    public abstract void WidenCentred(Half* source, float* mean, float* destination, int count);

    /// <summary><c>sum x[j] * y[j]</c>; padded.</summary>
    public abstract float Dot(float* x, float* y, int count);

    /// <summary><c>sum (x[j] - y[j])^2</c>; padded.</summary>
    public abstract float SquaredDistance(float* x, float* y, int count);

    /// <summary><c>y[j] += scale * x[j]</c>; padded.</summary>
    public abstract void AddScaled(float scale, float* x, float* y, int count);

    /// <summary><c>y[j] = keep * y[j] + scale * x[j]</c>; padded.</summary>
    public abstract void Blend(float keep, float scale, float* x, float* y, int count);
}
