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
