using Ddoq.Numerics;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddoq.Training.Augmentation;

/// <summary>Crops every image of a batch to a box of its own, mirrors half of them, and resizes back, in one pass.</summary>
/// <remarks>
/// Bilinear, sampling only inside the box: the same as cropping and then resizing up with half-pixel centres. A box is
/// never larger than the image, so no antialiasing is involved.
/// </remarks>
internal static class RandomResizedCrop
{
    /// <summary>Draws boxes and mirrorings, and applies them.</summary>
    /// <param name="images">[B, 3, H, W].</param>
    /// <param name="random">The batch's stream: per image, a box, then a mirroring.</param>
    /// <param name="leastArea">Least share of the area that a box keeps.</param>
    /// <returns>[B, 3, H, W].</returns>
    public static Tensor Apply(Tensor images, ref CounterRandom random, double leastArea)
    {
        int count = (int)images.shape[0], height = (int)images.shape[2], width = (int)images.shape[3];
        var boxes = new CropBox[count];
        bool[] mirrored = new bool[count];
        for (int i = 0; i < count; i++)
        {
            boxes[i] = CropBox.Draw(ref random, height, width, leastArea);
            mirrored[i] = (random.NextUInt32() & 1) != 0;
        }

        return Sample(images, boxes, mirrored);
    }

    /// <summary>Resizes each image's box to the whole image.</summary>
    /// <param name="images">[B, 3, H, W].</param>
    /// <param name="boxes">B boxes inside the image.</param>
    /// <param name="mirrored">Whether to mirror left and right after resizing.</param>
    internal static Tensor Sample(Tensor images, CropBox[] boxes, bool[] mirrored)
    {
        using DisposeScope scope = NewDisposeScope();
        int count = boxes.Length, height = (int)images.shape[2], width = (int)images.shape[3];
        float[] columns = new float[count * width], rows = new float[count * height];
        for (int i = 0; i < count; i++)
        {
            FillPositions(columns.AsSpan(i * width, width), boxes[i].Left, boxes[i].Width, mirrored[i]);
            FillPositions(rows.AsSpan(i * height, height), boxes[i].Top, boxes[i].Height, mirrored: false);
        }

        Tensor grid = stack(
            [
                tensor(columns, [count, 1, width]).expand(count, height, width),
                tensor(rows, [count, height, 1]).expand(count, height, width),
            ],
            dim: 3);
        return nn.functional.grid_sample(images, grid, GridSampleMode.Bilinear, GridSamplePaddingMode.Border, align_corners: false)
            .MoveToOuterDisposeScope();
    }

    /// <summary>Where output positions 0..n-1 fall in the input, in grid_sample's scale of -1 to 1 from edge to edge.</summary>
    private static void FillPositions(Span<float> positions, int start, int length, bool mirrored)
    {
        int size = positions.Length;
        double step = (double)length / size;
        for (int i = 0; i < size; i++)
        {
            double inBox = Math.Clamp(((i + 0.5) * step) - 0.5, 0, length - 1);
            double position = (((2.0 * (start + inBox)) + 1.0) / size) - 1.0;
            positions[mirrored ? size - 1 - i : i] = (float)position;
        }
    }
}

/// <summary>The part of one image that RandomResizedCrop takes.</summary>
internal readonly record struct CropBox(int Top, int Left, int Height, int Width)
{
    private const int Attempts = 10;
    private const double LeastRatio = 3.0 / 4.0;
    private const double GreatestRatio = 4.0 / 3.0;

    /// <summary>
    /// Draws a box of a uniform share of the area in [<paramref name="leastArea"/>, 1] with a log-uniform aspect in
    /// [3/4, 4/3], in whole pixels; after ten boxes that do not fit, the largest central one of an allowed aspect.
    /// Same rule as torchvision's RandomResizedCrop.
    /// </summary>
    public static CropBox Draw(ref CounterRandom random, int height, int width, double leastArea)
    {
        double area = (double)height * width;
        double low = Math.Log(LeastRatio), high = Math.Log(GreatestRatio);
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            double target = area * (leastArea + ((1.0 - leastArea) * random.NextDouble()));
            double aspect = Math.Exp(low + ((high - low) * random.NextDouble()));
            int boxWidth = (int)Math.Round(Math.Sqrt(target * aspect));
            int boxHeight = (int)Math.Round(Math.Sqrt(target / aspect));
            if (boxWidth > 0 && boxWidth <= width && boxHeight > 0 && boxHeight <= height)
                return new CropBox(random.NextInt32(height - boxHeight + 1), random.NextInt32(width - boxWidth + 1), boxHeight, boxWidth);
        }

        double ratio = (double)width / height;
        int fallbackWidth = ratio > GreatestRatio ? (int)Math.Round(height * GreatestRatio) : width;
        int fallbackHeight = ratio < LeastRatio ? (int)Math.Round(width / LeastRatio) : height;
        return new CropBox((height - fallbackHeight) / 2, (width - fallbackWidth) / 2, fallbackHeight, fallbackWidth);
    }
}

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
