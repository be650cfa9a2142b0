using Ddoq.Numerics;
using Ddoq.Training.Augmentation;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddoq.Training.Tests.Augmentation;

public sealed class RandomResizedCropTests
{
    [TestCase(0, 0, 9, 14)]
    [TestCase(2, 3, 5, 7)]
    [TestCase(8, 13, 1, 1)]
    public void Sample_IsCroppingThenBilinearResizing(int top, int left, int height, int width)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor images = Tensors.Uniform(1, 1, 3, 9, 14);

        Tensor found = RandomResizedCrop.Sample(images, [new CropBox(top, left, height, width)], [false]);

        Tensor expected = nn.functional.interpolate(
            images.narrow(2, top, height).narrow(3, left, width), [9, 14], mode: InterpolationMode.Bilinear, align_corners: false);
        Assert.That(Tensors.Values(found), Is.EqualTo(Tensors.Values(expected)).Within(2e-6));
    }

    [Test]
    public void Sample_Mirrored_IsTheFlippedCrop_ImageByImage()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor images = Tensors.Uniform(2, 2, 3, 8, 8);
        CropBox[] boxes = [new CropBox(1, 2, 6, 5), new CropBox(0, 0, 8, 8)];

        Tensor plain = RandomResizedCrop.Sample(images, boxes, [false, false]);
        Tensor mirrored = RandomResizedCrop.Sample(images, boxes, [true, false]);

        Assert.That(Tensors.Values(mirrored[0]), Is.EqualTo(Tensors.Values(plain[0].flip(2))).Within(1e-6));
        Assert.That(Tensors.Values(mirrored[1]), Is.EqualTo(Tensors.Values(images[1])).Within(1e-6));
    }

    [TestCase(32, 32)]
    [TestCase(17, 33)]
    [TestCase(4, 100)]
    [TestCase(1, 1)]
    public void Draw_StaysInsideTheImageAndKeepsItsShareOfTheArea(int height, int width)
    {
        var random = new CounterRandom(3, 0);
        double sum = 0;
        for (int i = 0; i < 2000; i++)
        {
            CropBox box = CropBox.Draw(ref random, height, width, 0.5);
            Assert.That(box.Top >= 0 && box.Left >= 0 && box.Height > 0 && box.Width > 0 && box.Top + box.Height <= height && box.Left + box.Width <= width, $"{box}");
            sum += (double)box.Height * box.Width / (height * width);
        }

        // Boxes above the image's aspect are drawn again, which favours small ones: the mean lies below 0.75.
        if (height == 32)
            Assert.That(sum / 2000, Is.InRange(0.66, 0.75));
    }
}
