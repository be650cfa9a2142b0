using Ddoq.Distilled;
using Ddoq.Latents;
using Ddoq.Numerics;
using Ddoq.Onnx.Schedulers;
using Ddoq.Onnx.Sessions;
using Ddoq.Onnx.Synthesis;
using Ddoq.Onnx.Tests.OnnxFiles;
using Ddoq.Pipeline.Configuration;
using Ddoq.Pipeline.Estimates;
using Ddoq.Pipeline.Stages;
using Ddoq.Quantization;

namespace Ddoq.Pipeline.Tests.Stages;

/// <summary>The choice among candidates, against all subsets of them, with a model of a few operators.</summary>
public class CandidateTests
{
    private const int PerPrototype = 4, Keep = 3;
    private static readonly string[] s_names = ["bag", "coat", "shoe"];
    private static readonly int[] s_rows = [20, 2, 20];
    private static readonly LatentShape s_shape = new(TinyModel.Channels, TinyModel.LatentSize, TinyModel.LatentSize);

    private TinyModel _model = null!;
    private string _folder = string.Empty;

    [SetUp]
    public void DrawCandidates()
    {
        _folder = Directory.CreateTempSubdirectory("ddoq-candidates-").FullName;
        _model = new TinyModel(labelWeight: 0.3f);
        var random = new CounterRandom(11, 1);
        using (LatentStoreWriter writer = LatentStoreWriter.Open(Latents, new LatentStoreInfo { Shape = s_shape, ClassNames = s_names }, s_rows.Sum(), 64))
        {
            for (int c = 0; c < s_rows.Length; c++)
            {
                var rows = new float[s_rows[c] * s_shape.Length];
                random.FillGaussian(rows);
                writer.Append(rows, Enumerable.Repeat(c, s_rows[c]).ToArray());
            }

            writer.Complete();
        }

        QuantizeStage.Run(new QuantizeOptions { Quantizer = new QuantizerOptions { CentroidCount = 3, Seed = 3 } }, Latents, Path.Combine(_folder, "prototypes"), Context(1));
        SynthesizeStage.Run(Synthesis, Prototypes, Candidates, Context(2));
    }

    [TestCase("energy", new[] { "select 42 rows", "decode 8 images" })]
    [TestCase("nearest", new[] { "quantize 42 rows", "select 42 rows", "decode 8 images" })]
    public void Estimate_HasAPartForCentresChoiceAndImages_AndWritesNothing(string objective, string[] expected)
    {
        string[] before = Directory.GetFileSystemEntries(_folder, "*", SearchOption.AllDirectories);
        PipelineConfiguration configuration = PipelineConfiguration.Empty
            .With(DataSettings.Model, _model.Path).With(RunSettings.Provider, "cpu").With(QuantizeSettings.Ipc, "3").With(SelectSettings.Objective, objective);
        IReadOnlyList<StageEstimate> parts = SelectEstimate.MeasureCandidates(configuration, Candidates, Latents, null, Context(2));
        Assert.That(parts.Select(part => $"{part.Stage} {part.Units} {part.Unit}"), Is.EqualTo(expected));
        Assert.That(parts.Select(part => part.Seconds), Is.All.Positive);
        Assert.That(Directory.GetFileSystemEntries(_folder, "*", SearchOption.AllDirectories), Is.EquivalentTo(before));
    }

    [TearDown]
    public void DeleteFolder()
    {
        _model.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Test]
    public void EveryObjective_KeepsCandidates_AndCountsTheirCellsAnew([ValueSource(nameof(Rules))] SelectionRule rule)
    {
        DistilledSet set = Select("set", Options with { Rule = rule, Weights = WeightRule.Direct });
        using LatentStore store = LatentStore.Open(Latents);
        Assert.That(set.ImageCounts(), Is.EqualTo(new[] { Keep, 2, Keep }), "as many as rows where there are fewer than K");
        for (int c = 0; c < s_names.Length; c++)
        {
            DistilledImage[] images = ImagesOf(set, c);
            Assert.That(images.Select(image => (image.Prototype, image.Candidate)), Is.Unique.And.All.Matches<(int, int?)>(pair => pair.Item1 < 3 && pair.Item2 < PerPrototype));
            float[][] chosen = [.. images.Select(image => CandidateOf(c, image))], rows = RowsOf(store, c);
            long[] cells = new long[images.Length];
            foreach (float[] row in rows)
                cells[Array.IndexOf(chosen, chosen.MinBy(point => Squared(row, point)))]++;
            Assert.That(images.Select(image => image.ClusterSize), Is.EqualTo(cells));
            Assert.That(images.Select(image => image.Weight), Is.EqualTo(cells.Select(cell => (double)cell / rows.Length)).Within(1e-6));
        }
    }

    [Test]
    public void EnergyAndW2_AreTheLeastOfAllSubsets([Values("energy", "w2")] string objective)
    {
        DistilledSet set = Select("set", Options with { Rule = SelectionRule.All.Single(rule => rule.Name == objective) });
        using LatentStore store = LatentStore.Open(Latents);
        float[][] rows = RowsOf(store, 0), candidates = CandidatesOf(0);
        Func<float[][], double> figure = objective == "energy" ? points => Energy(rows, points) : points => Distortion(rows, points);
        Assert.That(figure([.. ImagesOf(set, 0).Select(image => CandidateOf(0, image))]), Is.EqualTo(Subsets(candidates).Min(figure)).Within(1e-6));
    }

    [Test]
    public void Nearest_GivesEachPrototypeOne_AtTheLeastSumOfSquares()
    {
        SelectOptions options = Options with { Rule = SelectionRule.Nearest, Prototypes = Prototypes };
        DistilledImage[] images = ImagesOf(Select("set", options), 0);
        using PrototypeSet set = PrototypeSet.Load(Prototypes);
        float[][] candidates = CandidatesOf(0), centres = [.. Enumerable.Range(0, Keep).Select(k => set.Centroid(0, k).ToArray())];
        double least = candidates.Min(a => candidates.Where(b => b != a).Min(b => candidates.Where(c => c != a && c != b).Min(c =>
            Squared(a, centres[0]) + Squared(b, centres[1]) + Squared(c, centres[2]))));
        Assert.That(images.Select((image, k) => Squared(CandidateOf(0, image), centres[k])).Sum(), Is.EqualTo(least).Within(1e-4));
    }

    [Test]
    public void AllCandidates_AreAllKept_AndTheFirstOfEachPrototypeIsTheOnlyImageWithoutCandidates()
    {
        // 12 candidates; the class of two rows keeps two.
        DistilledSet set = Select("all", Options.WithCount(3 * PerPrototype));
        Assert.That(set.ImageCounts(), Is.EqualTo(new[] { 12, 2, 12 }));
        SynthesizeStage.Run(Synthesis with { Candidates = 1 }, Prototypes, Path.Combine(_folder, "single"), Context(2));
        DistilledSet single = DistilledSet.Load(Path.Combine(_folder, "single"));
        foreach (DistilledImage image in single.Images.Where(image => image.Label != 1))
        {
            DistilledImage first = set.Images.Single(other => other.Label == image.Label && other.Prototype == image.Prototype && other.Candidate == 0);
            Assert.That(Bytes("all", first), Is.EqualTo(Bytes("single", image)), image.FileName);
        }
    }

    [Test]
    public void EqualRowsAndCandidates_EndWithWholeCells([Values("energy", "w2", "nearest")] string objective)
    {
        CandidateList list = CandidateSet.Open(Candidates).List;
        for (int batch = 0; batch < list.BatchCount; batch++)
        {
            var latents = new float[list.RowsOf(batch) * s_shape.Length];
            for (int i = 0; i < list.RowsOf(batch); i++)
                latents.AsSpan(i * s_shape.Length, s_shape.Length).Fill(list.Row((batch * list.BatchSize) + i).Prototype % 2);
            CandidateSet.WriteBatch(Candidates, list, batch, latents);
        }

        DistilledSet set = Select("set", Options with { Rule = SelectionRule.All.Single(rule => rule.Name == objective) });
        for (int c = 0; c < s_names.Length; c++)
        {
            Assert.That(ImagesOf(set, c).Select(image => (image.Prototype, image.Candidate)), Is.Unique);
            Assert.That(ImagesOf(set, c).Sum(image => image.ClusterSize), Is.EqualTo(s_rows[c]));
        }
    }

    [Test]
    public void ACandidateThatIsNotFinite_IsNamed()
    {
        CandidateList list = CandidateSet.Open(Candidates).List;
        var latents = new float[list.RowsOf(0) * s_shape.Length];
        latents[(2 * s_shape.Length) + 5] = float.NaN;
        CandidateSet.WriteBatch(Candidates, list, 0, latents);
        Assert.That(
            () => Select("set", Options),
            Throws.InstanceOf<DdoqException>().With.Message.Contains("candidate 2 of prototype 0 of class 0 'bag' (seed 3) is not finite"));
    }

    [Test]
    public void NeitherWorkersNorAnInterruption_ChangeABit([Values] CandidateSpace space)
    {
        SelectOptions options = Options with { CandidateLatents = space, MinConfidence = 0.3 };
        Select("one", options, workers: 1);
        Select("three", options, workers: 3);
        Assert.That(Content("three"), Is.EqualTo(Content("one")));

        Select("cut", options);
        string record = Path.Combine(_folder, "cut", "stage.json");
        File.WriteAllText(record, File.ReadAllText(record).Replace("\"completed\": true", "\"completed\": false", StringComparison.Ordinal));
        File.Delete(Path.Combine(_folder, "cut", "classes", "00001.json"));
        File.Delete(Directory.EnumerateFiles(Path.Combine(_folder, "cut"), "*.png", SearchOption.AllDirectories).First());
        DateTime before = File.GetLastWriteTimeUtc(Path.Combine(_folder, "cut", "classes", "00000.json"));
        Select("cut", options);
        Assert.That(Content("cut"), Is.EqualTo(Content("one")));
        Assert.That(File.GetLastWriteTimeUtc(Path.Combine(_folder, "cut", "classes", "00000.json")), Is.EqualTo(before), "finished work was repeated");
    }

    [Test]
    public void LatentsOfTheImages_AreThoseOfTheDecodedAndEncodedCandidates()
    {
        DistilledSet set = Select("set", Options with { CandidateLatents = CandidateSpace.Images });
        using LatentStore store = LatentStore.Open(Latents);
        float[][] rows = RowsOf(store, 0), candidates = CandidatesOf(0);
        float[][] images = [.. candidates.Select(latent => TinyAutoencoder.Encode(TinyAutoencoder.Levels(TinyAutoencoder.Decode(latent))))];
        float[][] chosen = [.. ImagesOf(set, 0).Select(image => images[(image.Prototype * PerPrototype) + image.Candidate!.Value])];
        Assert.That(Energy(rows, chosen), Is.EqualTo(Subsets(images).Min(points => Energy(rows, points))).Within(1e-3), "a half may round either way");
        Assert.That(Energy(rows, [.. candidates.Take(Keep)]), Is.Not.EqualTo(Energy(rows, [.. images.Take(Keep)])).Within(1e-2), "the spaces differ");
    }

    [Test]
    public void LeastConfidence_LeavesOutWhatTheTeacherDoubts_AndTheMostConfidentWhereTooFewReachIt()
    {
        double[][] confidences = [.. s_names.Select((_, c) => CandidatesOf(c).Select(latent => Confidence(TinyAutoencoder.Levels(TinyAutoencoder.Decode(latent)), c)).ToArray())];
        double least = confidences[0].Order().ElementAt((3 * PerPrototype) - 5) - 1e-4;
        DistilledSet set = Select("set", Options with { MinConfidence = least });
        Assert.That(ImagesOf(set, 0).Select(image => confidences[0][(image.Prototype * PerPrototype) + image.Candidate!.Value]), Is.All.GreaterThan(least - 1e-3));
        set = Select("most", Options with { MinConfidence = 0.999999 });
        double[] kept = [.. ImagesOf(set, 0).Select(image => confidences[0][(image.Prototype * PerPrototype) + image.Candidate!.Value]).OrderDescending()];
        Assert.That(kept, Is.EqualTo(confidences[0].OrderDescending().Take(Keep)).Within(1e-3));
    }

    [Test]
    public void AnotherModelAndOtherLatents_AreRefused()
    {
        using var other = new TinyModel(labelWeight: 0.5f);
        Assert.That(() => Select("set", Options with { Model = other.Path }), Throws.InstanceOf<DdoqException>().With.Message.Contains("another model"));
        using (LatentStoreWriter writer = LatentStoreWriter.Open(Path.Combine(_folder, "others"), new LatentStoreInfo { Shape = s_shape, ClassNames = ["bag", "hat", "shoe"] }, 3, 64))
        {
            writer.Append(new float[3 * s_shape.Length], [0, 1, 2]);
            writer.Complete();
        }

        Assert.That(() => CandidateStage.Run(Options, Candidates, Path.Combine(_folder, "others"), Path.Combine(_folder, "set"), Context(1)), Throws.InstanceOf<DdoqException>().With.Message.Contains("other classes"));
        Assert.That(() => CandidateStage.Run(Options, Latents, Latents, Path.Combine(_folder, "set"), Context(1)), Throws.InstanceOf<DdoqException>().With.Message.Contains("no candidates"));
    }

    [Test]
    public void WithoutANumber_AsManyAreKeptAsThereWerePrototypes()
    {
        PipelineConfiguration configuration = PipelineConfiguration.Empty.With(DataSettings.Model, _model.Path).With(RunSettings.Provider, "cpu");
        SelectRun.RunOnCandidates(configuration, Candidates, Latents, null, Path.Combine(_folder, "set"), Context(1));
        Assert.That(DistilledSet.Load(Path.Combine(_folder, "set")).ImageCounts(), Is.EqualTo(new[] { 3, 2, 3 }));
    }

    private static IEnumerable<SelectionRule> Rules => SelectionRule.All;

    private string Latents => Path.Combine(_folder, "latents");

    private string Prototypes => Path.Combine(_folder, "prototypes", PrototypeSet.FileName);

    private string Candidates => Path.Combine(_folder, "candidates");

    private SynthesizeOptions Synthesis => new()
    {
        Model = _model.Path,
        Sampling = new SynthesisOptions { Scheduler = SchedulerKind.Ddim, NumInferenceSteps = 5, Start = StartLevel.FromAlphaBar(0.5), BatchSize = 5, Seed = 3 },
        Provider = ExecutionProvider.Cpu,
        Candidates = PerPrototype,
    };

    private SelectOptions Options => new()
    {
        Model = _model.Path,
        Provider = ExecutionProvider.Cpu,
        Quantize = new QuantizeOptions { Quantizer = new QuantizerOptions { CentroidCount = Keep, Restarts = 4, Seed = 3 } },
    };

    private static StageContext Context(int workers) => new(NullProgress.Instance, workers, false, default);

    private static DistilledImage[] ImagesOf(DistilledSet set, int c) => [.. set.Images.Where(image => image.Label == c)];

    private static double Squared(float[] a, float[] b) => a.Zip(b, (x, y) => ((double)x - y) * (x - y)).Sum();

    private static double Distance(float[] a, float[] b) => Math.Sqrt(Squared(a, b));

    private static double Distortion(float[][] rows, float[][] points) => rows.Average(row => points.Min(point => Squared(row, point)));

    private static double Energy(float[][] rows, float[][] points) =>
        (2 * rows.Average(row => points.Average(point => Distance(row, point)))) - points.Average(a => points.Average(b => Distance(a, b)));

    private static IEnumerable<float[][]> Subsets(float[][] of) =>
        from a in Enumerable.Range(0, of.Length) from b in Enumerable.Range(a + 1, of.Length - a - 1) from c in Enumerable.Range(b + 1, of.Length - b - 1) select new[] { of[a], of[b], of[c] };

    // The model's teacher: the mean of the normalised pixels times c + 1, minus c.
    private static double Confidence(byte[] pixels, int label)
    {
        double[] mean = [0.5, 0.25, 0.125], deviation = [0.5, 0.25, 2];
        double average = pixels.Select((value, i) => ((value / 255.0) - mean[i / 16]) / deviation[i / 16]).Average();
        double[] powers = [.. Enumerable.Range(0, TinyModel.Classes).Select(c => Math.Exp((average * (c + 1)) - c))];
        return powers[label] / powers.Sum();
    }

    private DistilledSet Select(string name, SelectOptions options, int workers = 2)
    {
        string output = Path.Combine(_folder, name);
        CandidateStage.Run(options, Candidates, Latents, output, Context(workers));
        return DistilledSet.Load(output);
    }

    private byte[] Bytes(string set, DistilledImage image) => File.ReadAllBytes(DistilledSet.PathOf(Path.Combine(_folder, set), image.FileName));

    private float[][] CandidatesOf(int c)
    {
        CandidateSet set = CandidateSet.Open(Candidates);
        var values = new float[set.List.CountOf(c) * s_shape.Length];
        set.Read(c, 0, values);
        return [.. values.Chunk(s_shape.Length)];
    }

    private float[] CandidateOf(int c, DistilledImage image) => CandidatesOf(c)[(image.Prototype * PerPrototype) + image.Candidate!.Value];

    private static float[][] RowsOf(LatentStore store, int c)
    {
        var values = new float[store.RowCount(c) * s_shape.Length];
        ((ILatentSource)store).ReadRows(c, 0, values);
        return [.. values.Chunk(s_shape.Length)];
    }

    private SortedDictionary<string, byte[]> Content(string name)
    {
        string folder = Path.Combine(_folder, name);
        return new(
            Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Where(path => !path.EndsWith("-timing.json", StringComparison.Ordinal))
                .ToDictionary(path => Path.GetRelativePath(folder, path), File.ReadAllBytes), StringComparer.Ordinal);
    }
}
