using Ddoq.Numerics;
using Ddoq.Onnx.Autoencoders;
using Ddoq.Onnx.Backbones;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Schedulers;
using Ddoq.Onnx.Synthesis;
using Ddoq.Onnx.Teachers;
using Ddoq.Onnx.Text;

namespace Ddoq.Onnx.Tests.ReferenceModels;

/// <summary>The trained text-conditional model: prompts to images the teacher recognises.</summary>
public class FashionMnistUNetTests
{
    private const int PerClass = 2;

    private ModelFolder _folder = null!;

    [OneTimeSetUp]
    public void Open()
    {
        string folder = RepositoryFiles.Find("models", "fashion-mnist-unet");
        if (!File.Exists(Path.Combine(folder, "model_index.json")))
            Assert.Ignore($"the text-conditional reference model is not in this checkout ({folder})");
        _folder = ModelFolder.Open(folder);
    }

    [Test]
    public void Folder_SharesAutoencoderAndTeacherWithTheOtherModel()
    {
        ModelFolder other = ModelFolder.Open(RepositoryFiles.Find("models", "fashion-mnist"));
        Assert.Multiple(() =>
        {
            Assert.That(_folder.Layout, Is.EqualTo(ModelLayout.StableDiffusion));
            Assert.That(_folder.Scheduler.Kind, Is.EqualTo(SchedulerKind.Pndm));
            Assert.That(_folder.ClassNames, Is.EqualTo(other.ClassNames));
            Assert.That(_folder.ComputeEncoderHash(), Is.EqualTo(other.ComputeEncoderHash()));
            Assert.That(_folder.TeacherFolder, Is.EqualTo(other.TeacherFolder));
            Assert.That(ModelInspection.Run(_folder).Select(part => part.Error), Has.All.Null);
        });
    }

    [TestCase(null, 25)]
    [TestCase(SchedulerKind.DpmSolverPlusPlus, 15)]
    public void Prompts_GiveImagesOfTheirClass(SchedulerKind? kind, int steps)
    {
        PromptTemplate template = PromptTemplate.Parse(_folder.Defaults.Prompt!);
        Assert.That(TeacherAgreement(template, kind, steps), Is.GreaterThanOrEqualTo(0.75));
    }

    [Test]
    public void ThePromptDecides()
    {
        // Every class with the next one's prompt: the images must follow the words, not the row.
        PromptTemplate template = PromptTemplate.Parse(_folder.Defaults.Prompt!);
        Assert.That(TeacherAgreement(template, SchedulerKind.Ddim, 15, shift: 1), Is.LessThan(0.3));
    }

    [Test]
    public void BatchesOf1And64_GiveTheSameLatents()
    {
        SynthesisOptions options = new() { Scheduler = SchedulerKind.Ddim, NumInferenceSteps = 4, GuidanceScale = 2, Start = StartLevel.PureNoise, BatchSize = 1 };
        Assert.That(Generate(Prompts(PromptTemplate.Parse("{class}"), 0), options with { BatchSize = 64 }), Is.EqualTo(Generate(Prompts(PromptTemplate.Parse("{class}"), 0), options)).Within(1e-5));
    }

    private string[] Prompts(PromptTemplate template, int shift)
    {
        int classes = _folder.ClassNames.Count;
        return [.. Enumerable.Range(0, classes).Select(c => template.Format(_folder.ClassNames[(c + shift) % classes]))];
    }

    private float[] Generate(string[] prompts, SynthesisOptions options)
    {
        using UNetBackbone backbone = UNetBackbone.Open(_folder, prompts, _folder.Defaults.NegativePrompt ?? "");
        using var synthesizer = new DiffusionSynthesizer(backbone, _folder.Scheduler, options);
        int[] classes = [.. Enumerable.Range(0, prompts.Length * PerClass).Select(row => row / PerClass)];
        var latents = new float[classes.Length * _folder.LatentShape.Length];
        ulong[] streams = [.. classes.Select((label, row) => RandomStreams.Synthesis(label, row))];
        synthesizer.Generate([], classes, streams, latents, NullProgress.Instance, default);
        return latents;
    }

    private double TeacherAgreement(PromptTemplate template, SchedulerKind? kind, int steps, int shift = 0)
    {
        SynthesisOptions options = new() { Scheduler = kind, NumInferenceSteps = steps, GuidanceScale = _folder.Defaults.GuidanceScale, Start = StartLevel.PureNoise, Seed = 1 };
        float[] latents = Generate(Prompts(template, shift), options);
        int count = latents.Length / _folder.LatentShape.Length;
        using VaeDecoder decoder = VaeDecoder.Open(_folder);
        using Teacher teacher = Teacher.Open(_folder.TeacherFolder!);
        var images = new float[count * 3 * 32 * 32];
        decoder.Decode(latents, count, images);
        var logits = new float[count * teacher.ClassCount];
        teacher.Logits([.. images.Select(v => Math.Clamp((v + 1) / 2, 0, 1))], count, logits);
        int[] labels = [.. Enumerable.Range(0, count).Select(row => row / PerClass)];
        return ClassOrderCheck.Evaluate(logits, labels, teacher.ClassNames, teacher.ClassNames).Top1;
    }
}
