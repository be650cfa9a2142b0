using Ddoq.Quantization;

namespace Ddoq.Pipeline;

/// <summary>One row of the comparison: which images a student is trained on, and with which weights.</summary>
/// <param name="Name">Name in tables and folders.</param>
/// <param name="Set">Which distilled set the arm uses; arms may share one.</param>
/// <param name="Weights">Rule that turns cluster sizes into loss weights; null trains with the weights that the set stores.</param>
/// <param name="Description">One line for reports; <c>{weights}</c> stands for the run's own rule.</param>
public sealed record Arm(string Name, SetRecipe Set, WeightRule? Weights, string Description)
{
    /// <summary>All arms. An arm is added by a line here, and by a recipe where its images are made in a new way.</summary>
    private static readonly Arm[] s_table =
    [
        new("ddoq", SetRecipe.Ddoq, null, "optimal quantisation, weights: {weights}"),
        new("unweighted", SetRecipe.Ddoq, WeightRule.None, "the same prototypes and images as ddoq, all weights 1"),
        new("direct", SetRecipe.Ddoq, WeightRule.Direct, "the same images as ddoq, weights: cluster shares"),
        new("inverse", SetRecipe.Ddoq, WeightRule.Inverse, "the same images as ddoq, weights: inverse of the cluster shares"),
        new("reweighted", SetRecipe.Reweighted, null, "the same images as ddoq, the weights' cells counted at the images' own latents"),
        new("decoded", SetRecipe.Decoded, null, "the prototypes of ddoq with its weights, decoded without diffusion"),
        new("d4m", SetRecipe.D4m, null, "D4M: one pass of mini-batch k-means, all weights 1"),
        new("support", SetRecipe.Support, null, "support points (least energy distance), from a start level of their own, all weights 1"),
        new("selected", SetRecipe.Selected, null, "candidates of the support points, of which those of least energy distance are kept, all weights 1"),
        new("selected-w2", SetRecipe.SelectedW2, null, "candidates of the prototypes of ddoq, of which those of least W2 are kept, weights: square root of their cell shares (eq. 34)"),
        new("medoid", SetRecipe.Medoid, null, "the real training image nearest to each centre of ddoq, weights: square root of the cell shares (eq. 34)"),
        new("energy", SetRecipe.Energy, null, "real training images of least energy distance, all weights 1"),
        new("herding", SetRecipe.Herding, null, "real training images by herding, the same for every set seed, all weights 1"),
        new("k-center", SetRecipe.KCenter, null, "real training images by k-center (farthest first), all weights 1"),
        new("rded", SetRecipe.Rded, null, "RDED: the crops of real training images that the teacher is surest of, 2 x 2 in an image, all weights 1"),
        new("random", SetRecipe.Random, null, "random real training images, all weights 1"),
        new("random-decoded", SetRecipe.RandomDecoded, null, "the images of random through encoder and decoder, all weights 1"),
        new("noise", SetRecipe.Noise, null, "images generated from pure noise, all weights 1"),
        new("full", SetRecipe.Full, null, "all training images, the upper bound"),
    ];

    /// <summary>The names of all arms, between commas.</summary>
    public static string AllNames { get; } = string.Join(", ", s_table.Select(arm => arm.Name));

    /// <summary>The sets of all arms, each once.</summary>
    internal static IEnumerable<SetRecipe> AllSets => s_table.Select(arm => arm.Set).Distinct();

    /// <summary>Whether the arm is an upper bound outside the competition.</summary>
    internal bool IsReference => Set.Source == ImageSource.AllImages;

    /// <summary>The arm of a set that is trained on alone.</summary>
    internal static Arm OfOneSet(string folder, WeightRule? weights) =>
        new(Path.GetFileName(Path.TrimEndingDirectorySeparator(folder)), SetRecipe.Ddoq, weights, "one set");

    /// <summary>Parses a comma-separated list of arms; keeps its order, drops repetitions.</summary>
    /// <param name="list">Names of arms.</param>
    /// <param name="ownRule">The weight rule of the run.</param>
    /// <exception cref="UsageException">A name is unknown, or the list is empty.</exception>
    public static IReadOnlyList<Arm> Parse(string list, WeightRule ownRule)
    {
        ArgumentNullException.ThrowIfNull(list);
        Arm[] arms =
        [
            .. list
                .Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
                .Distinct(StringComparer.Ordinal)
                .Select(name => Find(name, ownRule)),
        ];
        return arms.Any(arm => !arm.IsReference) ? arms : throw new UsageException("--arms names no arm to compare", $"Allowed: {AllNames}; 'full' only beside others.");
    }

    private static Arm Find(string name, WeightRule ownRule)
    {
        Arm arm = Array.Find(s_table, arm => arm.Name == name) ?? throw new UsageException($"--arms: unknown arm '{name}'", $"Allowed: {AllNames}.");
        return arm with { Description = arm.Description.Replace("{weights}", Describe(ownRule), StringComparison.Ordinal) };
    }

    private static string Describe(WeightRule rule) => rule switch
    {
        WeightRule.SquareRoot => "square root of the cluster shares (eq. 34)",
        WeightRule.Direct => "cluster shares",
        WeightRule.Inverse => "inverse of the cluster shares",
        _ => "all 1",
    };
}
