using Ddoq.Distilled;
using Ddoq.Imaging;
using Ddoq.Latents;
using Ddoq.Numerics;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Schedulers;
using Ddoq.Onnx.Sessions;
using Ddoq.Onnx.Synthesis;
using Ddoq.Onnx.Tests.OnnxFiles;
using Ddoq.Pipeline.Estimates;
using Ddoq.Pipeline.Stages;
using Ddoq.Quantization;
using Ddoq.Storage;
using ImageFit = Ddoq.Imaging.ImageFit;

namespace Ddoq.Pipeline.Tests.Stages;

/// <summary>The synthesis stage with models of both kinds, whose networks are a few operators.</summary>
public class SynthesizeTests
{
    private const int PerClass = 5;
    private static readonly string[] s_names = ["bag", "coat", "shoe"];
    private static readonly LatentShape s_shape = new(TinyModel.Channels, TinyModel.LatentSize, TinyModel.LatentSize);

    private TinyTextModel _text = null!;
    private TinyModel _label = null!;
    private string _folder = string.Empty;

    [SetUp]
    public void WritePrototypes()
    {
        _folder = Directory.CreateTempSubdirectory("ddoq-synthesize-").FullName;
        _text = new TinyTextModel();
        _label = new TinyModel(labelWeight: 0.3f);
        Write(Prototypes, scalingFactor: null);
    }

    [TearDown]
    public void DeleteFolders()
    {
        _text.Dispose();
        _label.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Test]
    public void LatentsOfAnotherScalingFactor_AreRefused()
    {
        foreach (string part in (string[])["vae_encoder", "vae_decoder"])
            _label.Write($"{part}/config.json", """{"latent_channels": 4, "block_out_channels": [8, 16], "scaling_factor": 0.5}""");
        string prototypes = Path.Combine(_folder, "scaled.safetensors");
        Write(prototypes, TinyModel.ScalingFactor);
        DdoqException error = Assert.Throws<DdoqException>(() => SynthesizeStage.Run(
            new SynthesizeOptions { Model = _label.Path, Provider = ExecutionProvider.Cpu }, prototypes, Path.Combine(_folder, "set"), Context(2)))!;
        Assert.That(error.Message, Does.Contain("scaled by 0.25").And.Contain("scales by 0.5"));
        Assert.That(Directory.Exists(Path.Combine(_folder, "set")), Is.False, "nothing is written");
    }

    [Test]
    public void WithoutDiffusion_TheDecoderAloneIsNeeded_AndTheImagesAreTheSame()
    {
        var options = new SynthesizeOptions { Model = _label.Path, Provider = ExecutionProvider.Cpu, Sampling = new() { Start = StartLevel.NoDiffusion } };
        SynthesizeStage.Run(options, Prototypes, Path.Combine(_folder, "whole"), Context(2));
        foreach (string part in (string[])["vae_encoder", "transformer", "scheduler", "teacher"])
            Directory.Delete(_label.File(part), recursive: true);
        _label.Write("model_index.json", """{"preprocess": {"image_size": 4}}""");
        SynthesizeStage.Run(options, Prototypes, Path.Combine(_folder, "decoder"), Context(2));
        string[] images = [.. Directory.EnumerateFiles(Path.Combine(_folder, "whole", "train"), "*.png", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(Path.Combine(_folder, "whole"), file))];
        Assert.That(images, Has.Length.EqualTo(s_names.Length * PerClass));
        foreach (string image in images)
            Assert.That(File.ReadAllBytes(Path.Combine(_folder, "decoder", image)), Is.EqualTo(File.ReadAllBytes(Path.Combine(_folder, "whole", image))), image);
    }

    [Test]
    public void ANotFiniteImage_IsAnErrorThatNamesClassAndPrototype()
    {
        new OnnxGraph()
            .Input("latent_sample", OnnxType.F32, "batch", TinyModel.Channels, TinyModel.LatentSize, TinyModel.LatentSize)
            .Output("sample", OnnxType.F32, "batch", 3, TinyModel.ImageSize, TinyModel.ImageSize)
            .Constant("weight", [TinyModel.Channels, 3, 2, 2], [.. Enumerable.Repeat(float.NaN, TinyModel.Channels * 12)])
            .Node("ConvTranspose", ["latent_sample", "weight"], "sample", ("kernel_shape", new[] { 2, 2 }), ("strides", new[] { 2, 2 }))
            .Save(_label.File("vae_decoder", "model.onnx"));
        string output = Path.Combine(_folder, "set");
        DdoqException error = Assert.Throws<DdoqException>(() => SynthesizeStage.Run(
            new SynthesizeOptions { Model = _label.Path, Provider = ExecutionProvider.Cpu }, Prototypes, output, Context(1)))!;
        Assert.That(error.Message, Does.Contain("gives NaN for the image of prototype 0 of class 0 'bag'"));
        Assert.That(Directory.Exists(output), Is.False, "no black images, and nothing else");
    }

    [Test]
    public void OneStepThatWouldNotDiffuse_IsRefusedBeforeAnythingIsWritten()
    {
        var options = new SynthesizeOptions { Model = _label.Path, Provider = ExecutionProvider.Cpu, Sampling = new() { NumInferenceSteps = 1 } };
        Assert.That(() => SynthesizeStage.Run(options, Prototypes, Path.Combine(_folder, "set"), Context(2)), Throws.InstanceOf<UsageException>());
        Assert.That(Directory.Exists(Path.Combine(_folder, "set")), Is.False);
    }

    [Test]
    public void ATextConditionalModel_IsRunByItsPrompts()
    {
        byte[][] plain = Run(Options(_text.Path)), sameInWords = Run(Options(_text.Path) with { Prompt = "a photo of {class}" });
        Assert.That(plain, Has.Length.EqualTo(s_names.Length * PerClass));
        Assert.That(sameInWords, Is.EqualTo(plain), "the default template");
        Assert.That(Run(Options(_text.Path) with { Prompt = "éé {class}" }), Is.Not.EqualTo(plain), "another template");
        Assert.That(Run(Options(_text.Path) with { NegativePrompt = "éé" }), Is.Not.EqualTo(plain), "a negative prompt");

        string words = Path.Combine(_folder, "words.txt");
        File.WriteAllLines(words, s_names.Select(name => $"{name}\t{name}"));
        Assert.That(Run(Options(_text.Path) with { ClassTexts = words }), Is.EqualTo(plain), "the names in a file");
        File.WriteAllLines(words, s_names.Select(name => $"{name}\t{name} {name}"));
        byte[][] twice = Run(Options(_text.Path) with { ClassTexts = words });
        Assert.That(twice, Is.Not.EqualTo(plain), "other words");
        Assert.That(Run(Options(_text.Path) with { Prompt = "a photo of {class} {class}" }), Is.EqualTo(twice), "the same prompts otherwise");
    }

    [Test]
    public void TheModelsOwnDefaults_AreTheUsersWhenNoneAreGiven()
    {
        byte[][] given = Run(Options(_text.Path) with { Prompt = "one {class}", NegativePrompt = "bad" });
        _text.Write("model_index.json", """{"defaults": {"prompt": "one {class}", "negative_prompt": "bad", "guidance_scale": 7.5}}""");
        Assert.That(Run(Options(_text.Path)), Is.EqualTo(given));
    }

    [Test]
    public void NeitherWorkersNorAnInterruption_ChangeABit([Values] bool text)
    {
        SynthesizeOptions options = Options(text ? _text.Path : _label.Path);
        byte[][] one = Run(options, workers: 1);
        Assert.That(Run(options, workers: 3), Is.EqualTo(one));

        string output = Path.Combine(_folder, "interrupted");
        using (var stop = new CancellationTokenSource())
        {
            var progress = new StopAfter(4, stop);
            Assert.That(() => SynthesizeStage.Run(options, Prototypes, output, new StageContext(progress, 1, false, stop.Token)), Throws.InstanceOf<OperationCanceledException>());
        }

        int left = Directory.EnumerateFiles(output, "*.png", SearchOption.AllDirectories).Count();
        Assert.That(left, Is.InRange(1, (s_names.Length * PerClass) - 1), "the run was stopped in the middle");

        // As a power failure may leave an image that was not yet on the disk.
        string cut = Directory.EnumerateFiles(output, "*.png", SearchOption.AllDirectories).First();
        File.WriteAllBytes(cut, File.ReadAllBytes(cut)[..20]);
        SynthesizeStage.Run(options, Prototypes, output, new StageContext(NullProgress.Instance, 2, false, default));
        Assert.That(Images(output), Is.EqualTo(one));
    }

    [Test]
    public void Candidates_DifferByTheirNoiseAlone_WhateverTheInterruption([Values] bool text)
    {
        SynthesizeOptions options = Options(text ? _text.Path : _label.Path) with { Candidates = 3 };
        float[][] whole = Candidates(options, "whole", 1), parallel = Candidates(options, "parallel", 3);
        Assert.That(parallel, Is.EqualTo(whole));
        Assert.That(whole, Is.Unique, "every candidate has its own noise");

        string cut = Path.Combine(_folder, "cut");
        using (var stop = new CancellationTokenSource())
            Assert.That(() => SynthesizeStage.Run(options, Prototypes, cut, new StageContext(new StopAfter(9, stop), 1, false, stop.Token)), Throws.InstanceOf<OperationCanceledException>());
        string[] left = Directory.GetFiles(Path.Combine(cut, "candidates"));
        Assert.That(left, Has.Length.InRange(1, 10), "stopped in the middle of 12 batches");
        File.WriteAllBytes(left[0], File.ReadAllBytes(left[0])[..40]);
        SynthesizeStage.Run(options, Prototypes, cut, Context(2));
        Assert.That(Content(cut), Is.EqualTo(Content(Path.Combine(_folder, "whole"))));
        Assert.That(Run(options with { Candidates = 1 }), Is.EqualTo(Run(Options(text ? _text.Path : _label.Path))), "one image a prototype");
    }

    [Test]
    public void ACandidateThatIsNotFinite_IsNamed_AndNothingOfItsBatchIsKept()
    {
        // Twice the largest number is infinite: class 2, whose first candidate is in the eighth batch of four.
        _label.WriteBackbone(labelWeight: float.MaxValue);
        string output = Path.Combine(_folder, "set");
        SynthesizeOptions options = Options(_label.Path) with { Candidates = 3 };
        options = options with { Sampling = options.Sampling with { GuidanceScale = 1 } };
        DdoqException error = Assert.Throws<DdoqException>(() => SynthesizeStage.Run(options, Prototypes, output, Context(1)))!;
        Assert.That(error.Message, Does.Contain("candidate 0 of prototype 0 of class 2 'shoe' (seed 3) is not finite"));
        Assert.That(Directory.EnumerateFiles(output, "*.safetensors", SearchOption.AllDirectories).Count(), Is.LessThanOrEqualTo(7), "the batches before it");
    }

    [Test]
    public void CandidatesWithoutDiffusion_AreRefused() =>
        Assert.That(() => Run(Without(Options(_label.Path)) with { Candidates = 2 }), Throws.InstanceOf<UsageException>().With.Message.Contains("--candidates"));

    [Test]
    public void WithoutDiffusion_ThePrototypesAreDecoded()
    {
        string output = Path.Combine(_folder, "decoded");
        SynthesizeStage.Run(Without(Options(_label.Path)), Prototypes, output, Context(2));
        using PrototypeSet set = PrototypeSet.Load(Prototypes);
        using IImageDataset images = ImageDatasets.Open(output, DatasetSplit.Train);
        var pixels = new byte[TinyModel.Pixels];
        Assert.That(images.Count, Is.EqualTo(s_names.Length * PerClass));
        for (int i = 0; i < images.Count; i++)
        {
            images.ReadRgb(i, new ImageFit(TinyModel.ImageSize, TinyModel.ImageSize, FitMode.Pad), pixels);
            double[] expected = TinyAutoencoder.Decode(set.Centroid(i / PerClass, i % PerClass));
            Assert.That(pixels, Is.EqualTo(TinyAutoencoder.Levels(expected)).Within(1), $"image {i}: a half may round either way");
        }
    }

    [Test]
    public void SupportPoints_StartFromTheirOwnLevel_AndWeighTheSame()
    {
        Write(Prototypes, scalingFactor: null, "Support");
        string output = Path.Combine(_folder, "support"), given = Path.Combine(_folder, "given"), other = Path.Combine(_folder, "other");
        SynthesizeOptions open = Options(_label.Path) with { Sampling = Options(_label.Path).Sampling with { Start = null } };
        SynthesizeStage.Run(open, Prototypes, output, Context(1));
        SynthesizeStage.Run(Options(_label.Path) with { Weights = WeightRule.Direct }, Prototypes, given, Context(1));
        Write(Prototypes, scalingFactor: null, "Hartigan");
        SynthesizeStage.Run(open, Prototypes, other, Context(1));
        Assert.Multiple(() =>
        {
            Assert.That(StartOf(output), Is.EqualTo("0.7"));
            Assert.That(StartOf(given), Is.EqualTo("0.5"), "what is asked for wins");
            Assert.That(StartOf(other), Is.EqualTo("0.08"), "the model's");
            Assert.That(DistilledSet.Load(output).Images.Select(image => image.Weight), Is.All.EqualTo(1));
            Assert.That(DistilledSet.Load(given).Images[0].Weight, Is.EqualTo(3.0 / 14).Within(1e-6));
            Assert.That(DistilledSet.Load(other).Images[0].Weight, Is.EqualTo(Math.Sqrt(5 * 3.0 / 14)).Within(1e-6));
        });

        static string StartOf(string folder) => StageFolder.Read(folder).Settings["start_alpha_bar"];
    }

    [Test]
    public void ADamagedDecoder_IsNamed_AndNothingWaitsForIt()
    {
        File.WriteAllText(_label.File("vae_decoder", "model.onnx"), "not a network");
        Assert.That(() => Run(Options(_label.Path)), Throws.InstanceOf<DdoqException>().With.Message.Contains("vae_decoder"));
        File.WriteAllText(_label.File("transformer", "model.onnx"), "not a network");
        Assert.That(() => Run(Options(_label.Path)), Throws.InstanceOf<DdoqException>().With.Message.Contains("transformer"));
    }

    [Test]
    public void BatchSize_IsChosenBySettingsAlone()
    {
        // The choice enters the images' identity, so it must not follow the machine.
        Assert.Multiple(() =>
        {
            Assert.That(Batch(8), Is.EqualTo(50));
            Assert.That(Batch(32), Is.EqualTo(8));
            Assert.That(Batch(64), Is.EqualTo(2));
            Assert.That(Batch(64, ExecutionProvider.Cuda), Is.EqualTo(16));
            Assert.That(Batch(64, asked: 7), Is.EqualTo(7));
        });

        int Batch(int latentSize, ExecutionProvider provider = ExecutionProvider.Cpu, int? asked = null)
        {
            using var model = new TinyModel();
            model.Write("transformer/config.json", $$"""{"sample_size": {{latentSize}}, "in_channels": 4, "num_embeds_ada_norm": 3}""");
            model.Write("model_index.json", $$"""{"id2label": {"0": "bag", "1": "coat", "2": "shoe"}, "preprocess": {"image_size": {{2 * latentSize}} } }""");
            return new SynthesisOptions { BatchSize = asked }.ResolvedFor(ModelFolder.Open(model.Path), provider).BatchSize!.Value;
        }
    }

    [Test]
    public void APromptForAModelOfClassLabels_IsRefused() =>
        Assert.That(() => Run(Options(_label.Path) with { Prompt = "a {class}" }), Throws.InstanceOf<UsageException>().With.Message.Contains("--prompt").And.Message.Contains("class labels"));

    [Test]
    public void AClassUnknownToAModelOfClassLabels_IsNamed()
    {
        _label.Write("model_index.json", """{"id2label": {"0": "bag", "1": "hat", "2": "shoe"}, "preprocess": {"image_size": 4}}""");
        Assert.That(() => Run(Options(_label.Path)), Throws.InstanceOf<DdoqException>().With.Message.Contains("'coat'"));
    }

    [Test]
    public void Estimate_CountsWhatTheStageDoes()
    {
        SynthesizeOptions options = Options(_text.Path);
        SynthesisEstimate estimate = SynthesisEstimate.Measure(options, s_names, 15, Context(2));
        Assert.Multiple(() =>
        {
            Assert.That((estimate.Units, estimate.BatchSize, estimate.Batches, estimate.Lanes), Is.EqualTo((15, 4, 4, 2)));
            Assert.That(estimate.CallsPerBatch, Is.InRange(1, 5));
            Assert.That(estimate.NetworkCalls, Is.EqualTo(4 * estimate.CallsPerBatch));
            Assert.That(estimate.Seconds - estimate.StartSeconds, Is.EqualTo(2 * ((estimate.CallsPerBatch * estimate.SecondsPerCall) + estimate.SecondsPerDecode)).Within(1e-9));
            Assert.That(estimate.DiskBytes, Is.EqualTo(15 * TinyModel.Pixels));
        });
    }

    [Test]
    public void WeightsFromImages_AreTheMassesOfTheDataAtTheImagesLatents()
    {
        const int Rows = 40;
        var random = new CounterRandom(8, 1);
        var rows = new float[s_names.Length * Rows * s_shape.Length];
        random.FillGaussian(rows);
        string latents = Path.Combine(_folder, "latents"), output = Path.Combine(_folder, "set"), plain = Path.Combine(_folder, "plain");
        using (LatentStoreWriter writer = LatentStoreWriter.Open(latents, new LatentStoreInfo { Shape = s_shape, ClassNames = s_names }, s_names.Length * Rows, 64))
        {
            writer.Append(rows, [.. Enumerable.Range(0, s_names.Length * Rows).Select(i => i / Rows)]);
            writer.Complete();
        }

        SynthesizeOptions options = Options(_label.Path) with { Weights = WeightRule.Direct, DataLatents = latents };
        SynthesizeStage.Run(options, Prototypes, plain, Context(2));
        SynthesizeStage.Run(options with { WeightsFrom = WeightSource.Images, SameImages = plain }, Prototypes, output, Context(2));
        DistilledSet set = DistilledSet.Load(output);
        using IImageDataset images = ImageDatasets.Open(output, DatasetSplit.Train, new ImageDatasetOptions { ClassNames = s_names });
        Assert.That(Images(output), Is.EqualTo(Images(plain)));
        for (int c = 0; c < s_names.Length; c++)
        {
            float[][] points = [.. Enumerable.Range(c * PerClass, PerClass).Select(i =>
            {
                var pixels = new byte[TinyModel.Pixels];
                images.ReadRgb(i, new ImageFit(TinyModel.ImageSize, TinyModel.ImageSize, FitMode.Pad), pixels);
                return TinyAutoencoder.Encode(pixels);
            })];
            long[] cells = new long[PerClass];
            foreach (float[] row in rows.AsSpan(c * Rows * s_shape.Length, Rows * s_shape.Length).ToArray().Chunk(s_shape.Length))
                cells[Array.IndexOf(points, points.MinBy(point => point.Zip(row, (x, y) => (x - (double)(Half)y) * (x - (double)(Half)y)).Sum()))]++;
            DistilledImage[] own = [.. set.Images.Where(image => image.Label == c)];
            Assert.That(own.Select(image => image.ClusterSize), Is.EqualTo(cells));
            Assert.That(own.Select(image => image.Weight), Is.EqualTo(cells.Select(cell => (double)cell / Rows)).Within(1e-6));
        }

        // The weights of the centres again, and the folder is what it was without the question.
        SynthesizeStage.Run(options, Prototypes, output, Context(2));
        Assert.That(
            Content(output).Where(file => !file.Key.StartsWith("image-latents", StringComparison.Ordinal)), Is.EqualTo(Content(plain)));
        Assert.That(
            () => SynthesizeStage.Run(options with { WeightsFrom = WeightSource.Images, DataLatents = null }, Prototypes, output, Context(1)),
            Throws.InstanceOf<UsageException>().With.Message.Contains("no latents of the data"));
    }

    private float[][] Candidates(SynthesizeOptions options, string name, int workers)
    {
        string output = Path.Combine(_folder, name);
        SynthesizeStage.Run(options, Prototypes, output, Context(workers));
        CandidateSet set = CandidateSet.Open(output);
        var rows = new List<float[]>();
        for (int c = 0; c < s_names.Length; c++)
        {
            for (int i = 0; i < set.List.CountOf(c); i++)
            {
                rows.Add(new float[s_shape.Length]);
                set.Read(c, i, rows[^1]);
            }
        }

        Assert.That(rows, Has.Count.EqualTo(options.Candidates * PerClass * s_names.Length));
        return [.. rows];
    }

    private static SortedDictionary<string, byte[]> Content(string folder) => new(
        Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Where(path => !path.EndsWith("-timing.json", StringComparison.Ordinal))
            .ToDictionary(path => Path.GetRelativePath(folder, path), File.ReadAllBytes), StringComparer.Ordinal);

    private string Prototypes => Path.Combine(_folder, "prototypes.safetensors");

    private static SynthesizeOptions Options(string model) => new()
    {
        Model = model,
        Sampling = new SynthesisOptions { Scheduler = SchedulerKind.Ddim, NumInferenceSteps = 5, Start = StartLevel.FromAlphaBar(0.5), BatchSize = 4, Seed = 3 },
        Provider = ExecutionProvider.Cpu,
    };

    private static SynthesizeOptions Without(SynthesizeOptions options) => options with { Sampling = options.Sampling with { Start = StartLevel.NoDiffusion } };

    private static StageContext Context(int workers) => new(NullProgress.Instance, workers, false, default);

    private static byte[][] Images(string output) =>
        [.. Directory.EnumerateFiles(output, "*.png", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(File.ReadAllBytes)];

    private byte[][] Run(SynthesizeOptions options, int workers = 2)
    {
        string output = Path.Combine(_folder, $"set-{Directory.EnumerateDirectories(_folder).Count()}");
        SynthesizeStage.Run(options, Prototypes, output, Context(workers));
        return Images(output);
    }

    private sealed class StopAfter(int images, CancellationTokenSource source) : IProgressSink
    {
        private long _done;

        public void Begin(string stage, long total, string unit, long completed = 0)
        {
        }

        public void Advance(long units)
        {
            if ((_done += units) > images)
                source.Cancel();
        }

        public void End()
        {
        }

        public void Message(string text)
        {
        }
    }

    private static void Write(string path, double? scalingFactor, string algorithm = "test")
    {
        var info = new PrototypeInfo
        {
            Latents = new LatentStoreInfo { Shape = s_shape, ClassNames = s_names, ScalingFactor = scalingFactor },
            CentersPerClass = PerClass,
            Algorithm = algorithm,
        };
        using var writer = PrototypeWriter.Create(path, info);
        var random = new CounterRandom(5, 1);
        foreach (string _ in s_names)
        {
            var centroids = new float[PerClass * s_shape.Length];
            random.FillGaussian(centroids);
            writer.Append(ClassPrototypes.Create(s_shape.Length, centroids, [3, 1, 4, 1, 5], distortion: 1));
        }

        writer.Complete();
    }
}
