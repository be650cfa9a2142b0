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
    /// <param name="recipe">How they are made.</param>
    /// <param name="repeat">Which of the comparison's repeats, 0-based: each has a seed of its own.</param>
    public string Prototypes(PrototypeRecipe recipe, int repeat = 0) => Path.Combine(Root, "prototypes", recipe.Name, Seed(repeat));

    /// <summary>File of prototypes.</summary>
    /// <inheritdoc cref="Prototypes" path="/param"/>
    public string PrototypeFile(PrototypeRecipe recipe, int repeat = 0) => Path.Combine(Prototypes(recipe, repeat), PrototypeSet.FileName);

    /// <summary>Folder of the candidates of prototypes.</summary>
    /// <inheritdoc cref="Prototypes" path="/param"/>
    public string Candidates(PrototypeRecipe recipe, int repeat = 0) => Path.Combine(Root, "candidates", recipe.Name, Seed(repeat));

    /// <summary>Folder of the images of one class's candidates, for the report.</summary>
    public string CandidateSheet => Path.Combine(Root, "candidate-sheet");

    /// <summary>Folder of a distilled set (an ImageFolder with its metadata).</summary>
    /// <inheritdoc cref="Prototypes" path="/param"/>
    public string Distilled(SetRecipe recipe, int repeat = 0) => Path.Combine(Root, "distilled", recipe.Name, Seed(repeat));

    /// <summary>Folder of the latents of a distilled set's finished images.</summary>
    /// <inheritdoc cref="Prototypes" path="/param"/>
    public string ImageLatents(SetRecipe recipe, int repeat = 0) => Path.Combine(Root, "image-latents", recipe.Name, Seed(repeat));

    /// <summary>Folder of one student run.</summary>
    /// <param name="protocol">Name of the evaluation protocol.</param>
    /// <param name="arm">Name of the arm.</param>
    /// <param name="repeat">Which of the comparison's repeats, 0-based.</param>
    public string Student(string protocol, string arm, int repeat) => Path.Combine(Root, "students", protocol, arm, Seed(repeat));

    /// <summary>Wall-clock time spent on students, over all runs.</summary>
    public string TrainingClock => Path.Combine(Root, "students", "train-timing.json");

    /// <summary>The distilled sets that the folder holds, in the order of the arms.</summary>
    internal IEnumerable<SetRecipe> FindSets() => Arm.AllSets.Where(set => Directory.Exists(Distilled(set)));

    /// <summary>The prototypes that the folder holds.</summary>
    internal IEnumerable<PrototypeRecipe> FindPrototypes() =>
        Arm.AllSets.Select(set => set.Prototypes).OfType<PrototypeRecipe>().Distinct().Where(prototypes => Directory.Exists(Prototypes(prototypes)));

    /// <summary>The prototypes whose candidates the folder holds.</summary>
    internal IEnumerable<PrototypeRecipe> FindCandidates() =>
        Arm.AllSets.Select(set => set.Prototypes).OfType<PrototypeRecipe>().Distinct().Where(prototypes => Directory.Exists(Candidates(prototypes)));

    private static string Seed(int repeat) => string.Create(CultureInfo.InvariantCulture, $"seed-{repeat}");
}
