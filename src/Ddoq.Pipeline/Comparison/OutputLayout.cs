using System.Globalization;

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

    /// <summary>Folder of one kind of prototypes.</summary>
    public string Prototypes(DistilledSetKind kind) => Path.Combine(Root, "prototypes", NameOf(kind));

    /// <summary>Prototype file of one kind.</summary>
    public string PrototypeFile(DistilledSetKind kind) => Path.Combine(Prototypes(kind), PrototypeFileName);

    /// <summary>Folder of one distilled set (an ImageFolder with its metadata).</summary>
    public string Distilled(DistilledSetKind kind) => Path.Combine(Root, "distilled", NameOf(kind));

    /// <summary>Folder of one student run.</summary>
    public string Student(string arm, int repeat) =>
        Path.Combine(Root, "students", arm, string.Create(CultureInfo.InvariantCulture, $"seed-{repeat}"));

    /// <summary>Wall-clock time spent on students, over all runs.</summary>
    public string TrainingClock => Path.Combine(Root, "students", "train-timing.json");

    /// <summary>File name of a prototype set inside its folder.</summary>
    public const string PrototypeFileName = "prototypes.safetensors";

    /// <summary>Name of a kind in folders and reports.</summary>
    internal static string NameOf(DistilledSetKind kind) => kind switch
    {
        DistilledSetKind.Ddoq => "ddoq",
        DistilledSetKind.D4m => "d4m",
        DistilledSetKind.Random => "random",
        DistilledSetKind.Decoded => "decoded",
        DistilledSetKind.RandomDecoded => "random-decoded",
        DistilledSetKind.Noise => "noise",
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };
}
