using System.Globalization;
using Ddoq.Distilled;

namespace Ddoq.Pipeline;

/// <summary>Names of the folders and files inside one output folder.</summary>
/// <param name="Root">The output folder.</param>
public sealed record OutputLayout(string Root)
{
    /// <summary>Latent store of the training images.</summary>
    public string Latents => Path.Combine(Root, "latents");

    /// <summary>The comparison: accuracies, distortions and distances.</summary>
    public string Comparison => Path.Combine(Root, "comparison.json");

    /// <summary>The HTML report.</summary>
    public string Report => Path.Combine(Root, "report.html");

    /// <summary>The effective configuration.</summary>
    public string Configuration => Path.Combine(Root, "config.toml");

    /// <summary>Folder of prototypes.</summary>
    public string Prototypes(PrototypeRecipe recipe) => Path.Combine(Root, "prototypes", recipe.Name);

    /// <summary>File of prototypes.</summary>
    public string PrototypeFile(PrototypeRecipe recipe) => Path.Combine(Prototypes(recipe), PrototypeSet.FileName);

    /// <summary>Folder of a distilled set (an ImageFolder with its metadata).</summary>
    public string Distilled(SetRecipe recipe) => Path.Combine(Root, "distilled", recipe.Name);

    /// <summary>Folder of one student run.</summary>
    public string Student(string arm, int repeat) =>
        Path.Combine(Root, "students", arm, string.Create(CultureInfo.InvariantCulture, $"seed-{repeat}"));

    /// <summary>Wall-clock time spent on students, over all runs.</summary>
    public string TrainingClock => Path.Combine(Root, "students", "train-timing.json");

    /// <summary>The distilled sets that the folder holds, in the order of the arms.</summary>
    internal IEnumerable<SetRecipe> FindSets() => Arm.AllSets.Where(set => Directory.Exists(Distilled(set)));

    /// <summary>The prototypes that the folder holds.</summary>
    internal IEnumerable<PrototypeRecipe> FindPrototypes() =>
        Arm.AllSets.Select(set => set.Prototypes).OfType<PrototypeRecipe>().Distinct().Where(prototypes => Directory.Exists(Prototypes(prototypes)));
}
