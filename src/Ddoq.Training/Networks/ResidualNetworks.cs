using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Ddoq.Training.Networks;

/// <summary>Two 3x3 convolutions with norms and a shortcut, in two ways of halving the maps.</summary>
/// <remarks>
/// With pooling (ResNetAP): all strides are 1 and 2x2 average pooling follows the first ReLU, and the shortcut's 1x1
/// convolution. Without (ResNet): the first and the shortcut's convolution have stride 2.
/// </remarks>
internal sealed class ResidualBlock : nn.Module<Tensor, Tensor>
{
    private readonly Conv2d _conv1;
    private readonly Conv2d _conv2;
    private readonly nn.Module<Tensor, Tensor> _norm1;
    private readonly nn.Module<Tensor, Tensor> _norm2;
    private readonly Sequential? _shortcut;
    private readonly bool _poolsInside;

    public ResidualBlock(int inputs, int outputs, bool halves, bool pools)
        : base(nameof(ResidualBlock))
    {
        int stride = halves && !pools ? 2 : 1;
        _poolsInside = halves && pools;
        _conv1 = nn.Conv2d(inputs, outputs, 3, stride: stride, padding: 1L, bias: false);
        _norm1 = Norm(outputs, pools);
        _conv2 = nn.Conv2d(outputs, outputs, 3, stride: 1, padding: 1L, bias: false);
        _norm2 = Norm(outputs, pools);
        register_module("conv1", _conv1);
        register_module("bn1", _norm1);
        register_module("conv2", _conv2);
        register_module("bn2", _norm2);
        if (!halves && inputs == outputs)
            return;

        // The numbers 0, 1, 2 are the names of the parts in the originals' state dictionaries.
        Conv2d project = nn.Conv2d(inputs, outputs, 1, stride: stride, bias: false);
        _shortcut = pools
            ? nn.Sequential(("0", project), ("1", nn.AvgPool2d(halves ? 2 : 1)), ("2", Norm(outputs, pools)))
            : nn.Sequential(("0", project), ("1", Norm(outputs, pools)));
        register_module("downsample", _shortcut);
    }

    public override Tensor forward(Tensor input)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor inner = _norm1.call(_conv1.call(input)).relu_();
        if (_poolsInside)
            inner = nn.functional.avg_pool2d(inner, 2);
        Tensor outer = _norm2.call(_conv2.call(inner));
        outer = outer.AddInPlace(_shortcut is null ? input : _shortcut.call(input)).relu_();
        return outer.MoveToOuterDisposeScope();
    }

    // Every part is registered by hand, under the name that the originals give it.
    protected override void RegisterComponents()
    {
    }

    private static nn.Module<Tensor, Tensor> Norm(int channels, bool pools) =>
        pools ? nn.GroupNorm(channels, channels) : nn.BatchNorm2d(channels);
}

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
