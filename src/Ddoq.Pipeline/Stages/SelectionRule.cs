using Ddoq.Quantization;
using Ddoq.Selection;

namespace Ddoq.Pipeline.Stages;

/// <summary>A way to choose K of many, as <c>--objective</c> names it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Objective">What the engine makes small.</param>
/// <param name="Centres">For <see cref="SelectionObjective.Nearest"/>: which quantiser's centres get an image each; else null.</param>
/// <param name="Weights">Rule of the weights when nobody gives one: none where the objective is of equal weights.</param>
/// <param name="Description">What is kept, for cards and reports.</param>
public sealed record SelectionRule(string Name, SelectionObjective Objective, QuantizationAlgorithm? Centres, WeightRule Weights, string Description)
{
    /// <summary>Least energy distance at equal weights.</summary>
    public static SelectionRule Energy { get; } = new("energy", SelectionObjective.Energy, null, WeightRule.None, "the least energy distance");

    /// <summary>k-medoids: least W2 with the masses of their cells.</summary>
    public static SelectionRule Wasserstein { get; } = new("w2", SelectionObjective.Wasserstein, null, WeightRule.SquareRoot, "the least W2 (k-medoids)");

    /// <summary>The one nearest to each support point.</summary>
    public static SelectionRule Nearest { get; } = new("nearest", SelectionObjective.Nearest, QuantizationAlgorithm.Support, WeightRule.None, "the nearest to each support point");

    /// <summary>The one nearest to each centre of the optimal quantiser.</summary>
    public static SelectionRule Medoids { get; } = new("medoids", SelectionObjective.Nearest, QuantizationAlgorithm.Hartigan, WeightRule.SquareRoot, "the nearest to each centre of optimal quantisation");

    /// <summary>Herding.</summary>
    public static SelectionRule Herding { get; } = new("herding", SelectionObjective.Herding, null, WeightRule.None, "herding");

    /// <summary>Farthest-first traversal.</summary>
    public static SelectionRule KCenter { get; } = new("k-center", SelectionObjective.KCenter, null, WeightRule.None, "k-center (farthest first)");

    /// <summary>Uniform draws.</summary>
    public static SelectionRule Random { get; } = new("random", SelectionObjective.Random, null, WeightRule.None, "chance");

    /// <summary>All of them.</summary>
    public static IReadOnlyList<SelectionRule> All { get; } = [Energy, Wasserstein, Nearest, Herding, KCenter, Random, Medoids];

    /// <inheritdoc/>
    public override string ToString() => Name;
}
