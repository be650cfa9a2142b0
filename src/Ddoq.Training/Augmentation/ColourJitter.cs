using Ddoq.Numerics;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddoq.Training.Augmentation;

/// <summary>Brightness, contrast and saturation of every image, in an order of its own, then lighting along ImageNet's colour axes.</summary>
/// <remarks>
/// Each step blends the image with black (brightness), its mean grey (contrast) or its grey version (saturation) by a factor
/// uniform in +-strength; lighting adds to all pixels one colour, normal along the principal axes of ImageNet's colours.
/// Values may leave [0, 1], as in the source. Source: the hard-label protocol's released code (minimax diffusion, 2024),
/// after Krizhevsky et al. (2012) for lighting.
/// </remarks>
internal static class ColourJitter
{
    private static readonly float[] LumaShares = [0.299f, 0.587f, 0.114f];
    private static readonly double[] AxisValues = [0.2175, 0.0188, 0.0045];

    private static readonly double[,] Axes =
    {
        { -0.5675, 0.7192, 0.4009 },
        { -0.5808, -0.0045, -0.8140 },
        { -0.5836, -0.6948, 0.4203 },
    };

    /// <summary>Draws and applies both.</summary>
    /// <param name="images">[B, 3, H, W] in [0, 1].</param>
    /// <param name="random">The batch's stream: per image an order, three factors, three lighting numbers.</param>
    /// <param name="strength">Largest blend factor.</param>
    /// <param name="lighting">Standard deviation along each axis, in units of the axis value.</param>
    public static Tensor Apply(Tensor images, ref CounterRandom random, double strength, double lighting)
    {
        using DisposeScope scope = NewDisposeScope();
        int count = (int)images.shape[0];
        // Per place in the order: the factor, and the share of mean grey and of grey in what is blended in (black has neither).
        float[][] factors = [new float[count], new float[count], new float[count]];
        float[][] meanShares = [new float[count], new float[count], new float[count]];
        float[][] greyShares = [new float[count], new float[count], new float[count]];
        float[] colours = new float[3 * count];
        Span<int> order = stackalloc int[3];
        Span<double> alpha = stackalloc double[3];
        for (int i = 0; i < count; i++)
        {
            (order[0], order[1], order[2]) = (0, 1, 2);
            random.Shuffle(order);
            for (int place = 0; place < 3; place++)
            {
                factors[place][i] = (float)(strength * ((2.0 * random.NextDouble()) - 1.0));
                meanShares[place][i] = order[place] == 1 ? 1 : 0;
                greyShares[place][i] = order[place] == 2 ? 1 : 0;
            }

            for (int axis = 0; axis < 3; axis++)
                alpha[axis] = lighting * random.NextGaussian() * AxisValues[axis];
            for (int channel = 0; channel < 3; channel++)
                colours[(3 * i) + channel] = (float)((Axes[channel, 0] * alpha[0]) + (Axes[channel, 1] * alpha[1]) + (Axes[channel, 2] * alpha[2]));
        }

        long[] perImage = [count, 1, 1, 1];
        Tensor luma = tensor(LumaShares, [1, 3, 1, 1]);
        Tensor result = images;
        for (int place = 0; place < 3; place++)
        {
            Tensor grey = (result * luma).sum(1, keepdim: true);
            Tensor mean = grey.mean([2, 3], keepdim: true);
            Tensor blended = (mean * tensor(meanShares[place], perImage)).Add(grey * tensor(greyShares[place], perImage));
            result = result.Add(tensor(factors[place], perImage) * (blended - result));
        }

        return result.Add(tensor(colours, [count, 3, 1, 1])).MoveToOuterDisposeScope();
    }
}
