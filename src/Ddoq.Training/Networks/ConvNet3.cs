using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Ddoq.Training.Networks;

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
