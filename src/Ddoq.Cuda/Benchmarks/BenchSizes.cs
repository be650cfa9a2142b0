namespace Ddoq.Cuda.Benchmarks;

/// <summary>Sizes of the data that kernels are measured on.</summary>
/// <param name="Classes">Classes in a launch (C).</param>
/// <param name="Rows">Rows of a class (N).</param>
/// <param name="Dimension">Values of a row (D).</param>
/// <param name="MostCentroids">Limit on the centroids of a class (K).</param>
/// <param name="Images">Images in a batch of the loss (B).</param>
/// <param name="Scores">Losses that are summed.</param>
/// <param name="CopyBytes">Bytes of the copy that measures bandwidth.</param>
internal sealed record BenchSizes(int Classes, int Rows, int Dimension, int MostCentroids, int Images, int Scores, long CopyBytes)
{
    /// <summary>64 classes of ImageNet-1K's size as 4 x 32 x 32 latents: 681 MB of halves, far beyond any cache.</summary>
    public static readonly BenchSizes Device = new(64, 1300, 4096, int.MaxValue, 8192, 1 << 22, 1L << 29);

    /// <summary>Enough to run every kernel to its end.</summary>
    public static readonly BenchSizes Emulated = new(2, 9, 24, 3, 3, 50, 1024);
}
