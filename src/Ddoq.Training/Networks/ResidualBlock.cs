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
