using Ddoq.Imaging;
using Ddoq.Latents;
using Ddoq.Numerics;
using Ddoq.Onnx.Sessions;
using Ddoq.Onnx.Tests.OnnxFiles;
using Ddoq.Pipeline.Estimates;
using Ddoq.Pipeline.Stages;

namespace Ddoq.Pipeline.Tests.Stages;

/// <summary>What encoding checks before it writes, and what an interrupted run keeps.</summary>
public class EncodeTests
{
    private const int PerClass = 20, BatchSize = 2;

    private TinyModel _model = null!;
    private string _folder = string.Empty;

    private string Output => Path.Combine(_folder, "latents");

    [SetUp]
    public void WriteImages()
    {
        _model = new TinyModel();
        _folder = Directory.CreateTempSubdirectory("ddoq-encode-").FullName;
        var random = new CounterRandom(3, 1);
        foreach (string name in (string[])["bag", "coat", "shoe"])
        {
            string folder = Path.Combine(_folder, "data", "train", name);
            Directory.CreateDirectory(folder);
            for (int i = 0; i < PerClass; i++)
            {
                var pixels = new byte[TinyModel.Pixels];
                for (int p = 0; p < pixels.Length; p++)
                    pixels[p] = (byte)random.NextInt32(256);
                File.WriteAllBytes(Path.Combine(folder, $"{i:D2}.png"), ImageWriter.EncodePng(pixels, 3, TinyModel.ImageSize, TinyModel.ImageSize));
            }
        }
    }

    [TearDown]
    public void DeleteFolders()
    {
        _model.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Test]
    public void StoppedInTheMiddleOfAShard_GoesOnBehindTheLastBatch_AndGivesTheSameBytes([Values(0, 3)] int damaged)
    {
        for (int i = 0; i < damaged; i++)
            File.WriteAllText(Path.Combine(_folder, "data", "train", "coat", $"{3 * i:D2}.png"), "no image");
        string whole = Path.Combine(_folder, "whole");
        EncodeStage.Run(Options(), whole, new StageContext(NullProgress.Instance, 2, false, default));
        long done = 0;
        for (int run = 0; done < 3 * PerClass; run++)
        {
            Assert.That(run, Is.LessThan(3 * PerClass), "every run gets on");
            using var stop = new CancellationTokenSource();
            var progress = new StopAfter(stop, advances: 1 + (run % 3));
            try
            {
                EncodeStage.Run(Options(), Output, new StageContext(progress, 2, false, stop.Token));
            }
            catch (OperationCanceledException)
            {
            }

            Assert.That(progress.Completed, Is.EqualTo(done), "what one run has done the next need not do again");
            done += progress.Advanced;
        }

        foreach (string file in Directory.EnumerateFiles(whole).Select(path => Path.GetFileName(path)).Where(name => name != "stage-timing.json"))
            Assert.That(File.ReadAllBytes(Path.Combine(Output, file)), Is.EqualTo(File.ReadAllBytes(Path.Combine(whole, file))), file);
        Assert.That(Directory.EnumerateFiles(Output).Count(), Is.EqualTo(Directory.EnumerateFiles(whole).Count()));
        using LatentStore store = LatentStore.Open(Output);
        Assert.That(store.Count, Is.EqualTo((3 * PerClass) - damaged));
    }

    [Test]
    public void ModelsThatCannotEncode_AreStoppedBeforeTheFirstByte()
    {
        EncodeOptions none = Options() with { Model = null };
        Refused(none, "Fashion-MNIST", "'bag'");
        _model.WriteEncoder(outputChannels: 6);
        Refused(Options(), "latent_parameters");
        File.WriteAllText(_model.File("vae_encoder", "model.onnx"), "no network");
        Refused(Options(), "vae_encoder");
        Directory.Delete(Path.GetDirectoryName(_model.File("vae_encoder", "model.onnx"))!, recursive: true);
        Refused(Options(), "vae_encoder");

        void Refused(EncodeOptions options, params string[] words)
        {
            var error = Assert.Catch<DdoqException>(() => EncodeStage.Run(options, Output, new StageContext(NullProgress.Instance, 1, false, default)))!;
            Assert.Multiple(() =>
            {
                foreach (string word in words)
                    Assert.That(error.Message, Does.Contain(word));
                Assert.That(error.Hint, Is.Not.Null);
                Assert.That(Directory.Exists(Output), Is.False);
            });
        }
    }

    [Test]
    public void Estimate_CountsCallsAndBytes_OfTheStoreThatIsWritten()
    {
        var context = new StageContext(NullProgress.Instance, 1, false, default);
        StageEstimate estimate = EncodeEstimate.Measure(Options(), context);
        Assert.That(Directory.Exists(Output), Is.False);
        EncodeStage.Run(Options(), Output, context);
        long written = Directory.EnumerateFiles(Output, "latents-*").Sum(path => new FileInfo(path).Length - SafetensorsHeader(path));
        Assert.Multiple(() =>
        {
            Assert.That((estimate.Units, estimate.NetworkCalls), Is.EqualTo((3 * PerClass, 3 * PerClass / BatchSize)));
            Assert.That(estimate.SecondsPerUnit, Is.Positive);
            Assert.That(estimate.DiskBytes, Is.GreaterThanOrEqualTo(written).And.LessThan(2 * written));
        });

        static long SafetensorsHeader(string path) => 8 + BitConverter.ToInt64(File.ReadAllBytes(path), 0);
    }

    private EncodeOptions Options() => new()
    {
        Images = new ImageOptions { Folder = Path.Combine(_folder, "data"), MaxDamaged = 5 },
        Model = _model.Path,
        BatchSize = BatchSize,
        RowsPerShard = 25,
        Provider = ExecutionProvider.Cpu,
    };

    /// <summary>Stops a run after some of its batches.</summary>
    private sealed class StopAfter(CancellationTokenSource stop, int advances) : IProgressSink
    {
        private int _calls;

        public long Completed { get; private set; }

        public long Advanced { get; private set; }

        public void Begin(string stage, long total, string unit, long completed = 0) => Completed = completed;

        public void Advance(long units)
        {
            Advanced += units;
            if (++_calls == advances)
                stop.Cancel();
        }

        public void End()
        {
        }

        public void Message(string text)
        {
        }
    }
}
