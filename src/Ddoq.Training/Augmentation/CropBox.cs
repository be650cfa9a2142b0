using Ddoq.Numerics;

namespace Ddoq.Training.Augmentation;

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
