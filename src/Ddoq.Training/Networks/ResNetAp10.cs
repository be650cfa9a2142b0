using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Ddoq.Training.Networks;

/// <summary>
/// ResNetAP-10: a 7x7 stem with 4x4 average pooling, four residual blocks of 64, 128, 256 and 512 maps that halve by
/// average pooling, global average pooling and a linear layer; instance norm throughout.
/// </summary>
/// <remarks>
/// The stem follows the image, as in the source: above 128 pixels 7x7 and pooling by 4; above 64 3x3 and pooling by 2;
/// up to 64 3x3 and no pooling. Norms are GroupNorm with one channel per group.
/// Values at 224x224 pixels and 10 classes: 4,913,994 (at 32x32, 4,906,314).
/// Source: Kim et al., "Dataset condensation via efficient synthetic-data parameterization" (2022), and the code of
/// Gu et al., "Efficient dataset distillation via minimax diffusion" (2024).
/// </remarks>
public sealed class ResNetAp10 : StudentNetwork
{
    private readonly Sequential _stem;
    private readonly Sequential[] _stages = new Sequential[4];
    private readonly Linear _classifier;
    private readonly int _stemPooling;

    internal ResNetAp10(int classCount, int height, int width, int channels)
        : base(nameof(ResNetAp10))
    {
        int side = Math.Max(height, width);
        _stemPooling = side > 128 ? 4 : side > 64 ? 2 : 1;
        RequireSize(nameof(ResNetAp10), height, width, 16 * _stemPooling, 8 * _stemPooling);

        int kernel = side > 128 ? 7 : 3;
        _stem = nn.Sequential(
            ("conv1", nn.Conv2d(3, channels, kernel, stride: 1, padding: kernel / 2, bias: false)),
            ("bn1", nn.GroupNorm(channels, channels)));
        register_module("layer0", _stem);
        for (int i = 0; i < 4; i++)
        {
            int outputs = channels << i;
            _stages[i] = nn.Sequential(
                ("0", new ResidualBlock(i == 0 ? channels : outputs / 2, outputs, halves: i > 0, pools: true)));
            register_module($"layer{i + 1}", _stages[i]);
        }

        _classifier = nn.Linear(channels * 8, classCount);
        register_module("fc", _classifier);
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = _stem.call(input).relu_();
        if (_stemPooling > 1)
            x = nn.functional.avg_pool2d(x, _stemPooling);
        foreach (Sequential stage in _stages)
            x = stage.call(x);
        return _classifier.call(x.mean([2, 3])).MoveToOuterDisposeScope();
    }
}
