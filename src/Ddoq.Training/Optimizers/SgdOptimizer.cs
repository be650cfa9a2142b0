using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Ddoq.Training.Optimizers;

/// <summary>Stochastic gradient descent with momentum; the decay is part of the gradient, as in PyTorch.</summary>
internal sealed class SgdOptimizer : StudentOptimizer
{
    private readonly Tensor[] _momenta;
    private readonly double _momentum;
    private readonly double _weightDecay;

    /// <summary>Prepares zero momenta.</summary>
    public SgdOptimizer(IEnumerable<(string Name, Parameter Parameter)> parameters, double momentum, double weightDecay)
        : base(parameters)
    {
        _momentum = momentum;
        _weightDecay = weightDecay;
        _momenta = AddState("momentum_buffer");
    }

    /// <inheritdoc/>
    protected override void Update(int index, Parameter parameter, Tensor gradient, double learningRate)
    {
        if (_weightDecay != 0)
            gradient.AddInPlace(parameter, _weightDecay);
        _momenta[index].MultiplyInPlace(_momentum).AddInPlace(gradient);
        parameter.AddInPlace(_momenta[index], -learningRate);
    }
}
