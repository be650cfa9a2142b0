using Ddoq.Numerics;
using Ddoq.Onnx.Backbones;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Schedulers;
using Ddoq.Onnx.Synthesis;
using Ddoq.Onnx.Tests.OnnxFiles;

namespace Ddoq.Onnx.Tests.Synthesis;

/// <summary>The lane that keeps latents where the network runs, in the CPU's memory, against the lane of the program.</summary>
public class DeviceLaneTests
{
    private static readonly int[] s_classes = [2, 0, 1, 2, 2, 1, 0];

    [Test]
    [Pairwise]
    public void Latents_AreThoseOfTheHostLane(
        [Values] SchedulerKind kind, [Values(1.0, 3.0)] double guidance, [Values] bool allChannels, [Values] bool learnedVariance, [Values] bool pureNoise)
    {
        // With a predicted variance, ancestral sampling is not linear; every other sampler ignores that output.
        using var model = new TinyModel(labelWeight: 0.1f, learnedVariance);
        SynthesisOptions options = Options(kind) with { GuidanceScale = guidance, GuideAllChannels = allChannels, Start = pureNoise ? StartLevel.PureNoise : StartLevel.FromAlphaBar(0.2) };
        using DiTBackbone backbone = DiTBackbone.Open(ModelFolder.Open(model.Path));
        bool isLinear = kind != SchedulerKind.Ddpm || !learnedVariance;
        AssertSame(backbone, options, isLinear, 1e-5);
    }

    [Test]
    public void AnyElementType_IsConvertedOnTheWay([Values(OnnxType.F32, OnnxType.F16)] OnnxType type)
    {
        using var model = new TinyModel();
        model.WriteBackbone(labelWeight: 0.1f, type: type);
        using DiTBackbone backbone = DiTBackbone.Open(ModelFolder.Open(model.Path));
        AssertSame(backbone, Options(SchedulerKind.Pndm), true, type == OnnxType.F16 ? 2e-3 : 1e-5);
    }

    [Test]
    public void AModelOfPrompts_HasItsConditionalRowsSecond([Values] SchedulerKind kind)
    {
        using var model = new TinyTextModel();
        using UNetBackbone backbone = UNetBackbone.Open(ModelFolder.Open(model.Path), ["a bag", "a coat", "a shoe"], "bad");
        AssertSame(backbone, Options(kind) with { GuidanceScale = 2.5 }, true, 1e-5);
    }

    [Test]
    public void NeitherThreadsNorEarlierBatches_ChangeABit()
    {
        using var model = new TinyModel(labelWeight: 0.1f);
        SynthesisOptions options = Options(SchedulerKind.Pndm) with { KeepLatentsOnDevice = true, Eta = 0.5 };
        using DiTBackbone one = DiTBackbone.Open(ModelFolder.Open(model.Path), new() { Threads = 1 }), three = DiTBackbone.Open(ModelFolder.Open(model.Path), new() { Threads = 3 });
        float[] first = Generate(one, options, out _);
        Assert.That(Generate(three, options, out _), Is.EqualTo(first), "threads");
        using var synthesizer = new DiffusionSynthesizer(one, SchedulerConfiguration.DiT, options with { BatchSize = 3 });
        for (int round = 0; round < 2; round++)
        {
            var latents = new float[first.Length];
            synthesizer.Generate(Prototypes(), s_classes, Streams(), latents, NullProgress.Instance, default);
            Assert.That(latents, Is.EqualTo(first), $"round {round}");
        }
    }

    [Test]
    public void OnTheCpu_LatentsStayInTheProgramUnlessAskedOtherwise()
    {
        using var model = new TinyModel();
        using DiTBackbone backbone = DiTBackbone.Open(ModelFolder.Open(model.Path));
        using var synthesizer = new DiffusionSynthesizer(backbone, SchedulerConfiguration.DiT, new());
        Assert.That(synthesizer.KeepsLatentsOnDevice, Is.False);
    }

    private static SynthesisOptions Options(SchedulerKind kind) => new() { Scheduler = kind, NumInferenceSteps = 9, GuidanceScale = 2, Seed = 4, BatchSize = 3, Eta = kind == SchedulerKind.Ddim ? 0.4 : 0 };

    private static void AssertSame(IDiffusionBackbone backbone, SynthesisOptions options, bool isLinear, double tolerance)
    {
        float[] host = Generate(backbone, options with { KeepLatentsOnDevice = false }, out bool stays);
        Assert.That(stays, Is.False);
        float[] device = Generate(backbone, options with { KeepLatentsOnDevice = true }, out stays);
        Assert.That(stays, Is.EqualTo(isLinear));
        float largest = host.Max(MathF.Abs);
        Assert.That(device, Is.EqualTo(host).Within(tolerance * Math.Max(1, largest)));
    }

    private static float[] Generate(IDiffusionBackbone backbone, SynthesisOptions options, out bool stays)
    {
        using var synthesizer = new DiffusionSynthesizer(backbone, SchedulerConfiguration.DiT, options);
        stays = synthesizer.KeepsLatentsOnDevice;
        var latents = new float[s_classes.Length * TinyModel.Latent];
        synthesizer.Generate(Prototypes(), s_classes, Streams(), latents, NullProgress.Instance, default);
        return latents;
    }

    private static float[] Prototypes()
    {
        var values = new float[s_classes.Length * TinyModel.Latent];
        new CounterRandom(9, 1).FillGaussian(values);
        return values;
    }

    private static ulong[] Streams() => [.. s_classes.Select((c, i) => RandomStreams.Synthesis(c, i))];
}
