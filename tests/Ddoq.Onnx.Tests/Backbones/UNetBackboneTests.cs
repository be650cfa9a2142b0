using Ddoq.Onnx.Backbones;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Schedulers;
using Ddoq.Onnx.Synthesis;
using Ddoq.Onnx.Tests.OnnxFiles;

namespace Ddoq.Onnx.Tests.Backbones;

public class UNetBackboneTests
{
    private static readonly string[] s_prompts = ["abc bad", "1,1", "éé"];

    public static IEnumerable<object[]> TimestepShapes() => [[Array.Empty<object>()], [new object[] { 1 }], [new object[] { "steps" }], [new object[] { "batch" }]];

    [Test]
    public void Predict_AdaptsToTheExportersTimestep(
        [ValueSource(nameof(TimestepShapes))] object[] shape,
        [Values(OnnxType.I64, OnnxType.F32, OnnxType.F16)] OnnxType timestepType,
        [Values(OnnxType.F32, OnnxType.F16)] OnnxType type,
        [Values] bool guided)
    {
        using var model = new TinyTextModel();
        model.WriteUNet(1, type, timestepType, (object[])shape[0]);
        model.WriteTextEncoder(OnnxType.I32, type);
        using UNetBackbone backbone = UNetBackbone.Open(ModelFolder.Open(model.Path), s_prompts, "cad");
        using IBackboneBatch batch = backbone.CreateBatch(2, guided);
        batch.SetClasses([2, 0]);
        batch.Latents.Fill(0.5f);
        batch.Predict(400);
        double shared = 0.25 + 0.2;
        int[][] prompts = [[.. model.Vocabulary.Encode("éé")], [.. model.Vocabulary.Encode("abc"), .. model.Vocabulary.Encode("bad")]];
        for (int row = 0; row < 2; row++)
            Assert.That(batch.Conditional[(row * 16) + 3], Is.EqualTo(shared + model.Mean(prompts[row])).Within(type == OnnxType.F16 ? 3e-3 : 1e-5), $"row {row}");
        Assert.That(batch.Conditional.Length, Is.EqualTo(32));
        Assert.That(batch.Unconditional.Length, Is.EqualTo(guided ? 32 : 0));
        foreach (float value in batch.Unconditional)
            Assert.That(value, Is.EqualTo(shared + model.Mean(model.Vocabulary.Encode("cad"))).Within(type == OnnxType.F16 ? 3e-3 : 1e-5));
    }

    [Test]
    public void Synthesis_GivesTheGoldenScalarOfTheReferenceImplementation()
    {
        // PNDM 50, strength 0.7 with the quirk, as the image-to-image pipeline runs it; the text has no weight.
        using var model = new TinyTextModel(textWeight: 0);
        ModelFolder folder = ModelFolder.Open(model.Path);
        using UNetBackbone backbone = UNetBackbone.Open(folder, s_prompts);
        using IBackboneBatch batch = backbone.CreateBatch(1, guided: true);
        INoiseScheduler scheduler = NoiseScheduler.Create(null, folder.Scheduler, new() { Start = StartLevel.FromStrength(0.7), PndmImageToImageQuirk = true });
        Assert.That(scheduler.Kind, Is.EqualTo(SchedulerKind.Pndm));
        float[] sample = new float[16];
        scheduler.Begin();
        scheduler.AddNoise([.. Enumerable.Repeat(0.8f, 16)], [.. Enumerable.Repeat(-0.4f, 16)], sample);
        for (int call = 0; call < scheduler.CallCount; call++)
        {
            scheduler.ScaleModelInput(call, sample, batch.Latents);
            batch.Predict(scheduler.Timestep(call));
            scheduler.Step(call, batch.Unconditional, [], [], sample);
        }

        Assert.That(sample, Has.All.EqualTo(-0.5481795).Within(1e-6));
    }

    [Test]
    public void Generate_FollowsThePromptOfTheClass()
    {
        using var model = new TinyTextModel();
        ModelFolder folder = ModelFolder.Open(model.Path);
        using UNetBackbone backbone = UNetBackbone.Open(folder, s_prompts);
        using var synthesizer = new DiffusionSynthesizer(backbone, folder.Scheduler, new() { NumInferenceSteps = 5, BatchSize = 2, Start = StartLevel.PureNoise });
        float[] latents = new float[64];
        synthesizer.Generate([], [0, 1, 0, 2], [1, 1, 1, 1], latents, NullProgress.Instance, default);
        Assert.That(latents[..16], Is.EqualTo(latents[32..48]), "same class, same noise");
        Assert.That(latents[..16], Is.Not.EqualTo(latents[16..32]), "another class");
        Assert.That(() => synthesizer.Generate([], [3], [1], latents, NullProgress.Instance, default), Throws.InstanceOf<DdoqException>().With.Message.Contains("class 3"));
    }

    [Test]
    public void Open_OfTheOtherLayout_IsRefused()
    {
        using var text = new TinyTextModel();
        using var label = new TinyModel();
        Assert.That(() => DiTBackbone.Open(ModelFolder.Open(text.Path)), Throws.InstanceOf<DdoqException>().With.Message.Contains("prompts"));
        Assert.That(() => UNetBackbone.Open(ModelFolder.Open(label.Path), s_prompts), Throws.InstanceOf<DdoqException>().With.Message.Contains("class labels"));
    }

    [Test]
    public void Open_WithoutTextEncoder_NamesIt()
    {
        using var model = new TinyTextModel();
        File.Delete(model.File("text_encoder", "model.onnx"));
        Assert.That(() => ModelFolder.Open(model.Path), Throws.InstanceOf<DdoqException>().With.Message.Contains("text_encoder"));
    }

    [Test]
    public void Folder_OfStableDiffusion_TakesItsDefaults()
    {
        using var model = new TinyTextModel();
        ModelFolder folder = ModelFolder.Open(model.Path);
        Assert.Multiple(() =>
        {
            Assert.That(folder.Layout, Is.EqualTo(ModelLayout.StableDiffusion));
            Assert.That((folder.ClassCount, folder.ClassNames.Count), Is.EqualTo((0, 0)));
            Assert.That(folder.Defaults, Is.EqualTo(ModelDefaults.For(ModelLayout.StableDiffusion)));
            Assert.That(folder.BackboneFile, Is.EqualTo(model.File("unet", "model.onnx")));
        });
    }

    [Test]
    public void Open_TellsOfPromptsThatAreCut()
    {
        using var model = new TinyTextModel();
        var messages = new MessageList();
        using UNetBackbone backbone = UNetBackbone.Open(ModelFolder.Open(model.Path), ["fine", string.Concat(Enumerable.Repeat("9 ", 80))], progress: messages);
        using IBackboneBatch batch = backbone.CreateBatch(2, guided: false);
        batch.SetClasses([0, 1]);
        Assert.That(messages.Texts, Has.Exactly(1).Contains("class 1 has more than 75 tokens"));
    }

    private sealed class MessageList : IProgressSink
    {
        public List<string> Texts { get; } = [];

        public void Message(string text) => Texts.Add(text);

        public void Advance(long units)
        {
        }

        public void Begin(string stage, long total, string unit, long completed = 0)
        {
        }

        public void End()
        {
        }
    }
}
