using System.Runtime.InteropServices;
using Ddoq.Training.Networks;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddoq.Training.Tests.Networks;

public sealed class StudentNetworkTests
{
    // Counts by hand. ConvNet-3: w(27 + 1) + 2 w(9w + 1) + 3 * 2w + C (w H/8 W/8 + 1).
    [TestCase(StudentArchitecture.ConvNet3, 10, 32, 0, 3_584 + (2 * 147_584) + 768 + 20_490)]
    [TestCase(StudentArchitecture.ConvNet3, 10, 28, 0, 320_010)]
    [TestCase(StudentArchitecture.ConvNet3, 7, 64, 16, (16 * 28) + (2 * 16 * 145) + 96 + (7 * 1_025))]
    // ResNetAP-10: stem 7*7*3*64 + 128; stages 2 * 36,864 + 256, then per stage 9 i o + 9 o o + i o + 6 o; 512 C + C.
    [TestCase(StudentArchitecture.ResNetAp10, 10, 224, 0, 9_536 + 73_984 + 230_144 + 919_040 + 3_673_088 + 5_130)]
    [TestCase(StudentArchitecture.ResNetAp10, 10, 32, 0, 1_856 + 73_984 + 230_144 + 919_040 + 3_673_088 + 5_130)]
    // ResNet-18: the published count with the standard stem, and with 7*7*3*64 - 3*3*3*64 fewer with the small one.
    [TestCase(StudentArchitecture.ResNet18, 1000, 224, 0, 11_689_512)]
    [TestCase(StudentArchitecture.ResNet18, 10, 32, 0, 11_689_512 - (990 * 513) - 7_680)]
    public void ParameterCount_IsTheHandDerivedOne(StudentArchitecture architecture, int classes, int size, int channels, long expected)
    {
        using StudentNetwork network = StudentNetwork.Create(architecture, classes, size, size, seed: 1, channels);

        Assert.That(network.ParameterCount, Is.EqualTo(expected));
    }

    [TestCase(StudentArchitecture.ConvNet3, 24, 40)]
    [TestCase(StudentArchitecture.ConvNet3, 28, 28)]
    [TestCase(StudentArchitecture.ResNetAp10, 32, 32)]
    [TestCase(StudentArchitecture.ResNetAp10, 96, 96)]
    [TestCase(StudentArchitecture.ResNet18, 28, 28)]
    [TestCase(StudentArchitecture.ResNet18, 64, 64)]
    public void Forward_AnyAllowedSize_GivesLogitsAndFiniteGradients(StudentArchitecture architecture, int height, int width)
    {
        using DisposeScope scope = NewDisposeScope();
        using StudentNetwork network = StudentNetwork.Create(architecture, 5, height, width, seed: 2, channels: 16);

        Tensor logits = network.call(ones(2, 3, height, width));
        logits.sum().backward();

        Assert.That(logits.shape, Is.EqualTo(new long[] { 2, 5 }));
        Assert.That(network.parameters().All(parameter => parameter.grad!.isfinite().all().item<bool>()));
    }

    [TestCase(StudentArchitecture.ConvNet3, 30, 32)]
    [TestCase(StudentArchitecture.ResNetAp10, 8, 8)]
    [TestCase(StudentArchitecture.ResNet18, 4, 4)]
    public void Create_ImageThatDoesNotFit_IsRefusedWithTheAllowedSizes(StudentArchitecture architecture, int height, int width) =>
        Assert.That(
            () => StudentNetwork.Create(architecture, 10, height, width, seed: 1),
            Throws.TypeOf<UsageException>().With.Message.Contains($"{height}x{width}"));

    [TestCase(-16)]
    [TestCase(8)]
    [TestCase(20)]
    public void Create_WidthThatTorchMustPad_IsRefused(int channels) =>
        Assert.That(
            () => StudentNetwork.Create(StudentArchitecture.ConvNet3, 10, 32, 32, seed: 1, channels),
            Throws.TypeOf<UsageException>().With.Message.Contains($"{channels} maps"));

    // Fails with other widths on processors where torch's convolutions are at fault; see StudentNetwork.
    [TestCase(StudentArchitecture.ConvNet3, 16, 10)]
    [TestCase(StudentArchitecture.ConvNet3, 48, 7)]
    [TestCase(StudentArchitecture.ResNetAp10, 16, 3)]
    [TestCase(StudentArchitecture.ResNet18, 16, 3)]
    public void Gradient_Repeated_IsTheSameToTheLastBit(StudentArchitecture architecture, int channels, int count)
    {
        using DisposeScope scope = NewDisposeScope();
        using StudentNetwork network = StudentNetwork.Create(architecture, 10, 32, 32, seed: 4, channels);
        Tensor images = linspace(-1, 1, count * 3 * 32 * 32).reshape(count, 3, 32, 32).sin_();
        float[] expected = Gradient(network, images);

        for (int i = 0; i < 12; i++)
            Assert.That(Gradient(network, images), Is.EqualTo(expected));
    }

    [Test]
    public void Create_SameSeed_SameWeights_OtherSeed_OtherWeights()
    {
        float[] first = Weights(7), again = Weights(7), other = Weights(8);

        Assert.That(again, Is.EqualTo(first));
        Assert.That(other, Is.Not.EqualTo(first));
    }

    [Test]
    public void Create_InitialWeights_HaveTheStatedSpread()
    {
        using StudentNetwork convNet = StudentNetwork.Create(StudentArchitecture.ConvNet3, 10, 32, 32, seed: 3);
        using StudentNetwork residual = StudentNetwork.Create(StudentArchitecture.ResNet18, 10, 32, 32, seed: 3);
        using Tensor uniform = convNet.get_parameter("conv2.weight")!.std();
        using Tensor normal = residual.get_parameter("layer1.0.conv1.weight")!.std();

        // A uniform law in +-b has deviation b / sqrt(3).
        Assert.That(uniform.item<float>(), Is.EqualTo(1 / Math.Sqrt(3 * 1152)).Within(0.5).Percent);
        Assert.That(normal.item<float>(), Is.EqualTo(Math.Sqrt(2.0 / 576)).Within(1).Percent);
    }

    private static float[] Gradient(StudentNetwork network, Tensor images)
    {
        using DisposeScope scope = NewDisposeScope();
        foreach (TorchSharp.Modules.Parameter parameter in network.parameters())
            parameter.grad = null;
        network.call(images).square().sum().backward();
        return [.. network.parameters().SelectMany(parameter => MemoryMarshal.Cast<byte, float>(parameter.grad!.contiguous().bytes).ToArray())];
    }

    private static float[] Weights(ulong seed)
    {
        using StudentNetwork network = StudentNetwork.Create(StudentArchitecture.ConvNet3, 3, 8, 8, seed, channels: 16);
        return [.. network.parameters().SelectMany(parameter => MemoryMarshal.Cast<byte, float>(parameter.bytes).ToArray())];
    }
}
