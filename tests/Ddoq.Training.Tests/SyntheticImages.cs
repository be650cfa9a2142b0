using Ddoq.Numerics;

namespace Ddoq.Training.Tests;

/// <summary>Small grey images of three textures: vertical stripes, horizontal stripes, squares; with noise.</summary>
internal static class SyntheticImages
{
    public const int Classes = 3;
    public const int Size = 16;

    private const int Area = Size * Size;

    public static TrainingImages Make(int count, ulong seed)
    {
        var random = new CounterRandom(seed, 0);
        byte[] pixels = new byte[count * 3 * Area];
        int[] labels = new int[count];
        for (int i = 0; i < count; i++)
        {
            labels[i] = i % Classes;
            int shift = random.NextInt32(4);
            for (int p = 0; p < Area; p++)
            {
                bool column = ((p % Size) + shift) % 4 < 2, row = ((p / Size) + shift) % 4 < 2;
                bool isBright = labels[i] switch { 0 => column, 1 => row, _ => column ^ row };
                for (int channel = 0; channel < 3; channel++)
                    pixels[(((i * 3) + channel) * Area) + p] = (byte)Math.Clamp((isBright ? 170 : 80) + (12 * random.NextGaussian()), 0, 255);
            }
        }

        return new TrainingImages(pixels, labels, null, null, count, Size, Size);
    }

    /// <summary>The images at the given rows, with new weights.</summary>
    public static TrainingImages Pick(TrainingImages images, int[] rows, float[]? weights)
    {
        byte[] pixels = [.. rows.SelectMany(row => images.Pixels.AsSpan(row * images.ImageLength, images.ImageLength).ToArray())];
        return new TrainingImages(pixels, [.. rows.Select(row => images.Labels[row])], weights, null, rows.Length, Size, Size);
    }

    /// <summary>A teacher that knows the rule: it compares the changes along rows with those along columns.</summary>
    public static void Teach(ReadOnlySpan<float> images, int count, Span<float> logits)
    {
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<float> red = images.Slice(i * 3 * Area, Area);
            float along = 0, across = 0;
            for (int p = 0; p < Area - Size; p++)
            {
                along += MathF.Abs(red[p + 1] - red[p]);
                across += MathF.Abs(red[p + Size] - red[p]);
            }

            const float Scale = 40f / Area;
            logits[i * Classes] = Scale * (along - across);
            logits[(i * Classes) + 1] = Scale * (across - along);
            logits[(i * Classes) + 2] = Scale * ((3 * MathF.Min(along, across)) - MathF.Max(along, across));
        }
    }
}
