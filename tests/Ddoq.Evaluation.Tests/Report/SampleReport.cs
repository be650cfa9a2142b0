using Ddoq.Evaluation.Accuracy;
using Ddoq.Evaluation.Comparison;
using Ddoq.Evaluation.Report;

namespace Ddoq.Evaluation.Tests.Report;

/// <summary>A model that fills every part of the report.</summary>
internal static class SampleReport
{
    public const string HostileName = "</style><script>alert(\"x\")</script> & 'q' \u0007\u202E";

    public static ReportModel Create(int classCount = 3) => new()
    {
        Title = "Sample <1>",
        Summary = "A & B",
        Highlight = "DDOQ",
        Baseline = "D4M",
        Facts = [new ReportFact("Seed", "7")],
        Warnings = ["Class 'x' has fewer rows than images."],
        Accuracy = new AccuracyComparison
        {
            TestSet = "200 test images",
            Selection = "Last epoch. No test images were used for tuning.",
            Protocols = new Dictionary<string, string> { ["rded"] = "teacher in the loop." },
            Arms =
            [
                Arm("DDOQ", "rded", 10, 60, 61, 62.2),
                Arm("D4M", "rded", 10, 58, 59, 60),
                Arm("Random real", "rded", 50, 70),
                Arm("Oracle", "rded", 10, 80) with { IsReference = true },
                Arm("Full data", "rded", null, 90, 91) with { IsReference = true, Updates = 999 },
                Arm("DDOQ", "minimax-hard", 10, 40),
            ],
        },
        Prototypes = PrototypeComparison.FromMeasurements([.. Enumerable.Range(0, classCount).SelectMany(c => new[]
        {
            Measurement("DDOQ", c, 8 + c), Measurement("D4M", c, 10 + c),
        })]),
        Images = PrototypeComparison.FromMeasurements([.. Enumerable.Range(0, classCount).SelectMany(c => new[]
        {
            Measurement("DDOQ", c, 7 + c), Measurement("D4M", c, 9 + c), Measurement("Random real", c, 12 + c),
        })]),
        Scores = [("DDOQ", new DatasetScores(0.1, 0.02, 0.25, 0.3)), ("D4M", new DatasetScores(0.2, -0.01, 0.2, null))],
        Candidates = new CandidateSheet(
            HostileName, "energy", [.. Enumerable.Range(0, 6).Select(i => new ReportCandidate(TestPng.Create(28, 28, (byte)(30 * i)), i / 3, i % 3 == 1, 0.5))]),
        LatentSpace = "test latents",
        WeightScheme = "direct",
        Classes = [.. Enumerable.Range(0, classCount).Select(c => new ReportClass(
            Name(c),
            c < 3 ? [.. Enumerable.Range(0, 4).Select(k => new ReportImage(TestPng.Create(c == 1 ? 224 : 28, 28, (byte)(40 * k)), 0.1 * (k + 1), 10 * k))] : [],
            c < 3 ? null : [0.5, 0.2 + (0.001 * c)]))],
        Stages =
        [
            new StageTime("encode", TimeSpan.FromSeconds(2), 100, "images", "cpu"),
            new StageTime("train", TimeSpan.FromSeconds(3723), 3, "runs"),
            new StageTime("label", TimeSpan.Zero),
        ],
        Configuration = [new ReportFact("--ipc", "4", IsCode: true)],
        Environment = [new ReportFact("ddoq", "0.1.0")],
        Artefacts = [new ReportArtefact("prototypes.safetensors", 1234567, "sha256:00ff", "prototypes"), new ReportArtefact("train")],
        Notes = ["A small sample."],
    };

    private static string Name(int classIndex) => classIndex == 1 ? HostileName : $"class {classIndex}";

    private static AccuracyArm Arm(string name, string protocol, int? imagesPerClass, params double[] accuracies) => new()
    {
        Name = name,
        Protocol = protocol,
        Student = "ConvNet-3",
        ImagesPerClass = imagesPerClass,
        Updates = 1000,
        Runs = [.. accuracies.Select((accuracy, i) => new AccuracyRun((ulong)i + 1, (ulong)i + 1, accuracy, accuracy + 1))],
    };

    private static ClassMeasurement Measurement(string arm, int classIndex, double wasserstein) => new()
    {
        Arm = arm,
        ClassIndex = classIndex,
        ClassName = Name(classIndex),
        RowCount = 100,
        PrototypeCount = 4,
        Wasserstein = wasserstein,
        WassersteinVoronoi = wasserstein,
        WassersteinUniform = wasserstein + 1,
        Distortion = wasserstein * wasserstein,
        HeldOutDistortion = wasserstein * wasserstein * 1.1,
        EnergyDistance = wasserstein / 10,
        VarianceKept = wasserstein / 20,
        ClusterSizes = [40, 30, 20, 10],
        EffectiveSampleSize = 3.3,
        RelativeDualityGap = 1e-15,
    };
}
