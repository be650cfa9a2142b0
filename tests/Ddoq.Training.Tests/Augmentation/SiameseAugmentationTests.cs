using Ddoq.Numerics;
using Ddoq.Training.Augmentation;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddoq.Training.Tests.Augmentation;

public sealed class SiameseAugmentationTests
{
    [Test]
    public void Flip_EachImageIsItselfOrItsMirror()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor images = Tensors.Gaussian(1, 20, 3, 6, 8);
        var random = new CounterRandom(1, 0);
        Tensor found = SiameseAugmentation.Apply(images, SiameseAugmentation.Kind.Flip, ref random);

        int mirrored = 0;
        for (int i = 0; i < 20; i++)
        {
            bool isSame = found[i].allclose(images[i], atol: 1e-5), isMirror = found[i].allclose(images[i].flip(2), atol: 1e-5);
            Assert.That(isSame ^ isMirror);
            mirrored += isMirror ? 1 : 0;
        }

        Assert.That(mirrored, Is.InRange(3, 17));
    }

    [Test]
    public void Crop_EachImageIsShiftedByWholePixelsWithZerosComingIn()
    {
        using DisposeScope scope = NewDisposeScope();
        const int Size = 16, Greatest = 2;
        Tensor images = Tensors.Gaussian(2, 10, 3, Size, Size);
        Tensor padded = nn.functional.pad(images, [Greatest, Greatest, Greatest, Greatest]);
        var random = new CounterRandom(2, 0);
        Tensor found = SiameseAugmentation.Apply(images, SiameseAugmentation.Kind.Crop, ref random);

        for (int i = 0; i < 10; i++)
        {
            int matches = 0;
            for (int top = 0; top <= 2 * Greatest; top++)
            {
                for (int left = 0; left <= 2 * Greatest; left++)
                    matches += found[i].allclose(padded[i].narrow(1, top, Size).narrow(2, left, Size), atol: 1e-4) ? 1 : 0;
            }

            Assert.That(matches, Is.EqualTo(1), $"image {i}");
        }
    }

    [Test]
    public void Cutout_ClearsABoxOfHalfTheSidesClippedToTheImage()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor images = ones(30, 3, 8, 8);
        var random = new CounterRandom(3, 0);
        Tensor found = SiameseAugmentation.Apply(images, SiameseAugmentation.Kind.Cutout, ref random);

        float[] cleared = Tensors.Values(64 - found.sum([2, 3]));
        Assert.That(cleared, Is.All.InRange(4f, 16f));
        Assert.That(cleared.Max(), Is.EqualTo(16f));
        Assert.That(found.eq(0).logical_or(found.eq(1)).all().item<bool>());
    }

    [TestCase("Scale")]
    [TestCase("Rotate")]
    public void ScaleAndRotate_KeepTheCentreAndChangeTheRest(string name)
    {
        var kind = Enum.Parse<SiameseAugmentation.Kind>(name);
        using DisposeScope scope = NewDisposeScope();
        Tensor images = Tensors.Gaussian(4, 4, 3, 9, 9);
        var random = new CounterRandom(4, 0);
        Tensor found = SiameseAugmentation.Apply(images, kind, ref random);

        Assert.That(Tensors.Values(found.select(3, 4).select(2, 4)), Is.EqualTo(Tensors.Values(images.select(3, 4).select(2, 4))).Within(1e-4));
        Assert.That(found.allclose(images, atol: 1e-2), Is.False);
    }

    [Test]
    public void Colour_KeepsFlatGreyFlat()
    {
        using DisposeScope scope = NewDisposeScope();
        var random = new CounterRandom(5, 0);
        Tensor found = SiameseAugmentation.Apply(ones(5, 3, 4, 4), SiameseAugmentation.Kind.Colour, ref random);

        Assert.That(found.std([1, 2, 3]).max().item<float>(), Is.LessThan(1e-5));
        Assert.That(Tensors.Values(found), Is.All.InRange(0.5f, 1.5f));
    }
}
