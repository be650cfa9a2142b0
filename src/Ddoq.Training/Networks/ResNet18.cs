using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Ddoq.Training.Networks;

/// <summary>ResNet-18 with batch norm, as in torchvision, its stem fitted to the image.</summary>
/// <remarks>
/// From 64 pixels on the standard stem: 7x7 convolution of stride 2, then 3x3 max pooling of stride 2. Below, 3x3 of
/// stride 1 and no pooling, the usual change for 32-pixel images, without which the last maps would be single pixels.
/// Values with 1,000 classes and the standard stem: 11,689,512; with 10 classes and the small stem: 11,173,962.
/// Source: He et al., "Deep residual learning for image recognition" (2016).
/// </remarks>
public sealed class ResNet18 : StudentNetwork
{
    private readonly Conv2d _stem;
    private readonly BatchNorm2d _stemNorm;
    private readonly Sequential[] _stages = new Sequential[4];
    private readonly Linear _classifier;
    private readonly bool _isStandardStem;

    internal ResNet18(int classCount, int height, int width, int channels)
        : base(nameof(ResNet18))
    {
        RequireSize(nameof(ResNet18), height, width, 8, 1);
        _isStandardStem = Math.Min(height, width) >= 64;
        _stem = _isStandardStem
            ? nn.Conv2d(3, channels, 7, stride: 2, padding: 3L, bias: false)
            : nn.Conv2d(3, channels, 3, stride: 1, padding: 1L, bias: false);
        _stemNorm = nn.BatchNorm2d(channels);
        register_module("conv1", _stem);
        register_module("bn1", _stemNorm);
        for (int i = 0; i < 4; i++)
        {
            int outputs = channels << i;
            _stages[i] = nn.Sequential(
                ("0", new ResidualBlock(i == 0 ? channels : outputs / 2, outputs, halves: i > 0, pools: false)),
                ("1", new ResidualBlock(outputs, outputs, halves: false, pools: false)));
            register_module($"layer{i + 1}", _stages[i]);
        }

        _classifier = nn.Linear(channels * 8, classCount);
        register_module("fc", _classifier);
    }

    /// <inheritdoc/>
    public override bool MixesImages => true;

    /// <inheritdoc/>
    public override Tensor forward(Tensor input)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = _stemNorm.call(_stem.call(input)).relu_();
        if (_isStandardStem)
            x = nn.functional.max_pool2d(x, 3, stride: 2, padding: 1);
        foreach (Sequential stage in _stages)
            x = stage.call(x);
        return _classifier.call(x.mean([2, 3])).MoveToOuterDisposeScope();
    }
}
