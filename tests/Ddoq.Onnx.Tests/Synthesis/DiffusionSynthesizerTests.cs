using Ddoq.Numerics;
using Ddoq.Onnx.Backbones;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Schedulers;
using Ddoq.Onnx.Sessions;
using Ddoq.Onnx.Synthesis;
using Ddoq.Onnx.Tests.OnnxFiles;

namespace Ddoq.Onnx.Tests.Synthesis;

public class DiffusionSynthesizerTests
{
    private const float LabelWeight = 0.1f;

    [Test]
    [Pairwise]
    public void Generate_MatchesAScalarDoublePrecisionRun([Values(1.0, 3.0)] double guidance, [Values] bool allChannels, [Values] bool pureNoise)
    {
        using var model = new TinyModel(LabelWeight);
        SynthesisOptions options = new()
        {
            NumInferenceSteps = 10,
            GuidanceScale = guidance,
            GuideAllChannels = allChannels,
            Start = pureNoise ? StartLevel.PureNoise : StartLevel.FromAlphaBar(0.1),
            Seed = 3,
        };
        int[] classes = [2, 0, 1, 2, 2];
        float[] prototypes = Draw(1, classes.Length * TinyModel.Latent);
        float[] result = Generate(model, options, prototypes, classes, new());

        TimestepGrid grid = TimestepGrid.Create(SchedulerKind.Ddim, SchedulerConfiguration.DiT, 10);
        for (int row = 0; row < classes.Length; row++)
        {
            var noise = new float[TinyModel.Latent];
            new CounterRandom(3, Streams(classes)[row]).FillGaussian(noise);
            for (int i = 0; i < TinyModel.Latent; i++)
            {
                int level = options.Start!.Value.SelectIndex(grid.AlphaBars);
                double a = grid.AlphaBars[level];
                double x = pureNoise ? noise[i] : (Math.Sqrt(a) * prototypes[(row * TinyModel.Latent) + i]) + (Math.Sqrt(1 - a) * noise[i]);
                for (; level < 10; level++)
                {
                    double g = allChannels || i / 4 < 3 ? guidance : 1, next = grid.AlphaBarAfter(level);
                    double shared = (0.5 * x) + (0.0005 * grid.Timesteps[level]);
                    double e = shared + (3 * LabelWeight) + (g * ((classes[row] * LabelWeight) - (3 * LabelWeight)));
                    a = grid.AlphaBars[level];
                    x = (Math.Sqrt(next) * (x - (Math.Sqrt(1 - a) * e)) / Math.Sqrt(a)) + (Math.Sqrt(1 - next) * e);
                }

                Assert.That(result[(row * TinyModel.Latent) + i], Is.EqualTo(x).Within(1e-4 * Math.Max(1, Math.Abs(x))), $"row {row}, value {i}");
            }
        }
    }

    [Test]
    public void Start_ThatNoKeptLevelIsNear_IsRefused()
    {
        // One leading step of DDIM keeps timestep 0 alone, which is hardly noisy; DPM-Solver++ keeps the noisiest.
        SynthesisOptions one = new() { NumInferenceSteps = 1, Start = StartLevel.FromAlphaBar(0.08) };
        UsageException error = Assert.Throws<UsageException>(() => DiffusionSynthesizer.StartOf(SchedulerConfiguration.DiT, one))!;
        Assert.That(error.Message, Does.Contain("1 inference steps").And.Contain("alpha-bar 0.9999"));
        Assert.That(() => DiffusionSynthesizer.StartOf(SchedulerConfiguration.DiT, one with { Start = StartLevel.PureNoise }), Throws.InstanceOf<UsageException>());
        Assert.That(DiffusionSynthesizer.StartOf(SchedulerConfiguration.DiT, one with { Scheduler = SchedulerKind.DpmSolverPlusPlus }), Is.LessThan(0.08));
        Assert.That(DiffusionSynthesizer.StartOf(SchedulerConfiguration.DiT, one with { NumInferenceSteps = 25 }), Is.EqualTo(0.08).Within(0.02));
    }

    [Test]
    public void Generate_DoesNotDependOnThreadsOrGrouping([Values] SchedulerKind kind)
    {
        using var model = new TinyModel(LabelWeight, learnedVariance: kind == SchedulerKind.Ddpm);
        SynthesisOptions options = new() { Scheduler = kind, NumInferenceSteps = 8, GuidanceScale = 2, Eta = 0.5, Seed = 11, BatchSize = 5 };
        int[] classes = [.. Enumerable.Range(0, 23).Select(i => i % 3)];
        float[] prototypes = Draw(2, classes.Length * TinyModel.Latent);
        float[] whole = Generate(model, options, prototypes, classes, new() { Threads = 1 });
        Assert.That(Generate(model, options, prototypes, classes, new() { Threads = 2 }), Is.EqualTo(whole), "threads");
        Assert.That(Generate(model, options, prototypes, classes, new() { Threads = 3 }), Is.EqualTo(whole), "threads");

        // Rows in reverse order, and one at a time.
        int[] reversed = [.. Enumerable.Range(0, 23).Reverse()];
        float[] shuffled = Generate(model, options, Rows(prototypes, reversed), [.. reversed.Select(r => classes[r])], new(), [.. reversed.Select(r => Streams(classes)[r])]);
        Assert.That(Rows(shuffled, reversed), Is.EqualTo(whole), "order");
        foreach (int row in (int[])[0, 7, 22])
            Assert.That(Generate(model, options, Rows(prototypes, [row]), [classes[row]], new(), [Streams(classes)[row]]), Is.EqualTo(Rows(whole, [row])), $"row {row} alone");
    }

    [Test]
    public void Generate_WithAnotherSeedOrStream_DrawsOtherNoise()
    {
        using var model = new TinyModel();
        SynthesisOptions options = new() { NumInferenceSteps = 4 };
        float[] prototypes = Draw(2, TinyModel.Latent);
        float[] first = Generate(model, options, prototypes, [0], new(), [1]);
        Assert.That(Generate(model, options with { Seed = 1 }, prototypes, [0], new(), [1]), Is.Not.EqualTo(first));
        Assert.That(Generate(model, options, prototypes, [0], new(), [2]), Is.Not.EqualTo(first));
        Assert.That(Generate(model, options, prototypes, [0], new(), [1]), Is.EqualTo(first));
    }

    [Test]
    public void Generate_FromPureNoise_IgnoresThePrototypes()
    {
        using var model = new TinyModel();
        SynthesisOptions options = new() { NumInferenceSteps = 4, Start = StartLevel.PureNoise };
        Assert.That(Generate(model, options, [], [0, 1], new()), Is.EqualTo(Generate(model, options, Draw(5, 2 * TinyModel.Latent), [0, 1], new())));
    }

    [Test]
    public void Generate_WithoutDiffusion_GivesThePrototypesBitForBit([Values] SchedulerKind kind, [Values] bool quirk)
    {
        using var model = new TinyModel(LabelWeight);
        SynthesisOptions options = new() { Scheduler = kind, NumInferenceSteps = 7, GuidanceScale = 3, Start = StartLevel.NoDiffusion, PndmImageToImageQuirk = quirk, BatchSize = 2 };
        float[] prototypes = Draw(4, 3 * TinyModel.Latent);
        Assert.That(Generate(model, options, prototypes, [0, 1, 2], new()), Is.EqualTo(prototypes));
        using DiTBackbone backbone = DiTBackbone.Open(ModelFolder.Open(model.Path));
        using var synthesizer = new DiffusionSynthesizer(backbone, SchedulerConfiguration.DiT, options);
        Assert.That((synthesizer.CallCount, synthesizer.StartAlphaBar, synthesizer.StartTimestep), Is.EqualTo((0, 1.0, 0.0)));
    }

    [Test]
    public void Generate_AgainAndInPlace_GivesTheSame([Values] SchedulerKind kind)
    {
        // The second run takes over buffers and samplers of the first, with their history.
        using var model = new TinyModel();
        using DiTBackbone backbone = DiTBackbone.Open(ModelFolder.Open(model.Path), new() { Threads = 1 });
        using var synthesizer = new DiffusionSynthesizer(backbone, SchedulerConfiguration.DiT, new() { Scheduler = kind, NumInferenceSteps = 9, BatchSize = 2 });
        float[] rows = Draw(2, 3 * TinyModel.Latent), separate = new float[rows.Length];
        synthesizer.Generate(rows, [0, 1, 2], [1, 2, 3], separate, NullProgress.Instance, default);
        synthesizer.Generate(rows, [0, 1, 2], [1, 2, 3], rows, NullProgress.Instance, default);
        Assert.That(rows, Is.EqualTo(separate));
    }

    [Test]
    public void Generate_ReportsFinishedRows()
    {
        using var model = new TinyModel();
        using DiTBackbone backbone = DiTBackbone.Open(ModelFolder.Open(model.Path));
        using var synthesizer = new DiffusionSynthesizer(backbone, SchedulerConfiguration.DiT, new() { NumInferenceSteps = 2, BatchSize = 4 });
        var progress = new RowCounter();
        synthesizer.Generate(Draw(2, 11 * TinyModel.Latent), new int[11], new ulong[11], new float[11 * TinyModel.Latent], progress, default);
        Assert.That(progress.Rows, Is.EqualTo(11));
    }

    [Test]
    public void Generate_InSteadyState_AllocatesNothingPerNetworkCall()
    {
        using var model = new TinyModel();
        using DiTBackbone backbone = DiTBackbone.Open(ModelFolder.Open(model.Path), new() { Threads = 1 });
        using var synthesizer = new DiffusionSynthesizer(backbone, SchedulerConfiguration.DiT, new() { Scheduler = SchedulerKind.Pndm, BatchSize = 2 });
        float[] rows = Draw(2, 8 * TinyModel.Latent), latents = new float[rows.Length];
        int[] classes = new int[8];
        ulong[] streams = new ulong[8];
        synthesizer.Generate(rows, classes, streams, latents, NullProgress.Instance, default);
        long before = GC.GetAllocatedBytesForCurrentThread();
        synthesizer.Generate(rows, classes, streams, latents, NullProgress.Instance, default);

        // Over 100 network calls; what remains is the closure and the pool's node.
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(1000));
    }

    [TestCase(double.NaN)]
    [TestCase(double.PositiveInfinity)]
    [TestCase(1e39)]
    public void Create_WithAnImpossibleGuidanceScale_IsRefused(double scale)
    {
        using var model = new TinyModel();
        using DiTBackbone backbone = DiTBackbone.Open(ModelFolder.Open(model.Path));
        Assert.That(() => new DiffusionSynthesizer(backbone, SchedulerConfiguration.DiT, new() { GuidanceScale = scale }), Throws.InstanceOf<UsageException>().With.Message.Contains("guidance scale"));
        Assert.That(() => new DiffusionSynthesizer(backbone, SchedulerConfiguration.DiT, new() { BatchSize = -1 }), Throws.InstanceOf<UsageException>().With.Message.Contains("batch size"));
    }

    [Test]
    public void Generate_WithWhatCannotBe_NamesTheRow()
    {
        using var model = new TinyModel();
        Assert.Multiple(() =>
        {
            Assert.That(() => Generate(model, new(), new float[32], [0, 3], new()), Throws.InstanceOf<DdoqException>().With.Message.Contains("row 1 asks for class 3"));
            Assert.That(() => Generate(model, new(), [.. Enumerable.Repeat(0f, 31), float.NaN], [0, 2], new()), Throws.InstanceOf<DdoqException>().With.Message.Contains("row 1 (class 2)"));
            Assert.That(() => Generate(model, new(), new float[31], [0, 2], new()), Throws.ArgumentException);
            Assert.That(() => Generate(model, new(), new float[32], [0, 2], new(), [1]), Throws.ArgumentException);
        });
    }

    [Test]
    public void Generate_WhenTheNetworkDiverges_NamesTheRow()
    {
        using var model = new TinyModel(labelWeight: 1e38f);
        SynthesisOptions options = new() { NumInferenceSteps = 50, GuidanceScale = 1000, Start = StartLevel.PureNoise };
        Assert.That(() => Generate(model, options, [], [1], new()), Throws.InstanceOf<DdoqException>().With.Message.Contains("row 0 (class 1) is not finite"));
    }

    [Test]
    public void Generate_WhenCancelled_Stops([Values(1, 2)] int threads)
    {
        using var model = new TinyModel();
        using DiTBackbone backbone = DiTBackbone.Open(ModelFolder.Open(model.Path), new() { Threads = threads });
        using var synthesizer = new DiffusionSynthesizer(backbone, SchedulerConfiguration.DiT, new() { BatchSize = 1 });
        using var cancellation = new CancellationTokenSource();
        var progress = new RowCounter { OnAdvance = cancellation.Cancel };
        Assert.That(
            () => synthesizer.Generate(new float[16 * 50], new int[50], new ulong[50], new float[16 * 50], progress, cancellation.Token),
            Throws.InstanceOf<OperationCanceledException>());
        Assert.That(progress.Rows, Is.LessThan(50));
    }

    [Test]
    public void Properties_SayWhereTheRunStarts()
    {
        using var model = new TinyModel();
        using DiTBackbone backbone = DiTBackbone.Open(ModelFolder.Open(model.Path));
        using var synthesizer = new DiffusionSynthesizer(backbone, SchedulerConfiguration.DiT, new());
        Assert.That((synthesizer.Scheduler, synthesizer.StartTimestep, synthesizer.CallCount), Is.EqualTo((SchedulerKind.Ddim, 500.0, 26)));
        Assert.That(synthesizer.StartAlphaBar, Is.EqualTo(0.0777967).Within(1e-6));
    }

    private static float[] Generate(TinyModel model, SynthesisOptions options, float[] prototypes, int[] classes, OnnxSessionOptions session, ulong[]? streams = null)
    {
        using DiTBackbone backbone = DiTBackbone.Open(ModelFolder.Open(model.Path), session);
        using var synthesizer = new DiffusionSynthesizer(backbone, SchedulerConfiguration.DiT, options);
        var latents = new float[classes.Length * TinyModel.Latent];
        synthesizer.Generate(prototypes, classes, streams ?? Streams(classes), latents, NullProgress.Instance, default);
        return latents;
    }

    private static ulong[] Streams(int[] classes) => [.. classes.Select((c, i) => RandomStreams.Synthesis(c, i))];

    private static float[] Rows(float[] values, int[] rows) => [.. rows.SelectMany(r => values.AsSpan(r * TinyModel.Latent, TinyModel.Latent).ToArray())];

    private static float[] Draw(ulong stream, int length)
    {
        var values = new float[length];
        new CounterRandom(9, stream).FillGaussian(values);
        return values;
    }

    private sealed class RowCounter : IProgressSink
    {
        private long _rows;

        public Action? OnAdvance { get; init; }

        public long Rows => _rows;

        public void Advance(long units)
        {
            Interlocked.Add(ref _rows, units);
            OnAdvance?.Invoke();
        }

        public void Begin(string stage, long total, string unit, long completed = 0)
        {
        }

        public void End()
        {
        }

        public void Message(string text)
        {
        }
    }
}
