using Ddoq.Numerics;
using Ddoq.Training.Augmentation;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddoq.Training.Tests.Augmentation;

public sealed class ColourJitterTests
{
    [Test]
    public void Apply_NoStrength_ChangesNothing()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor images = Tensors.Uniform(1, 3, 3, 5, 4);
        var random = new CounterRandom(1, 1);

        Tensor found = ColourJitter.Apply(images, ref random, strength: 0, lighting: 0);

        Assert.That(Tensors.Values(found), Is.EqualTo(Tensors.Values(images)).Within(1e-7));
    }

    [Test]
    public void Apply_MatchesAScalarReferenceImageByImage()
    {
        using DisposeScope scope = NewDisposeScope();
        const int Count = 6, Pixels = 20;
        Tensor images = Tensors.Uniform(2, Count, 3, 5, 4);
        var random = new CounterRandom(2, 1);
        Tensor found = ColourJitter.Apply(images, ref random, strength: 0.4, lighting: 0.1);

        var replay = new CounterRandom(2, 1);
        double[,] axes = { { -0.5675, 0.7192, 0.4009 }, { -0.5808, -0.0045, -0.8140 }, { -0.5836, -0.6948, 0.4203 } };
        double[] values = [0.2175, 0.0188, 0.0045];
        float[] input = Tensors.Values(images), output = Tensors.Values(found);
        for (int image = 0; image < Count; image++)
        {
            double[] x = [.. input.Skip(image * 3 * Pixels).Take(3 * Pixels).Select(value => (double)value)];
            int[] order = [0, 1, 2];
            replay.Shuffle(order.AsSpan());
            foreach (int step in order)
            {
                double factor = 0.4 * ((2 * replay.NextDouble()) - 1);
                double[] grey = [.. Enumerable.Range(0, Pixels).Select(p => (0.299 * x[p]) + (0.587 * x[Pixels + p]) + (0.114 * x[(2 * Pixels) + p]))];
                double mean = grey.Average();
                for (int i = 0; i < x.Length; i++)
                    x[i] += factor * ((step == 0 ? 0 : step == 1 ? mean : grey[i % Pixels]) - x[i]);
            }

            double[] alpha = [.. values.Select(value => 0.1 * replay.NextGaussian() * value)];
            for (int i = 0; i < x.Length; i++)
                x[i] += Enumerable.Range(0, 3).Sum(axis => axes[i / Pixels, axis] * alpha[axis]);
            Assert.That(output.Skip(image * 3 * Pixels).Take(3 * Pixels).Select(value => (double)value), Is.EqualTo(x).Within(1e-5), $"image {image}");
        }
    }
}
