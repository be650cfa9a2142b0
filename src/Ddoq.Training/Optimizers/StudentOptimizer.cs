using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Ddoq.Training.Optimizers;

/// <summary>Updates parameters from their gradients and holds the state that a checkpoint must keep.</summary>
/// <remarks>
/// Not the binding's own optimisers: their steps hand torch numbers that the garbage collector may free during the call
/// (see <see cref="ScalarOperations"/>), and fail within 100,000 steps beside a collecting thread.
/// </remarks>
internal abstract class StudentOptimizer : IDisposable
{
    private readonly List<(string Name, Tensor Tensor)> _state = [];

    protected StudentOptimizer(IEnumerable<(string Name, Parameter Parameter)> parameters) => Parameters = [.. parameters];

    /// <summary>Steps done, for bias corrections.</summary>
    public int StepCount { get; set; }

    /// <summary>The state tensors, changed in place by <see cref="Step"/>, named by kind and parameter.</summary>
    public IReadOnlyList<(string Name, Tensor Tensor)> State => _state;

    /// <summary>The parameters in the network's order.</summary>
    protected IReadOnlyList<(string Name, Parameter Parameter)> Parameters { get; }

    /// <summary>One update with the gradients at hand, which are then set to 0.</summary>
    public void Step(double learningRate)
    {
        using IDisposable noGradients = no_grad();
        StepCount++;
        for (int i = 0; i < Parameters.Count; i++)
        {
            using var scope = NewDisposeScope();
            if (Parameters[i].Parameter.grad is not { } gradient)
                continue;
            Update(i, Parameters[i].Parameter, gradient, learningRate);
            gradient.zero_();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach ((_, Tensor tensor) in _state)
            tensor.Dispose();
        _state.Clear();
    }

    /// <summary>Updates one parameter.</summary>
    protected abstract void Update(int index, Parameter parameter, Tensor gradient, double learningRate);

    /// <summary>Adds a state tensor of zeros per parameter.</summary>
    protected Tensor[] AddState(string kind)
    {
        var tensors = new Tensor[Parameters.Count];
        for (int i = 0; i < tensors.Length; i++)
        {
            tensors[i] = zeros(Parameters[i].Parameter.shape).DetachFromDisposeScope();
            _state.Add(($"{kind}.{Parameters[i].Name}", tensors[i]));
        }

        return tensors;
    }
}

/// <summary>AdamW with decoupled weight decay (Loshchilov, Hutter, 2019): betas 0.9 and 0.999, epsilon 1e-8.</summary>
internal sealed class AdamWOptimizer : StudentOptimizer
{
    private const double Beta1 = 0.9;
    private const double Beta2 = 0.999;
    private const double Epsilon = 1e-8;

    private readonly Tensor[] _means;
    private readonly Tensor[] _squares;
    private readonly double _weightDecay;
    private readonly bool _decaysOnlyMatrices;

    /// <summary>Prepares zero moments.</summary>
    /// <param name="parameters">What to update.</param>
    /// <param name="weightDecay">Share of the weights that one step at learning rate 1 would take away.</param>
    /// <param name="decaysOnlyMatrices">Whether biases and norms, which have one dimension, do not decay.</param>
    public AdamWOptimizer(IEnumerable<(string Name, Parameter Parameter)> parameters, double weightDecay, bool decaysOnlyMatrices)
        : base(parameters)
    {
        _weightDecay = weightDecay;
        _decaysOnlyMatrices = decaysOnlyMatrices;
        _means = AddState("exp_avg");
        _squares = AddState("exp_avg_sq");
    }

    /// <inheritdoc/>
    protected override void Update(int index, Parameter parameter, Tensor gradient, double learningRate)
    {
        if (_weightDecay != 0 && (!_decaysOnlyMatrices || parameter.dim() > 1))
            parameter.MultiplyInPlace(1 - (learningRate * _weightDecay));
        _means[index].MultiplyInPlace(Beta1).AddInPlace(gradient, 1 - Beta1);
        _squares[index].MultiplyInPlace(Beta2).AddProductInPlace(gradient, gradient, 1 - Beta2);
        double correction1 = 1 - Math.Pow(Beta1, StepCount), correction2 = 1 - Math.Pow(Beta2, StepCount);
        Tensor denominator = _squares[index].sqrt().DivideInPlace(Math.Sqrt(correction2)).AddInPlace(Epsilon);
        parameter.AddQuotientInPlace(_means[index], denominator, -learningRate / correction1);
    }
}

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
