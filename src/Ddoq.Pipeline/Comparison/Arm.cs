using Ddoq.Quantization;

namespace Ddoq.Pipeline;

/// <summary>One row of the comparison: which images a student is trained on, and with which weights.</summary>
/// <param name="Name">Name in tables and folders.</param>
/// <param name="Set">Which distilled set the arm uses; arms may share one.</param>
/// <param name="Weights">Rule that turns cluster sizes into loss weights.</param>
/// <param name="Description">One line for reports.</param>
public sealed record Arm(string Name, DistilledSetKind Set, WeightRule Weights, string Description)
{
    /// <summary>Parses the comma-separated list of <c>--arms</c>; keeps its order, drops repetitions.</summary>
    /// <param name="list">Names of arms.</param>
    /// <param name="ownRule">The weight rule of the <c>ddoq</c> arm.</param>
    /// <exception cref="UsageException">A name is unknown, or the list is empty.</exception>
    public static IReadOnlyList<Arm> Parse(string list, WeightRule ownRule)
    {
        ArgumentNullException.ThrowIfNull(list);
        var arms = list
            .Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Distinct(StringComparer.Ordinal)
            .Select(name => Create(name, ownRule))
            .ToList();
        return arms.Count > 0 ? arms : throw new UsageException("--arms names no arm", $"Allowed: {AllowedNames}.");
    }

    private const string AllowedNames = "ddoq, unweighted, direct, inverse, decoded, d4m, random, random-decoded, noise";

    private static Arm Create(string name, WeightRule ownRule) => name switch
    {
        "ddoq" => new(name, DistilledSetKind.Ddoq, ownRule, $"optimal quantisation, weights: {Describe(ownRule)}"),
        "unweighted" => new(name, DistilledSetKind.Ddoq, WeightRule.None, "the same prototypes and images as ddoq, all weights 1"),
        "direct" => new(name, DistilledSetKind.Ddoq, WeightRule.Direct, "the same images as ddoq, weights: cluster shares"),
        "inverse" => new(name, DistilledSetKind.Ddoq, WeightRule.Inverse, "the same images as ddoq, weights: inverse of the cluster shares"),
        "decoded" => new(name, DistilledSetKind.Decoded, ownRule, "the prototypes of ddoq with its weights, decoded without diffusion"),
        "d4m" => new(name, DistilledSetKind.D4m, WeightRule.None, "D4M: one pass of mini-batch k-means, all weights 1"),
        "random" => new(name, DistilledSetKind.Random, WeightRule.None, "random real training images, all weights 1"),
        "random-decoded" => new(name, DistilledSetKind.RandomDecoded, WeightRule.None, "the images of random through encoder and decoder, all weights 1"),
        "noise" => new(name, DistilledSetKind.Noise, WeightRule.None, "images generated from pure noise, all weights 1"),
        _ => throw new UsageException($"--arms: unknown arm '{name}'", $"Allowed: {AllowedNames}."),
    };

    private static string Describe(WeightRule rule) => rule switch
    {
        WeightRule.SquareRoot => "square root of the cluster shares (eq. 34)",
        WeightRule.Direct => "cluster shares",
        WeightRule.Inverse => "inverse of the cluster shares",
        _ => "all 1",
    };
}
