using System.Globalization;
using Ddoq.Onnx.Sessions;
using Ddoq.Pipeline.Configuration;
using Ddoq.Quantization;
using Ddoq.Selection;

namespace Ddoq.Pipeline.Stages;

/// <summary>Which latents of candidates are compared with the data's.</summary>
public enum CandidateSpace
{
    /// <summary>Those that the generator gave.</summary>
    Generator,

    /// <summary>Those of the decoded images, encoded again.</summary>
    Images,
}

/// <summary>What <see cref="CoresetStage"/> and <see cref="CandidateStage"/> are asked to do.</summary>
public sealed record SelectOptions
{
    /// <summary>How images are chosen.</summary>
    public SelectionRule Rule { get; init; } = SelectionRule.Energy;

    /// <summary>Rule of the weights; null takes the objective's.</summary>
    public WeightRule? Weights { get; init; }

    /// <summary>K, seed and starts, and how the centres of <see cref="SelectionRule.Centres"/> are made.</summary>
    public required QuantizeOptions Quantize { get; init; }

    /// <summary>The images that the rows were made from.</summary>
    public ImageOptions Images { get; init; } = new();

    /// <summary>Side of the images that are written; null leaves it to the model, or to the images.</summary>
    public int? ImageSize { get; init; }

    /// <summary>Prototypes whose centres get an image each; null makes those of the rule.</summary>
    public string? Prototypes { get; init; }

    /// <summary>Least probability that a teacher gives a candidate's class; 0 asks no teacher.</summary>
    public double MinConfidence { get; init; }

    /// <summary>Which latents of candidates are compared.</summary>
    public CandidateSpace CandidateLatents { get; init; }

    /// <summary>The model that made the candidates; null takes the shipped one.</summary>
    public string? Model { get; init; }

    /// <summary>The teacher of <see cref="MinConfidence"/>; null takes the model's.</summary>
    public string? Teacher { get; init; }

    /// <summary>Execution provider.</summary>
    public ExecutionProvider Provider { get; init; }

    /// <summary>The same, of another number of images per class.</summary>
    public SelectOptions WithCount(int count) => this with { Quantize = Quantize with { Quantizer = Quantize.Quantizer with { CentroidCount = count } } };

    /// <summary>The quantisation whose centres get an image each; null where the rule has none.</summary>
    internal QuantizeOptions? OwnCentres => Rule.Centres is not { } algorithm ? null
        : algorithm == QuantizationAlgorithm.Support ? Quantize.AsSupport() : Quantize.WithAlgorithm(algorithm);

    /// <summary>The choice of so many of one class.</summary>
    internal SelectionOptions For(int count) => new()
    {
        Count = count,
        Objective = Rule.Objective,
        Seed = Quantize.Quantizer.Seed,
        Starts = Quantize.Quantizer.Restarts,
    };

    /// <summary>What every choice records of its options.</summary>
    internal Dictionary<string, string> Describe() => new()
    {
        [SelectSettings.Objective.RecordKey] = Rule.Name,
        [QuantizeSettings.Ipc.RecordKey] = Quantize.Quantizer.CentroidCount.ToString(CultureInfo.InvariantCulture),
        [QuantizeSettings.Restarts.RecordKey] = Quantize.Quantizer.Restarts.ToString(CultureInfo.InvariantCulture),
        [DataSettings.Seed.RecordKey] = Quantize.Quantizer.Seed.ToString(CultureInfo.InvariantCulture),
    };

    /// <summary>Reads the options from a configuration.</summary>
    public static SelectOptions From(PipelineConfiguration configuration) => OptionsRecords.Select.Read(configuration) with
    {
        Quantize = OptionsRecords.Quantize.Read(configuration) with { Quantizer = OptionsRecords.Quantizer.Read(configuration) },
        Images = OptionsRecords.Images.Read(configuration),
    };
}

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
