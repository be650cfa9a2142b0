using Ddoq.Numerics;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Ddoq.Training.Networks;

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
