using Ddoq.Pipeline.Stages;
using Ddoq.Quantization;

namespace Ddoq.Pipeline;

/// <summary>How the images of a distilled set are made.</summary>
/// <param name="Name">Name of the set's folder, and in reports.</param>
/// <param name="Source">What the images are made from.</param>
/// <param name="Prototypes">The prototypes that give number and, for <see cref="ImageSource.Prototypes"/>, <see cref="ImageSource.Candidates"/> and <see cref="ImageSource.Decoded"/>, content; null where none are used.</param>
/// <param name="Weights">Rule of the weights that the set stores; null takes the run's.</param>
public sealed record SetRecipe(string Name, ImageSource Source, PrototypeRecipe? Prototypes, WeightRule? Weights)
{
    /// <summary>Optimal-quantisation prototypes, through the reverse diffusion: the distilled set itself.</summary>
    public static SetRecipe Ddoq { get; } = new("ddoq", ImageSource.Prototypes, PrototypeRecipe.Ddoq, null);

    /// <summary>D4M's mini-batch k-means prototypes, through the same reverse diffusion.</summary>
    public static SetRecipe D4m { get; } = new("d4m", ImageSource.Prototypes, PrototypeRecipe.D4m, WeightRule.None);

    /// <summary>Support points, through the same reverse diffusion from a start level of their own.</summary>
    public static SetRecipe Support { get; } = new("support", ImageSource.Prototypes, PrototypeRecipe.Support, WeightRule.None);

    /// <summary>Candidates of the support points, of which the least energy distance is kept.</summary>
    public static SetRecipe Selected { get; } = new("selected", ImageSource.Candidates, PrototypeRecipe.Support, null) { Selection = SelectionRule.Energy };

    /// <summary>Candidates of the optimal-quantisation prototypes, of which the least W2 is kept.</summary>
    public static SetRecipe SelectedW2 { get; } = new("selected-w2", ImageSource.Candidates, PrototypeRecipe.Ddoq, null) { Selection = SelectionRule.Wasserstein };

    /// <summary>The images of <see cref="Ddoq"/>, weighted by the masses of the data at their own latents.</summary>
    public static SetRecipe Reweighted { get; } = new("reweighted", ImageSource.Prototypes, PrototypeRecipe.Ddoq, null) { WeightsFrom = WeightSource.Images };

    /// <summary>RDED: crops of real training images that the teacher is surest of, 2 x 2 in an image.</summary>
    public static SetRecipe Rded { get; } = new("rded", ImageSource.Mosaics, null, WeightRule.None);

    /// <summary>The optimal-quantisation prototypes decoded as they are.</summary>
    public static SetRecipe Decoded { get; } = new("decoded", ImageSource.Decoded, PrototypeRecipe.Ddoq, null);

    /// <summary>Generated from pure noise with the class only.</summary>
    public static SetRecipe Noise { get; } = new("noise", ImageSource.Noise, PrototypeRecipe.Ddoq, WeightRule.None);

    /// <summary>Random real images of the training set.</summary>
    public static SetRecipe Random { get; } = new("random", ImageSource.RealImages, null, WeightRule.None);

    /// <summary>The images of <see cref="Random"/> through encoder and decoder.</summary>
    public static SetRecipe RandomDecoded { get; } = new("random-decoded", ImageSource.RealImagesDecoded, null, WeightRule.None);

    /// <summary>The real training image nearest to each centre of the run's own quantisation.</summary>
    public static SetRecipe Medoid { get; } = new("medoid", ImageSource.Coreset, PrototypeRecipe.Ddoq, null) { Selection = SelectionRule.Medoids };

    /// <summary>Real training images of least energy distance.</summary>
    public static SetRecipe Energy { get; } = new("energy", ImageSource.Coreset, null, null) { Selection = SelectionRule.Energy };

    /// <summary>Real training images by herding.</summary>
    public static SetRecipe Herding { get; } = new("herding", ImageSource.Coreset, null, null) { Selection = SelectionRule.Herding };

    /// <summary>Real training images by farthest-first traversal.</summary>
    public static SetRecipe KCenter { get; } = new("k-center", ImageSource.Coreset, null, null) { Selection = SelectionRule.KCenter };

    /// <summary>All training images, without a folder of their own.</summary>
    public static SetRecipe Full { get; } = new("full", ImageSource.AllImages, null, WeightRule.None);

    /// <summary>How K of many are chosen; null where nothing is.</summary>
    public SelectionRule? Selection { get; init; }

    /// <summary>At what points the cells are counted that the weights follow; null takes the run's.</summary>
    public WeightSource? WeightsFrom { get; init; }

    /// <summary>Whether the diffusion network makes the images, which it does not for those of another set.</summary>
    public bool IsGenerated => Source is ImageSource.Prototypes or ImageSource.Noise or ImageSource.Candidates && WeightsFrom is null;
}

/// <summary>What the images of a set are made from.</summary>
public enum ImageSource
{
    /// <summary>Prototypes, through the reverse diffusion.</summary>
    Prototypes,

    /// <summary>The best of several images of each prototype, through the reverse diffusion.</summary>
    Candidates,

    /// <summary>Prototypes, through the decoder alone.</summary>
    Decoded,

    /// <summary>Noise, through the reverse diffusion.</summary>
    Noise,

    /// <summary>Real training images.</summary>
    RealImages,

    /// <summary>Real training images, through encoder and decoder.</summary>
    RealImagesDecoded,

    /// <summary>Real training images chosen by their latents.</summary>
    Coreset,

    /// <summary>Crops of real training images, four in an image.</summary>
    Mosaics,

    /// <summary>All training images: nothing is distilled.</summary>
    AllImages,
}

/// <summary>How prototypes are made from the latents.</summary>
/// <param name="Name">Name of their folder, and in reports.</param>
/// <param name="Adapt">Turns the run's quantisation into theirs.</param>
/// <param name="Measured">The rows of the tables of distances: names, and whether the prototypes have their Voronoi masses (else 1/K each).</param>
public sealed record PrototypeRecipe(string Name, Func<QuantizeOptions, QuantizeOptions> Adapt, IReadOnlyList<(string Name, bool IsWeighted)> Measured)
{
    /// <summary>The run's own quantisation.</summary>
    public static PrototypeRecipe Ddoq { get; } = new("ddoq", options => options, [("ddoq", true), ("unweighted", false)]);

    /// <summary>D4M's.</summary>
    public static PrototypeRecipe D4m { get; } = new("d4m", options => options.AsD4m(), [("d4m + weights", true), ("d4m", false)]);

    /// <summary>Support points: least energy distance, equal weights.</summary>
    public static PrototypeRecipe Support { get; } = new("support", options => options.AsSupport(), [("support", false)]);
}
