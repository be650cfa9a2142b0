using Ddoq.Onnx.Autoencoders;
using Ddoq.Onnx.Backbones;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Schedulers;
using Ddoq.Onnx.Sessions;
using Ddoq.Onnx.Synthesis;

namespace Ddoq.Onnx.Tests.Twins;

/// <summary>The whole way from prompts or labels to images against PyTorch, on the real models' interfaces, guidance included.</summary>
public class TorchTwinTests
{
    private const double Tolerance = 1e-4;

    // Eight steps of a network whose states are rounded to half precision.
    private const double HalfTolerance = 3e-2;

    private TorchTwins _twins = null!;

    [OneTimeSetUp]
    public void CreateTwins() => _twins = TorchTwins.Create();

    [OneTimeTearDown]
    public void DeleteTwins() => _twins?.Dispose();

    [TestCase("sd")]
    [TestCase("sd-older")]
    public void StableDiffusion_FromPrototypes_GivesPyTorchsImages(string model) => Compare("sd.ddim", StableDiffusion(model, SchedulerKind.Ddim, pureNoise: false), model, Tolerance);

    [Test]
    public void StableDiffusion_FromNoise_WithItsOwnScheduler_GivesPyTorchsImages() => Compare("sd.pndm", StableDiffusion("sd", null, pureNoise: true), "sd", Tolerance);

    [Test]
    public void StableDiffusion_InHalfPrecision_GivesPyTorchsImages() => Compare("sd.ddim", StableDiffusion("sd-half", SchedulerKind.Ddim, pureNoise: false), "sd-half", HalfTolerance);

    [TestCase(SchedulerKind.Ddim, true, "dit.ddim")]
    [TestCase(SchedulerKind.Ddpm, false, "dit.ddpm")]
    public void DiT_FromPrototypes_GivesPyTorchsImages(SchedulerKind kind, bool allChannels, string expected) =>
        Compare(expected, DiT(kind, allChannels), "dit", Tolerance);

    [TestCase("sd", true)]
    [TestCase("sd-older", false)]
    public void Encode_GivesPyTorchsLatents(string model, bool hasPosterior)
    {
        using VaeEncoder encoder = VaeEncoder.Open(ModelFolder.Open(_twins.Model(model)));
        var latents = new float[2 * 4 * 64 * 64];
        encoder.EncodeMean(_twins.Input("images"), 2, latents);
        Assert.That(latents, Is.EqualTo(_twins.Expected("sd.encoded")).Within(Tolerance));
        Assert.That(encoder.HasPosterior, Is.EqualTo(hasPosterior));
    }

    [Test]
    public void OlderExport_KeepsItsWeightsInASecondFile() =>
        Assert.That(File.Exists(Path.Combine(_twins.Model("sd-older"), "unet", "model.onnx_data")));

    [Test]
    public void StableDiffusion_BatchesOf1And64_GiveTheSameLatents()
    {
        SynthesisOptions options = Options(SchedulerKind.DpmSolverPlusPlus) with { NumInferenceSteps = 4, BatchSize = 1 };
        float[] one = StableDiffusion("sd", options), many = StableDiffusion("sd", options with { BatchSize = 64 });
        Assert.That(many, Is.EqualTo(one).Within(1e-5));
    }

    [Test]
    public void DiT_BatchesOf1And64_GiveTheSameLatents()
    {
        SynthesisOptions options = Options(SchedulerKind.DpmSolverPlusPlus) with { NumInferenceSteps = 4, BatchSize = 1 };
        Assert.That(DiT(options with { BatchSize = 64 }), Is.EqualTo(DiT(options)).Within(1e-5));
    }

    private static SynthesisOptions Options(SchedulerKind? kind) => new()
    {
        Scheduler = kind,
        NumInferenceSteps = TorchTwins.Steps,
        GuidanceScale = TorchTwins.GuidanceScale,
        Start = StartLevel.FromStrength(TorchTwins.Strength),
        Seed = TorchTwins.Seed,
    };

    private float[] StableDiffusion(string model, SchedulerKind? kind, bool pureNoise)
    {
        SynthesisOptions options = Options(kind);
        return StableDiffusion(model, pureNoise ? options with { Start = StartLevel.PureNoise } : options);
    }

    private float[] StableDiffusion(string model, SynthesisOptions options)
    {
        ModelFolder folder = ModelFolder.Open(_twins.Model(model));
        using UNetBackbone backbone = UNetBackbone.Open(folder, TorchTwins.Prompts, TorchTwins.NegativePrompt);
        return Generate(backbone, folder, options, [0, 1, 2], _twins.Input("prototypes.sd"));
    }

    private float[] DiT(SchedulerKind kind, bool allChannels) => DiT(Options(kind) with { GuideAllChannels = allChannels });

    private float[] DiT(SynthesisOptions options)
    {
        ModelFolder folder = ModelFolder.Open(_twins.Model("dit"));
        using DiTBackbone backbone = DiTBackbone.Open(folder);
        Assert.That(backbone.PredictsVariance);
        return Generate(backbone, folder, options, TorchTwins.Classes, _twins.Input("prototypes.dit"));
    }

    private static float[] Generate(IDiffusionBackbone backbone, ModelFolder folder, SynthesisOptions options, int[] classes, float[] prototypes)
    {
        using var synthesizer = new DiffusionSynthesizer(backbone, folder.Scheduler, options);
        var latents = new float[prototypes.Length];
        synthesizer.Generate(prototypes, classes, TorchTwins.Streams(), latents, NullProgress.Instance, default);
        return latents;
    }

    private void Compare(string expected, float[] latents, string model, double tolerance)
    {
        using VaeDecoder decoder = VaeDecoder.Open(ModelFolder.Open(_twins.Model(model)), new OnnxSessionOptions { BatchSize = 2 });
        int count = TorchTwins.Prompts.Length;
        var images = new float[count * 3 * decoder.ImageSize * decoder.ImageSize];
        decoder.Decode(latents, count, images);
        float[] wanted = _twins.Expected($"{expected}.images");
        double worst = images.Zip(wanted, (a, b) => Math.Abs((double)a - b)).Max();
        Assert.Multiple(() =>
        {
            Assert.That(latents, Is.EqualTo(_twins.Expected(expected)).Within(tolerance), "latents");
            Assert.That(worst, Is.LessThanOrEqualTo(tolerance), "images, in [-1, 1]");
            Assert.That(images.Max() - images.Min(), Is.GreaterThan(0.1f), "the images are not flat");
        });
    }
}
