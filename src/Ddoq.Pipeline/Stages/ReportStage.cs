using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Ddoq.Distilled;
using Ddoq.Evaluation.Comparison;
using Ddoq.Evaluation.Report;
using Ddoq.Latents;
using Ddoq.Pipeline.Results;
using Ddoq.Storage;

namespace Ddoq.Pipeline.Stages;

/// <summary>Writes <c>report.html</c> from what a finished run left on disk.</summary>
public static class ReportStage
{
    // Larger sets show their first classes; all classes stay in the tables.
    private const int MaximumClasses = 20;
    private const int MaximumImages = 50;

    /// <summary>Writes the report.</summary>
    /// <param name="layout">The run's folder.</param>
    /// <param name="context">Progress, workers, cancellation.</param>
    /// <exception cref="DdoqException">The run is not finished, or a file of it is damaged.</exception>
    public static void Run(OutputLayout layout, StageContext context)
    {
        ArgumentNullException.ThrowIfNull(layout);
        ArgumentNullException.ThrowIfNull(context);
        if (!File.Exists(layout.Comparison))
            throw new DdoqException($"'{layout.Root}' holds no finished run: {Path.GetFileName(layout.Comparison)} is missing", "Give the --output of 'ddoq distill', and let it finish.");
        var comparison = ResultFiles.Read<DistillComparison>(layout.Comparison);
        string setFolder = layout.Distilled(SetRecipe.Ddoq);
        DistilledSet set = DistilledSet.Load(setFolder);
        using LatentStore latents = LatentStore.Open(layout.Latents);
        AtomicFile.CleanPartials(layout.Root);
        ReportWriter.Write(layout.Report, new ReportModel
        {
            Title = $"{set.ClassNames.Count} classes, {Largest(set)} images per class",
            Summary = Summary(latents, set),
            Highlight = "ddoq",
            Baseline = DistillResult.Baseline,
            Facts = Facts(latents, set, comparison),
            Accuracy = ArmAccuracies.Of(comparison.Arms, comparison.Students),
            Scores = [.. comparison.Scores.Select(arm => (arm.Arm, arm.Scores))],
            Prototypes = PrototypeComparison.FromMeasurements(comparison.Distances),
            Images = PrototypeComparison.FromMeasurements(comparison.ImageDistances),
            LatentSpace = string.Create(CultureInfo.InvariantCulture, $"latents {latents.Shape}, scaled by {latents.Info.ScalingFactor}"),
            Candidates = CandidateSheetStage.Read(layout),
            Classes = [.. Enumerable.Range(0, Math.Min(MaximumClasses, set.ClassNames.Count)).Select(c => Class(set, setFolder, c))],
            WeightScheme = comparison.Arms.FirstOrDefault(arm => arm.Name == "ddoq")?.Description,
            Stages = Stages(layout, comparison, latents.Count, set.Images.Count),
            Configuration = Configuration(layout),
            Environment = Environment(),
            Artefacts = Artefacts(layout),
            Notes = Notes(comparison),
        });
        context.Progress.Message($"report: {layout.Report}");
    }

    private static int Largest(DistilledSet set) => set.ImageCounts().Max();

    private static string Summary(LatentStore latents, DistilledSet set) => string.Create(
        CultureInfo.InvariantCulture,
        $"{latents.Count:N0} training images were encoded, quantised per class in latent space, and turned into {set.Images.Count:N0} weighted images. Students were trained on them and on the controls by the same code, and measured on the real test images.");

    private static List<ReportFact> Facts(LatentStore latents, DistilledSet set, DistillComparison comparison)
    {
        StudentResult first = comparison.Students[0];
        return
        [
            new("Training images", latents.Count.ToString("N0", CultureInfo.InvariantCulture)),
            new("Classes", set.ClassNames.Count.ToString(CultureInfo.InvariantCulture)),
            new("Images per class", Largest(set).ToString(CultureInfo.InvariantCulture)),
            new("Protocol", first.Recipe),
            new("Student", first.Network),
            new("Sets per arm", comparison.Students.Count(student => student.Arm == first.Arm && student.Recipe == first.Recipe).ToString(CultureInfo.InvariantCulture)),
        ];
    }

    private static ReportClass Class(DistilledSet set, string folder, int classIndex)
    {
        DistilledImage[] images = [.. set.Images.Where(image => image.Label == classIndex)];
        return new ReportClass(
            set.ClassNames[classIndex],
            [
                .. images.OrderByDescending(image => image.Weight).Take(MaximumImages).Select(image => new ReportImage(
                    File.ReadAllBytes(DistilledSet.PathOf(folder, image.FileName)), image.Weight, image.ClusterSize)),
            ],
            [.. images.Select(image => image.Weight)]);
    }

    private static List<StageTime> Stages(OutputLayout layout, DistillComparison comparison, int images, int perSet)
    {
        var stages = new List<StageTime>();
        Add("encode", [layout.Latents], images, "images");
        foreach (PrototypeRecipe prototypes in layout.FindPrototypes())
            Add($"quantize {prototypes.Name}", Seeds(layout.Prototypes(prototypes)), images, "latents");
        foreach (PrototypeRecipe prototypes in layout.FindCandidates())
        {
            string[] folders = Seeds(layout.Candidates(prototypes));
            Add($"candidates of {prototypes.Name}", folders, CandidateSet.Open(folders[0]).List.Count, "candidates");
        }

        foreach (SetRecipe set in layout.FindSets())
        {
            string[] folders = Seeds(layout.Distilled(set));
            Add(set.Source is ImageSource.Prototypes or ImageSource.Noise or ImageSource.Decoded ? $"synthesize {set.Name}" : $"choose {set.Name}", folders, perSet, "images");
            Add($"label {set.Name}", [.. folders.Select(folder => Path.Combine(folder, "labels"))], perSet, "images");
        }

        stages.Add(new StageTime(
            "train", TimeSpan.FromSeconds(WallClock.Read(layout.TrainingClock)), comparison.Students.Count, "students", "side by side, one thread each"));

        return stages;

        void Add(string name, string[] folders, long items, string unit)
        {
            double[] seconds = [.. folders.Select(Seconds).OfType<double>()];
            if (seconds.Length > 0)
                stages.Add(new StageTime(name, TimeSpan.FromSeconds(seconds.Sum()), items * seconds.Length, unit));
        }
    }

    // The folders of all repeats, given that of the first.
    private static string[] Seeds(string first) => [.. Directory.EnumerateDirectories(Path.GetDirectoryName(first)!).Order(StringComparer.Ordinal)];

    private static double? Seconds(string folder)
    {
        string path = Path.Combine(folder, StageFolder.TimingFileName);
        if (!File.Exists(path))
            return null;
        using JsonDocument timing = JsonDocument.Parse(File.ReadAllText(path));
        return timing.RootElement.TryGetProperty("seconds", out JsonElement seconds) ? seconds.GetDouble() : null;
    }

    private static List<ReportFact> Configuration(OutputLayout layout)
    {
        if (!File.Exists(layout.Configuration))
            return [];
        string section = string.Empty;
        var facts = new List<ReportFact>();
        foreach (string line in File.ReadAllLines(layout.Configuration))
        {
            if (line.StartsWith('['))
                section = line.Trim('[', ']') + ".";
            else if (line.Split(" = ", 2) is [string key, string value])
                facts.Add(new ReportFact(section + key, value, IsCode: true));
        }

        return facts;
    }

    private static ReportFact[] Environment() =>
    [
        new("ddoq", typeof(DistillRun).Assembly.GetName().Version?.ToString(3) ?? "0.0.0"),
        new("runtime", RuntimeInformation.FrameworkDescription),
        new("system", RuntimeInformation.OSDescription),
        new("processor", $"{RuntimeInformation.ProcessArchitecture}, {System.Environment.ProcessorCount} cores"),
    ];

    private static List<ReportArtefact> Artefacts(OutputLayout layout)
    {
        var artefacts = new List<ReportArtefact>();
        foreach (PrototypeRecipe prototypes in layout.FindPrototypes())
            Add(layout.PrototypeFile(prototypes), "prototypes");
        foreach (SetRecipe set in layout.FindSets())
        {
            Add(Path.Combine(layout.Distilled(set), DistilledSet.TrainFolder, DistilledSet.MetadataFileName), "labels and weights");
            Add(Path.Combine(layout.Distilled(set), SoftLabels.FileName), "teacher logits");
        }

        Add(layout.Comparison, "figures of this report");
        return artefacts;

        void Add(string path, string role)
        {
            if (File.Exists(path))
                artefacts.Add(new ReportArtefact(Path.GetRelativePath(layout.Root, path).Replace('\\', '/'), new FileInfo(path).Length, "sha256:" + ContentHash.OfFile(path), role));
        }
    }

    private static List<string> Notes(DistillComparison comparison)
    {
        StudentResult first = comparison.Students[0];
        return
        [
            string.Create(
                CultureInfo.InvariantCulture,
                $"All arms share test images, teacher, protocol ({first.Recipe}), student seeds and {first.Updates:N0} updates. Every repeat has a set of its own: its seed decides quantiser, noise, random draws and student. Distances, images and weights are those of the first."),
            "d4m uses D4M's own quantisation (greedy k-means++, one pass of mini-batches) and weights 1.",
            "The distance of d4m is that of its unweighted prototypes; 'd4m + weights' gives the same points their Voronoi masses.",
        ];
    }
}
