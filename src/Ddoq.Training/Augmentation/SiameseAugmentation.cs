using Ddoq.Numerics;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddoq.Training.Augmentation;

/// <summary>
/// One kind of change per batch, drawn anew for each of its images: colour, crop, cutout, flip, scale or rotate.
/// </summary>
/// <remarks>
/// On normalised images; what comes in from outside is 0. Strengths: brightness +-0.5, saturation 0 to 2, contrast 0.5 to
/// 1.5, shifts up to an eighth of a side, a cutout of half the side, scales 1/1.2 to 1.2 per axis, rotations +-15 degrees.
/// Source: Zhao, Bilen, "Dataset condensation with differentiable Siamese augmentation" (2021), evaluation.
/// </remarks>
internal static class SiameseAugmentation
{
    private const double GreatestScale = 1.2;
    private const double GreatestAngle = Math.PI / 12;
    private const double ShiftShare = 0.125;
    private const double CutoutShare = 0.5;

    /// <summary>The kinds, each as likely as the others.</summary>
    internal enum Kind
    {
        Colour,
        Crop,
        Cutout,
        Flip,
        Scale,
        Rotate,
    }

    /// <summary>Draws a kind and applies it to [B, 3, H, W].</summary>
    public static Tensor Apply(Tensor images, ref CounterRandom random) =>
        Apply(images, (Kind)random.NextInt32(6), ref random);

    /// <summary>Applies one kind.</summary>
    internal static Tensor Apply(Tensor images, Kind kind, ref CounterRandom random)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor result = kind switch
        {
            Kind.Colour => Colour(images, ref random),
            Kind.Cutout => Cutout(images, ref random),
            _ => Affine(images, kind, ref random),
        };
        return result.MoveToOuterDisposeScope();
    }

    private static Tensor Colour(Tensor images, ref CounterRandom random)
    {
        int count = (int)images.shape[0];
        float[] brightness = new float[count], saturation = new float[count], contrast = new float[count];
        for (int i = 0; i < count; i++)
        {
            brightness[i] = (float)(random.NextDouble() - 0.5);
            saturation[i] = (float)(2.0 * random.NextDouble());
            contrast[i] = (float)(random.NextDouble() + 0.5);
        }

        long[] perImage = [count, 1, 1, 1];
        Tensor x = images.Add(tensor(brightness, perImage));
        Tensor grey = x.mean([1], keepdim: true);
        x = ((x - grey) * tensor(saturation, perImage)).Add(grey);
        Tensor mean = x.mean([1, 2, 3], keepdim: true);
        return ((x - mean) * tensor(contrast, perImage)).Add(mean);
    }

    private static Tensor Cutout(Tensor images, ref CounterRandom random)
    {
        int count = (int)images.shape[0], height = (int)images.shape[2], width = (int)images.shape[3];
        int boxHeight = (int)((height * CutoutShare) + 0.5), boxWidth = (int)((width * CutoutShare) + 0.5);
        float[] mask = new float[count * height * width];
        Array.Fill(mask, 1f);
        for (int i = 0; i < count; i++)
        {
            int top = random.NextInt32(height + 1 - (boxHeight % 2)) - (boxHeight / 2);
            int left = random.NextInt32(width + 1 - (boxWidth % 2)) - (boxWidth / 2);
            int firstColumn = Math.Max(left, 0), lastColumn = Math.Min(left + boxWidth, width);
            for (int row = Math.Max(top, 0); row < Math.Min(top + boxHeight, height); row++)
                mask.AsSpan((((i * height) + row) * width) + firstColumn, lastColumn - firstColumn).Clear();
        }

        return images * tensor(mask, [count, 1, height, width]);
    }

    /// <summary>Crop, flip, scale and rotate are affine: where each output point comes from, in units of half the image.</summary>
    private static Tensor Affine(Tensor images, Kind kind, ref CounterRandom random)
    {
        int count = (int)images.shape[0], height = (int)images.shape[2], width = (int)images.shape[3];
        int greatestShiftX = (int)((width * ShiftShare) + 0.5), greatestShiftY = (int)((height * ShiftShare) + 0.5);
        float[] theta = new float[6 * count];
        for (int i = 0; i < count; i++)
        {
            Span<float> map = theta.AsSpan(6 * i, 6);
            (map[0], map[4]) = (1, 1);
            switch (kind)
            {
                case Kind.Crop:
                    map[2] = 2f * (random.NextInt32((2 * greatestShiftX) + 1) - greatestShiftX) / width;
                    map[5] = 2f * (random.NextInt32((2 * greatestShiftY) + 1) - greatestShiftY) / height;
                    break;
                case Kind.Flip:
                    map[0] = (random.NextUInt32() & 1) != 0 ? -1 : 1;
                    break;
                case Kind.Scale:
                    map[0] = (float)((1 / GreatestScale) + ((GreatestScale - (1 / GreatestScale)) * random.NextDouble()));
                    map[4] = (float)((1 / GreatestScale) + ((GreatestScale - (1 / GreatestScale)) * random.NextDouble()));
                    break;
                case Kind.Rotate:
                    (double sin, double cos) = Math.SinCos(GreatestAngle * ((2.0 * random.NextDouble()) - 1.0));
                    (map[0], map[1], map[3], map[4]) = ((float)cos, (float)-sin, (float)sin, (float)cos);
                    break;
            }
        }

        Tensor grid = nn.functional.affine_grid(tensor(theta, [count, 2, 3]), [count, 3, height, width], align_corners: false);
        return nn.functional.grid_sample(images, grid, GridSampleMode.Bilinear, GridSamplePaddingMode.Zeros, align_corners: false);
    }
}
