using Ddoq.Numerics;
using Ddoq.Training.Augmentation;

namespace Ddoq.Training.Tests.Augmentation;

public sealed class CutMixBoxTests
{
    [TestCase(32, 32)]
    [TestCase(7, 12)]
    [TestCase(1, 1)]
    public void Draw_LambdaIsTheShareOutsideTheClippedBox(int height, int width)
    {
        var random = new CounterRandom(5, 1);
        for (int i = 0; i < 2000; i++)
        {
            CutMixBox box = CutMixBox.Draw(ref random, height, width);
            int inside = 0;
            for (int row = 0; row < height; row++)
            {
                for (int column = 0; column < width; column++)
                    inside += row >= box.Top && row < box.Bottom && column >= box.Left && column < box.Right ? 1 : 0;
            }

            Assert.That(box.Lambda, Is.EqualTo(1 - ((double)inside / (height * width))).Within(1e-12), $"{box}");
            Assert.That(box.Top >= 0 && box.Left >= 0 && box.Bottom <= height && box.Right <= width && box.Bottom >= box.Top && box.Right >= box.Left, $"{box}");
        }
    }

    [Test]
    public void Draw_MeanOfLambda_IsThatOfClippedUniformBoxes()
    {
        // With u = 1 - lambda uniform, side s = sqrt(u) and uniform centres, a clipped side keeps s - s^2/4 on average.
        // The mean area is the integral of (s - s^2/4)^2 * 2s ds over [0, 1] = 1/2 - 1/5 + 1/48.
        var random = new CounterRandom(6, 1);
        double sum = 0;
        const int Draws = 20_000;
        for (int i = 0; i < Draws; i++)
            sum += 1 - CutMixBox.Draw(ref random, 256, 256).Lambda;

        Assert.That(sum / Draws, Is.EqualTo(0.5 - 0.2 + (1.0 / 48)).Within(0.01));
    }
}
