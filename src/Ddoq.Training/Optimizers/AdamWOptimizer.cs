using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Ddoq.Training.Optimizers;

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
