using System.Runtime.Intrinsics;
using Ddoq.Latents;

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

    /// <summary>Values of a row that are worked on at a time.</summary>
    public const int Block = KernelTuning.Block;

    /// <summary>Most rows of one call of <see cref="Scores"/>.</summary>
    public const int RowsPerBlock = KernelTuning.RowsPerBlock;

    /// <summary>Name of the instruction set, as in <c>DDOQ_SIMD</c>.</summary>
    public abstract string Name { get; }

    /// <summary>Whether this processor can run the variant.</summary>
    public abstract bool IsSupported { get; }

    /// <summary>How the values of the rows are stored that the kernels read; each kernel is compiled per type.</summary>
    public abstract LatentElementType RowType { get; }

    /// <summary>The kernels of the same instruction set for rows of another type.</summary>
    public abstract LatentKernels ForRows(LatentElementType type);

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

    /// <summary><see cref="LowerTo(float*, float*, int)"/> over spans of equal length.</summary>
    public double LowerTo(ReadOnlySpan<float> bounds, Span<float> values)
    {
        fixed (float* b = bounds, v = values)
            return LowerTo(b, v, values.Length);
    }

    /// <summary>Converts the finite values of a row to floats exactly; any length, any alignment.</summary>
    public abstract void Widen(void* source, float* destination, int count);

    /// <summary><c>destination[j] = source[j] - mean[j]</c>; any length, any alignment.</summary>
    public abstract void WidenCentred(void* source, float* mean, float* destination, int count);

    /// <summary><c>sum x[j] * y[j]</c>; padded.</summary>
    public abstract float Dot(float* x, float* y, int count);

    /// <summary><c>sum (x[j] - y[j])^2</c>; padded.</summary>
    public abstract float SquaredDistance(float* x, float* y, int count);

    /// <summary><c>y[j] += scale * x[j]</c>; padded.</summary>
    public abstract void AddScaled(float scale, float* x, float* y, int count);

    /// <summary><c>y[j] = keep * y[j] + scale * x[j]</c>; padded.</summary>
    public abstract void Blend(float keep, float scale, float* x, float* y, int count);

    /// <summary><c>sums[j] += row[j]</c> for a row; any length, any alignment.</summary>
    public abstract void AddWidened(void* row, float* sums, int count);

    /// <summary>Floats between the scores of two rows against K centres; the surplus scores mean nothing.</summary>
    public abstract int ScoreStride(int centroids);

    /// <summary>Floats that <see cref="Pack"/> writes.</summary>
    public abstract nint PanelLength(int centroids, int dimension);

    /// <summary>Floats of scratch that <see cref="Scores"/> needs.</summary>
    public const int ScoreScratchLength = KernelTuning.TileRows * KernelTuning.BlockStride;

    /// <summary>Arranges centres (K rows of padded D values, <paramref name="stride"/> apart) for <see cref="Scores"/>.</summary>
    public abstract void Pack(float* centroids, int stride, int count, int dimension, float* panels);

    /// <summary><c>scores[i, k] = (row i - mean) . centre k</c>.</summary>
    /// <param name="rows">Pointers to rows of D finite values of <see cref="RowType"/>.</param>
    /// <param name="count">Rows, at most <see cref="RowsPerBlock"/>.</param>
    /// <param name="mean">D floats, subtracted from every row; the centres are relative to it.</param>
    /// <param name="dimension">D.</param>
    /// <param name="panels">Centres as <see cref="Pack"/> arranged them.</param>
    /// <param name="centroids">K.</param>
    /// <param name="scratch"><see cref="ScoreScratchLength"/> floats.</param>
    /// <param name="scores"><see cref="RowsPerBlock"/> rows of <see cref="ScoreStride"/> floats.</param>
    public abstract void Scores(nint* rows, int count, float* mean, int dimension, float* panels, int centroids, float* scratch, float* scores);

    /// <summary>The lowest k with the smallest <c>norms[k] - 2 scores[k]</c>, and that value.</summary>
    /// <param name="scores">One row of scores.</param>
    /// <param name="norms">Squared norms of the centres, then infinity up to <paramref name="stride"/>.</param>
    /// <param name="stride"><see cref="ScoreStride"/>.</param>
    /// <param name="distance">The value: the squared distance less the squared norm of the row.</param>
    public abstract int Nearest(float* scores, float* norms, int stride, out float distance);

    /// <summary>Floats between rows of the Gram matrix of N rows: a multiple of <see cref="Padding"/>.</summary>
    public abstract int GramStride(int rows);

    /// <summary>Floats of the Gram matrix with its padding.</summary>
    public abstract nint GramLength(int rows);

    /// <summary>Floats of scratch that <see cref="Gram"/> needs.</summary>
    public abstract nint GramScratchLength(int rows);

    /// <summary><c>gram[i, j] = (row i - mean) . (row j - mean)</c>, symmetric.</summary>
    /// <param name="rows">Pointers to rows of D finite values of <see cref="RowType"/>.</param>
    /// <param name="count">N.</param>
    /// <param name="mean">D floats, subtracted from every row.</param>
    /// <param name="dimension">D.</param>
    /// <param name="scratch"><see cref="GramScratchLength"/> floats.</param>
    /// <param name="gram"><see cref="GramLength"/> floats, <see cref="GramStride"/> apart; zeros up to padded N.</param>
    public abstract void Gram(nint* rows, int count, float* mean, int dimension, float* scratch, float* gram);

    /// <summary>Per column i the smallest and second smallest <c>slopes[k] * v[k, i] + norms[k]</c> and the lowest k of the smallest.</summary>
    /// <param name="v">K rows, <paramref name="stride"/> apart.</param>
    /// <param name="stride">Floats between rows, a multiple of <see cref="Padding"/>.</param>
    /// <param name="slopes">K factors, -2 times the scale of the row.</param>
    /// <param name="norms">K squared norms.</param>
    /// <param name="centroids">K.</param>
    /// <param name="best">Smallest values (padded N).</param>
    /// <param name="second">Second smallest values (padded N); infinity for one centre.</param>
    /// <param name="index">k as a float, exact below 2^24 (padded N).</param>
    /// <param name="count">Padded N.</param>
    public abstract void NearestInColumns(float* v, nint stride, float* slopes, float* norms, int centroids, float* best, float* second, float* index, int count);

    /// <summary>Per column i the smallest <c>factors[k] * (rowNorms[i] + slopes[k] * v[k, i] + norms[k])</c> over k other than the label, and the lowest k of it.</summary>
    /// <remarks>Parameters as for <see cref="NearestInColumns"/>; factors are n / (n + 1) of Hartigan's test, labels are floats.</remarks>
    public abstract void CheapestJoinInColumns(
        float* v, nint stride, float* slopes, float* norms, float* factors, int centroids, float* rowNorms, float* labels, float* best, float* index, int count);

    /// <summary>
    /// Per column i the smallest <c>masses[k] / (masses[k] + weights[i]) * (rowNorms[i] + slopes[k] * v[k, i] + norms[k])</c>
    /// over k other than the label, and the lowest k of it.
    /// </summary>
    /// <remarks>As <see cref="CheapestJoinInColumns"/>, for rows of unequal weight (padded N, above 0 below N).</remarks>
    public abstract void CheapestWeightedJoinInColumns(
        float* v, nint stride, float* slopes, float* norms, float* masses, int centroids, float* rowNorms, float* weights, float* labels, float* best, float* index, int count);

    /// <summary><c>distances[i] = max(0, rowNorms[i] + norm - 2 gramRow[i])</c>; padded.</summary>
    public abstract void DistancesInColumns(float* gramRow, float* rowNorms, float norm, float* distances, int count);

    /// <summary><c>values[i] = min(values[i], bounds[i])</c>; returns their sum, blocks of 512 added in fp64; any length.</summary>
    public abstract double LowerTo(float* bounds, float* values, int count);

    /// <summary>Rows that the shares and sums of <see cref="Combine"/> need for K points.</summary>
    public static int CombinedRows(int points) => (points + KernelTuning.TileRows - 1) / KernelTuning.TileRows * KernelTuning.TileRows;

    /// <summary>Floats of scratch that <see cref="Combine"/> needs.</summary>
    public static nint CombineScratchLength(int points) =>
        ((nint)CombinedRows(points) * KernelTuning.BlockStride) + ((nint)KernelTuning.CombinedColumns * Block);

    /// <summary><c>sums[k, j] = sum over i of shares[k, i] (row i - mean)[j]</c>, or that added to what is there.</summary>
    /// <param name="shares">K rows of N floats, <paramref name="shareStride"/> apart.</param>
    /// <param name="shareStride">Floats between them.</param>
    /// <param name="points">K.</param>
    /// <param name="rows">Pointers to rows of D finite values of <see cref="RowType"/>.</param>
    /// <param name="count">N.</param>
    /// <param name="mean">D floats, subtracted from every row.</param>
    /// <param name="dimension">D.</param>
    /// <param name="scratch"><see cref="CombineScratchLength"/> floats.</param>
    /// <param name="sums"><see cref="CombinedRows"/> rows of padded D floats, <paramref name="sumStride"/> apart; those beyond K mean nothing.</param>
    /// <param name="sumStride">Floats between them.</param>
    /// <param name="add">Whether to add to <paramref name="sums"/>.</param>
    public abstract void Combine(
        float* shares, nint shareStride, int points, nint* rows, int count, float* mean, int dimension, float* scratch, float* sums, nint sumStride, bool add);

    /// <summary>
    /// <c>pulls[i] = weights[i] / e[i]</c> with <c>e = max(sqrt(squared[i]), floor)</c>; returns the sums of
    /// <c>weights[i] (squared[i] / e[i] + e[i]) / 2</c>, which is the distance where it is above the floor, and of the pulls. Padded, with weights 0 behind the data.
    /// </summary>
    public abstract (double Distances, double Pulls) Pull(float* squared, float* weights, float floor, float* pulls, int count);

    /// <summary>
    /// <c>sum of weights[i] sqrt(squared[i])</c> over the squared distances above <paramref name="zero"/>, blocks of 512 added in fp64. Padded, with weights 0 behind the data.
    /// </summary>
    public abstract double SumOfDistances(float* squared, float* weights, float zero, int count);

    /// <summary><c>sum of weights[i] min(values[i], bounds[i])</c>, blocks of 512 added in fp64. Padded, with weights 0 behind the data.</summary>
    public abstract double SumOfMinima(float* values, float* bounds, float* weights, int count);
}

/// <summary>All variants of the kernels, widest first, and the one in use.</summary>
/// <remarks>
/// Under the JIT the processor decides. A NativeAOT program is compiled for a baseline, and variants above it report
/// themselves as not supported: publish with <c>IlcInstructionSet=x86-64-v3</c> for AVX2 (about 90 % of AVX-512 here),
/// or <c>native</c> on the machine it is for. Without it only Vector128 is left, at a quarter of the speed.
/// </remarks>
internal static class KernelTable
{
    /// <summary>The environment variable that forces a variant by name, for tests and comparisons.</summary>
    public const string EnvironmentVariable = "DDOQ_SIMD";

    /// <summary>Every variant, supported or not, widest first, for rows of halves; <see cref="LatentKernels.ForRows"/> has the others.</summary>
    public static IReadOnlyList<LatentKernels> All { get; } =
    [
        new LatentKernels<SimdVector512, Vector512<float>, HalfRow>(),
        new LatentKernels<SimdVector256, Vector256<float>, HalfRow>(),
        new LatentKernels<SimdVector128, Vector128<float>, HalfRow>(),
        new LatentKernels<SimdScalar, float, HalfRow>(),
    ];

    /// <summary>The variant of <c>DDOQ_SIMD</c>, or the widest this processor supports.</summary>
    /// <exception cref="UsageException">The variable names no variant, or one this processor cannot run.</exception>
    public static LatentKernels Default => Choose(Environment.GetEnvironmentVariable(EnvironmentVariable));

    /// <summary>The variant with a name, or the widest supported one for null or empty.</summary>
    /// <exception cref="UsageException">The name is unknown or this processor cannot run the variant.</exception>
    public static LatentKernels Choose(string? name)
    {
        if (string.IsNullOrEmpty(name))
            return All.First(kernels => kernels.IsSupported);
        foreach (LatentKernels kernels in All)
        {
            if (!string.Equals(kernels.Name, name, StringComparison.OrdinalIgnoreCase))
                continue;
            if (kernels.IsSupported)
                return kernels;
            throw new UsageException($"{EnvironmentVariable} is '{name}', which this processor does not support.", Supported());
        }

        throw new UsageException(
            $"{EnvironmentVariable} is '{name}'; allowed: {string.Join(", ", All.Select(kernels => kernels.Name))}.",
            Supported());
    }

    private static string Supported() =>
        $"Unset it to choose automatically; supported here: {string.Join(", ", All.Where(kernels => kernels.IsSupported).Select(kernels => kernels.Name))}.";
}
