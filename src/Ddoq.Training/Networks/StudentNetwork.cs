using Ddoq.Numerics;
using Ddoq.Training.Runtime;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Ddoq.Training.Networks;

/// <summary>A classifier from normalised images [B, 3, H, W] (fp32) to logits [B, C].</summary>
/// <remarks>
/// Names of parameters and buffers follow the PyTorch originals, so a state dictionary moves between both.
/// A network belongs to one thread at a time. Its initial weights are a function of the seed alone: they come from
/// <see cref="Numerics.CounterRandom"/>, not from torch's shared generator, so networks made at the same time do not
/// disturb each other.
/// Widths are multiples of <see cref="WidthStep"/>: torch's convolutions (oneDNN, as in libtorch 2.10) pad other numbers of
/// maps to it, and on some processors (seen on AMD's Zen 5 under a hypervisor, with oneDNN's AVX2 and AVX-512 code) give
/// gradients that are wrong and different in every run, as if the padding had not been cleared.
/// </remarks>
public abstract class StudentNetwork : nn.Module<Tensor, Tensor>
{
    /// <summary>What every width is a multiple of: the fp32 values of an AVX-512 register.</summary>
    public const int WidthStep = 16;

    private protected StudentNetwork(string name)
        : base(name)
    {
    }

    /// <summary>Number of trainable values.</summary>
    public long ParameterCount => parameters().Sum(parameter => parameter.numel());

    /// <summary>Whether a forward pass in training depends on the other images of the batch (batch norm).</summary>
    /// <remarks>Where it does, gradient accumulation is not the same as one whole batch, and a weight of 0 does not remove an image.</remarks>
    public virtual bool MixesImages => false;

    /// <summary>Makes a network with its initial weights, ready for training on the CPU.</summary>
    /// <param name="architecture">Which network.</param>
    /// <param name="classCount">C, at least 2.</param>
    /// <param name="height">Image height in pixels.</param>
    /// <param name="width">Image width in pixels.</param>
    /// <param name="seed">Decides the initial weights.</param>
    /// <param name="channels">Maps per convolution of <see cref="ConvNet3"/>, and of the first stage of the residual networks;
    /// a multiple of <see cref="WidthStep"/>; 0 for the original's (128, and 64).</param>
    /// <exception cref="UsageException">The image is too small for the network, or a number is out of range.</exception>
    public static StudentNetwork Create(
        StudentArchitecture architecture, int classCount, int height, int width, ulong seed, int channels = 0)
    {
        if (classCount < 2)
            throw new UsageException($"a student needs at least 2 classes, not {classCount}");
        if (channels < 0 || channels % WidthStep != 0)
        {
            throw new UsageException(
                $"the width of a student is {channels} maps; allowed are multiples of {WidthStep}, or 0 for the original's",
                $"Take {Math.Max(1, ((long)channels + WidthStep - 1) / WidthStep) * WidthStep}: with other widths torch's convolutions are not reliable on every processor.");
        }

        TorchRuntime.EnsureLoaded();
        StudentNetwork network = architecture switch
        {
            StudentArchitecture.ConvNet3 => new ConvNet3(classCount, height, width, channels == 0 ? 128 : channels),
            StudentArchitecture.ResNetAp10 => new ResNetAp10(classCount, height, width, channels == 0 ? 64 : channels),
            StudentArchitecture.ResNet18 => new ResNet18(classCount, height, width, channels == 0 ? 64 : channels),
            _ => throw new UsageException($"there is no student network {architecture}"),
        };
        NetworkInitializer.Initialize(network, seed, architecture == StudentArchitecture.ConvNet3 ? ConvolutionInitialization.UniformFanIn : ConvolutionInitialization.NormalFanOut);
        return network;
    }

    /// <summary>Nothing: every part is registered by hand, under the name that the original gives it.</summary>
    protected override void RegisterComponents()
    {
    }

    private protected static void RequireSize(string network, int height, int width, int minimum, int multiple)
    {
        if (height < minimum || width < minimum || height % multiple != 0 || width % multiple != 0)
        {
            throw new UsageException(
                $"{network} cannot take images of {height}x{width} pixels: both sides must be multiples of {multiple}, at least {minimum}",
                "Resize the images, or choose another student network.");
        }
    }
}

/// <summary>The student networks that protocols train from scratch.</summary>
public enum StudentArchitecture
{
    /// <summary>Three blocks of 3x3 convolution, instance norm, ReLU and average pooling, then linear. See <see cref="ConvNet3"/>.</summary>
    ConvNet3,

    /// <summary>A residual network of ten layers with average pooling in place of strides. See <see cref="ResNetAp10"/>.</summary>
    ResNetAp10,

    /// <summary>The standard residual network of 18 layers, its stem fitted to small images. See <see cref="ResNet18"/>.</summary>
    ResNet18,
}

/// <summary>Fills a network with its initial weights, one stream of random numbers per parameter.</summary>
internal static class NetworkInitializer
{
    /// <summary>Overwrites every parameter and buffer of the network's convolutions, norms and linear layers.</summary>
    /// <param name="network">Any network made of those.</param>
    /// <param name="seed">Decides the weights, together with the order in which modules are registered.</param>
    /// <param name="convolutions">The convolutions' distribution; linear layers are always uniform in +-1/sqrt(inputs).</param>
    public static void Initialize(nn.Module network, ulong seed, ConvolutionInitialization convolutions)
    {
        using IDisposable noGradients = no_grad();
        using DisposeScope scope = NewDisposeScope();
        uint index = 0;
        foreach (nn.Module module in network.modules())
        {
            switch (module)
            {
                case Conv2d convolution:
                    Tensor weight = convolution.weight!;
                    long area = weight.shape[2] * weight.shape[3];
                    double bound = 1.0 / Math.Sqrt(weight.shape[1] * area);
                    if (convolutions == ConvolutionInitialization.UniformFanIn)
                        FillUniform(weight, bound, seed, index++);
                    else
                        FillNormal(weight, Math.Sqrt(2.0 / (weight.shape[0] * area)), seed, index++);
                    if (convolution.bias is { } bias)
                        FillUniform(bias, bound, seed, index++);
                    break;

                case Linear linear:
                    double linearBound = 1.0 / Math.Sqrt(linear.weight!.shape[1]);
                    FillUniform(linear.weight!, linearBound, seed, index++);
                    FillUniform(linear.bias!, linearBound, seed, index++);
                    break;

                case GroupNorm norm:
                    norm.weight!.FillInPlace(1);
                    norm.bias!.FillInPlace(0);
                    break;

                case BatchNorm2d norm:
                    norm.weight!.FillInPlace(1);
                    norm.bias!.FillInPlace(0);
                    break;
            }
        }
    }

    private static void FillUniform(Tensor target, double bound, ulong seed, uint index)
    {
        var random = new CounterRandom(seed, RandomStreams.InitialValues(index));
        float[] values = new float[target.numel()];
        for (int i = 0; i < values.Length; i++)
            values[i] = (float)(bound * ((2.0 * random.NextDouble()) - 1.0));
        target.copy_(tensor(values, target.shape));
    }

    private static void FillNormal(Tensor target, double deviation, ulong seed, uint index)
    {
        var random = new CounterRandom(seed, RandomStreams.InitialValues(index));
        float[] values = new float[target.numel()];
        for (int i = 0; i < values.Length; i++)
            values[i] = (float)(deviation * random.NextGaussian());
        target.copy_(tensor(values, target.shape));
    }
}

/// <summary>How a network's convolutions start.</summary>
internal enum ConvolutionInitialization
{
    /// <summary>Uniform in +-1/sqrt(fan in), weights and biases: PyTorch's default.</summary>
    UniformFanIn,

    /// <summary>Normal with variance 2 / (k * k * output channels): the residual networks' originals.</summary>
    NormalFanOut,
}

/// <summary>
/// ConvNet-3, the student of the small-image literature: three times (3x3 convolution, instance norm, ReLU, 2x2 average
/// pooling), then one linear layer on the remaining maps.
/// </summary>
/// <remarks>
/// Instance norm is GroupNorm with one channel per group, affine, epsilon 1e-5. 28x28 images get padding 3 in the first
/// convolution, which makes 32x32 maps, as in the source; all others padding 1.
/// Values at width 128, 32x32 pixels, 10 classes: 3,584 + 2 x 147,584 + 3 x 256 + 20,490 = 320,010.
/// Source: Zhao, Mopuri, Bilen, "Dataset condensation with gradient matching" (2021), and its code.
/// </remarks>
public sealed class ConvNet3 : StudentNetwork
{
    private readonly Conv2d[] _convolutions = new Conv2d[3];
    private readonly GroupNorm[] _norms = new GroupNorm[3];
    private readonly Linear _classifier;

    internal ConvNet3(int classCount, int height, int width, int channels)
        : base(nameof(ConvNet3))
    {
        bool isDigitSize = height == 28 && width == 28;
        if (!isDigitSize)
            RequireSize(nameof(ConvNet3), height, width, 8, 8);

        for (int i = 0; i < 3; i++)
        {
            long padding = i == 0 && isDigitSize ? 3 : 1;
            _convolutions[i] = nn.Conv2d(i == 0 ? 3 : channels, channels, 3, stride: 1, padding: padding);
            _norms[i] = nn.GroupNorm(channels, channels);
            register_module($"conv{i + 1}", _convolutions[i]);
            register_module($"norm{i + 1}", _norms[i]);
        }

        long cells = isDigitSize ? 16 : height / 8L * (width / 8L);
        _classifier = nn.Linear(channels * cells, classCount);
        register_module("fc", _classifier);
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = input;
        for (int i = 0; i < 3; i++)
        {
            using Tensor convolved = _convolutions[i].call(x);
            using Tensor normed = _norms[i].call(convolved);
            using Tensor active = normed.relu_();
            x = nn.functional.avg_pool2d(active, 2);
        }

        return _classifier.call(x.flatten(1)).MoveToOuterDisposeScope();
    }
}
