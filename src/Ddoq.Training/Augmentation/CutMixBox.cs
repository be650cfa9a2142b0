using Ddoq.Numerics;

namespace Ddoq.Training.Augmentation;

/// <summary>The box that a batch's images take from their partners, and the share of pixels that stays the base image's.</summary>
/// <param name="Top">First row of the box.</param>
/// <param name="Left">First column.</param>
/// <param name="Bottom">Row after the last.</param>
/// <param name="Right">Column after the last.</param>
/// <param name="Lambda">1 - area of the clipped box / area of the image.</param>
internal readonly record struct CutMixBox(int Top, int Left, int Bottom, int Right, double Lambda)
{
    /// <summary>
    /// Draws a box whose sides are sqrt(1 - u) of the image's, u uniform in [0, 1) (Beta(1, 1)), about a uniform centre,
    /// clipped to the image. Source: Yun et al., "CutMix" (2019).
    /// </summary>
    public static CutMixBox Draw(ref CounterRandom random, int height, int width)
    {
        double share = Math.Sqrt(1.0 - random.NextDouble());
        int halfHeight = (int)(height * share) / 2, halfWidth = (int)(width * share) / 2;
        int row = random.NextInt32(height), column = random.NextInt32(width);
        int top = Math.Max(row - halfHeight, 0), bottom = Math.Min(row + halfHeight, height);
        int left = Math.Max(column - halfWidth, 0), right = Math.Min(column + halfWidth, width);
        return new CutMixBox(top, left, bottom, right, 1.0 - ((double)(bottom - top) * (right - left) / ((double)height * width)));
    }
}
