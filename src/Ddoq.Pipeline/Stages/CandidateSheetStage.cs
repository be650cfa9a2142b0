using Ddoq.Distilled;
using Ddoq.Evaluation.Report;
using Ddoq.Latents;
using Ddoq.Storage;

namespace Ddoq.Pipeline.Stages;

/// <summary>The images of the first class's candidates, for the report: all others are kept as latents only.</summary>
internal static class CandidateSheetStage
{
    private const string Name = "candidate-sheet", SetKey = "set", ImageFolder = "sheet";

    // Pixels that a page may hold.
    private const long MostBytes = 16L << 20;

    /// <summary>Decodes the candidates of the first class, or of as many of its prototypes as a page holds.</summary>
    /// <param name="options">Model and provider.</param>
    /// <param name="set">Name of the set that was chosen among them.</param>
    /// <param name="candidates">Folder of the candidates.</param>
    /// <param name="latents">Latent store of the data.</param>
    /// <param name="output">Folder of the sheet.</param>
    /// <param name="context">Workers, cancellation.</param>
    public static void Run(SelectOptions options, string set, string candidates, string latents, string output, StageContext context)
    {
        var settings = new Dictionary<string, string> { ["candidates"] = StageIdentity.Of(candidates), [SetKey] = set };
        using StageFolder stage = StageFolder.Open(output, Name, settings, force: true);
        using LatentStore store = LatentStore.Open(latents);
        CandidateSet drawn = CandidateSet.Open(candidates);
        using var images = new CandidateImages(options, drawn, candidates, store, latents);
        Directory.CreateDirectory(stage.PathOf(ImageFolder));
        int each = drawn.List.CandidatesPerPrototype;
        int shown = Math.Min(drawn.List.Prototypes[0], (int)Math.Max(1, MostBytes / (3L * images.Side * images.Side * each)));
        var outputs = new List<string>();
        foreach (byte[] png in images.Render(0, shown * each, context))
        {
            outputs.Add($"{ImageFolder}/{outputs.Count:D5}.png");
            AtomicFile.WriteAllBytes(stage.PathOf(outputs[^1]), png);
        }

        stage.Complete(outputs);
    }

    /// <summary>Reads a sheet; null where there is none.</summary>
    /// <param name="layout">The run's folder.</param>
    public static CandidateSheet? Read(OutputLayout layout)
    {
        if (!File.Exists(Path.Combine(layout.CandidateSheet, StageFolder.RecordFileName)) || StageFolder.Read(layout.CandidateSheet) is not { Completed: true } record
            || Arm.AllSets.FirstOrDefault(set => set.Name == record.Settings[SetKey]) is not { } recipe || !Directory.Exists(layout.Distilled(recipe)))
        {
            return null;
        }

        DistilledSet set = DistilledSet.Load(layout.Distilled(recipe));
        int each = CandidateSet.Open(layout.Candidates(recipe.Prototypes!)).List.CandidatesPerPrototype;
        var kept = set.Images.Where(image => image.Label == 0 && image.Candidate.HasValue).ToDictionary(image => (image.Prototype, image.Candidate!.Value), image => image.Weight);
        return new CandidateSheet(
            set.ClassNames[0],
            recipe.Selection!.Name,
            [
                .. record.Outputs.Keys.Order(StringComparer.Ordinal).Select((file, i) => new ReportCandidate(
                    File.ReadAllBytes(Path.Combine(layout.CandidateSheet, file)),
                    i / each,
                    kept.ContainsKey((i / each, i % each)),
                    kept.TryGetValue((i / each, i % each), out double weight) ? weight : null)),
            ]);
    }
}
