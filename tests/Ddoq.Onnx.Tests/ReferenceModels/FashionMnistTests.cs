using System.Numerics.Tensors;
using Ddoq.Latents;
using Ddoq.Numerics;
using Ddoq.Onnx.Autoencoders;
using Ddoq.Onnx.Backbones;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Schedulers;
using Ddoq.Onnx.Sessions;
using Ddoq.Onnx.Synthesis;
using Ddoq.Onnx.Teachers;

namespace Ddoq.Onnx.Tests.ReferenceModels;

/// <summary>The trained reference model end to end on real images: networks with convolution, attention and normalisation.</summary>
public class FashionMnistTests
{
    private const int Count = 40;

    private ModelFolder _folder = null!;
    private float[] _images = null!;
    private int[] _labels = null!;
    private float[] _latents = null!;

    [OneTimeSetUp]
    public void EncodeSamples()
    {
        _folder = ModelFolder.Open(RepositoryFiles.Model);
        (_images, _labels) = RepositoryFiles.Samples(Count);
        _latents = Encode(new());
    }

    [Test]
    public void Folder_IsWhatTheCardSays() => Assert.Multiple(() =>
    {
        Assert.That(_folder.Layout, Is.EqualTo(ModelLayout.DiT));
        Assert.That((_folder.ImageSize, _folder.Fit, _folder.PadValue), Is.EqualTo((32, ModelFit.Pad, 0)));
        Assert.That(_folder.LatentShape, Is.EqualTo(new LatentShape(4, 8, 8)));
        Assert.That((_folder.ClassCount, _folder.NullClass), Is.EqualTo((10, 10)));
        Assert.That(_folder.ClassNames[9], Is.EqualTo("Ankle boot"));
        Assert.That(_folder.TeacherFolder, Is.Not.Null);
    });

    [Test]
    public void Latents_HaveUnitVariance()
    {
        double variance = TensorPrimitives.SumOfSquares<float>(_latents) / _latents.Length;
        Assert.That(Math.Sqrt(variance), Is.EqualTo(1).Within(0.15));
    }

    [Test]
    public void Decode_RestoresTheImages()
    {
        using VaeDecoder decoder = VaeDecoder.Open(_folder);
        var decoded = new float[_images.Length];
        decoder.Decode(_latents, Count, decoded);
        double error = 0;
        for (int i = 0; i < decoded.Length; i++)
            error += Math.Pow((Math.Clamp(decoded[i], -1, 1) - _images[i]) / 2, 2);
        Assert.That(-10 * Math.Log10(error / decoded.Length), Is.GreaterThan(24), "PSNR in dB");
    }

    [Test]
    public void Encode_DoesNotDependOnThreadsOrBatch()
    {
        Assert.That(Encode(new() { Threads = 1 }), Is.EqualTo(_latents), "one thread");
        Assert.That(Encode(new() { Threads = 2 }), Is.EqualTo(_latents), "two threads");

        // Padding makes results independent of the number of rows; other batch sizes may differ in the last bits.
        Assert.That(Encode(new() { BatchSize = 1 }), Is.EqualTo(_latents).Within(1e-5));
        Assert.That(Encode(new() { BatchSize = 64 }), Is.EqualTo(_latents).Within(1e-5));
    }

    [Test]
    public void Teacher_KnowsTheSamples()
    {
        using Teacher teacher = Teacher.Open(_folder.TeacherFolder!);
        Assert.That(teacher.ClassNames, Is.EqualTo(_folder.ClassNames));
        Assert.That(Judge(teacher, _images, _labels).Top1, Is.GreaterThan(0.8));

        // The same labels in another class order must be noticed.
        ClassOrderCheck check = Judge(teacher, _images, [.. _labels.Select(label => (label + 3) % 10)]);
        Assert.That(check.ThrowIfWrong, Throws.InstanceOf<DdoqException>().With.Message.Contains("class order differs"));
    }

    [Test]
    public void Generate_DoesNotDependOnThreadsOrBatch()
    {
        SynthesisOptions options = new() { Scheduler = SchedulerKind.Ddim, NumInferenceSteps = 4, GuidanceScale = 3, BatchSize = 4 };
        float[] one = Generate(options, new() { Threads = 1 }, 6);
        Assert.That(Generate(options, new() { Threads = 2 }, 6), Is.EqualTo(one), "two threads");
        Assert.That(Generate(options with { BatchSize = 1 }, new() { Threads = 2 }, 6), Is.EqualTo(one).Within(1e-5), "batch 1");
        Assert.That(Generate(options with { BatchSize = 64 }, new() { Threads = 1 }, 6), Is.EqualTo(one).Within(1e-5), "batch 64");
    }

    [Test]
    public void Images_OfBatchesOf1And64_AreTheSame()
    {
        SynthesisOptions options = new() { Scheduler = SchedulerKind.DpmSolverPlusPlus, NumInferenceSteps = 6, GuidanceScale = 1.5, Start = StartLevel.FromAlphaBar(0.25), BatchSize = 1 };
        float[] one = Images(options), many = Images(options with { BatchSize = 64 });
        Assert.That(many, Is.EqualTo(one).Within(1e-5));
        Assert.That(Images(options with { KeepLatentsOnDevice = true, BatchSize = 64 }), Is.EqualTo(one).Within(1e-5), "latents beside the network");

        float[] Images(SynthesisOptions sampling)
        {
            const int Rows = 5;
            using VaeDecoder decoder = VaeDecoder.Open(_folder, new() { BatchSize = sampling.BatchSize!.Value });
            var images = new float[Rows * 3 * 32 * 32];
            decoder.Decode(Generate(sampling, new(), Rows), Rows, images);
            return images;
        }
    }

    [TestCase(SchedulerKind.DpmSolverPlusPlus, 10)]
    [TestCase(SchedulerKind.Ddim, 10)]
    [TestCase(SchedulerKind.Euler, 10)]
    [TestCase(SchedulerKind.Pndm, 10)]
    [TestCase(SchedulerKind.Ddpm, 10)]
    public void Generate_FromEncodedImages_GivesImagesOfTheirClass(SchedulerKind kind, int steps)
    {
        const int Rows = 16;
        SynthesisOptions options = new() { Scheduler = kind, NumInferenceSteps = steps, GuidanceScale = _folder.Defaults.GuidanceScale, Seed = 1 };
        float[] latents = Generate(options, new(), Rows);
        using VaeDecoder decoder = VaeDecoder.Open(_folder);
        using Teacher teacher = Teacher.Open(_folder.TeacherFolder!);
        var images = new float[Rows * 3 * 32 * 32];
        decoder.Decode(latents, Rows, images);
        Assert.That(Judge(teacher, images, _labels[..Rows]).Top1, Is.GreaterThanOrEqualTo(0.75));
    }

    [Test]
    public void EncodeSample_SpreadsAroundTheMean()
    {
        using VaeEncoder encoder = VaeEncoder.Open(_folder);
        float[] noise = new float[_latents.Length], sample = new float[_latents.Length];
        encoder.EncodeSample(_images, Count, noise, sample);
        Assert.That(sample, Is.EqualTo(_latents), "without noise");
        new CounterRandom(1, 1).FillGaussian(noise);
        encoder.EncodeSample(_images, Count, noise, sample);
        Assert.That(TensorPrimitives.Distance<float>(sample, _latents), Is.Positive.And.LessThan(TensorPrimitives.Norm<float>(_latents)));
    }

    private static ClassOrderCheck Judge(Teacher teacher, float[] images, int[] labels)
    {
        var logits = new float[labels.Length * teacher.ClassCount];
        teacher.Logits([.. images.Select(v => Math.Clamp((v + 1) / 2, 0, 1))], labels.Length, logits);
        return ClassOrderCheck.Evaluate(logits, labels, teacher.ClassNames, teacher.ClassNames);
    }

    private float[] Encode(OnnxSessionOptions options)
    {
        using VaeEncoder encoder = VaeEncoder.Open(_folder, options);
        var latents = new float[Count * _folder.LatentShape.Length];
        encoder.EncodeMean(_images, Count, latents);
        return latents;
    }

    private float[] Generate(SynthesisOptions options, OnnxSessionOptions session, int rows)
    {
        using DiTBackbone backbone = DiTBackbone.Open(_folder, session);
        using var synthesizer = new DiffusionSynthesizer(backbone, _folder.Scheduler, options);
        var latents = new float[rows * _folder.LatentShape.Length];
        ulong[] streams = [.. _labels.Take(rows).Select((label, row) => RandomStreams.Synthesis(label, row))];
        synthesizer.Generate(_latents, _labels.AsSpan(0, rows), streams, latents, NullProgress.Instance, default);
        return latents;
    }
}
