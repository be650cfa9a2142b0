using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Ddoq.Training.Optimizers;

/// <summary>Updates parameters from their gradients and holds the state that a checkpoint must keep.</summary>
/// <remarks>Written here rather than taken from the torch binding so that the whole state is plain named tensors.</remarks>
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
