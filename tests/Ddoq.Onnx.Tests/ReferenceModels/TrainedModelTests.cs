using System.Diagnostics;
using System.Runtime.InteropServices;
using Ddoq.Latents;
using Ddoq.Onnx.Autoencoders;
using Ddoq.Onnx.Backbones;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Teachers;
using Ddoq.Onnx.Tests.OnnxFiles;

namespace Ddoq.Onnx.Tests.ReferenceModels;

/// <summary>What the training scripts make is read by the program and gives PyTorch's numbers; the networks are tiny and hardly trained.</summary>
public class TrainedModelTests
{
    private const int PackagesMissing = 77;
    private const string Python = "/usr/bin/python3";

    private TemporaryFolder _folder = null!;
    private string _report = "";
    private int _exitCode;

    [OneTimeSetUp]
    public void TrainAndCheck()
    {
        string tools = RepositoryFiles.Find("tools", "reference_models");
        if (!File.Exists(Python) || !Directory.Exists(tools))
            Assert.Ignore($"{Python} or {tools} is not there");
        _folder = new TemporaryFolder();
        var start = new ProcessStartInfo(Python) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in (string[])[Path.Combine(AppContext.BaseDirectory, "ReferenceModels", "training_checks.py"), tools, _folder.Path])
            start.ArgumentList.Add(argument);
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        process.WaitForExit();
        _exitCode = process.ExitCode;
        _report = output.Result + error.Result;
        if (_exitCode == PackagesMissing)
            Assert.Ignore($"python3 packages are missing: {output.Result.Trim()}");
    }

    [OneTimeTearDown]
    public void DeleteFolder() => _folder?.Dispose();

    [Test]
    public void Scripts_PassTheirOwnChecks() => Assert.That(_exitCode, Is.Zero, _report);

    [TestCase("colour", 64, 8)]
    [TestCase("grey", 32, 4)]
    public void Networks_GiveTheirSourcesNumbers(string name, int size, int channels)
    {
        ModelFolder folder = ModelFolder.Open(_folder.File(name, "model"));
        Assert.That((folder.Layout, folder.ImageSize, folder.ClassCount), Is.EqualTo((ModelLayout.DiT, size, 3)));
        Assert.That(folder.LatentShape, Is.EqualTo(new LatentShape(channels, 8, 8)));
        Assert.That(ModelInspection.Run(folder).Select(part => part.Error), Has.All.Null);

        float[] sample = Vectors(name, "vae_encoder.sample"), parameters = Vectors(name, "vae_encoder.latent_parameters");
        int latent = folder.LatentShape.Length;
        using (VaeEncoder encoder = VaeEncoder.Open(folder))
        {
            var means = new float[2 * latent];
            encoder.EncodeMean(sample, 2, means);
            float[] expected = [.. parameters[..latent], .. parameters[(2 * latent)..(3 * latent)]];
            Assert.That(means, Is.EqualTo(expected.Select(v => (float)(v * folder.ScalingFactor))).Within(1e-4));
        }

        using (VaeDecoder decoder = VaeDecoder.Open(folder))
        {
            var images = new float[sample.Length];
            decoder.Decode([.. Vectors(name, "vae_decoder.latent_sample").Select(v => (float)(v * folder.ScalingFactor))], 2, images);
            Assert.That(images, Is.EqualTo(Vectors(name, "vae_decoder.sample")).Within(1e-4));
        }

        using Teacher teacher = Teacher.Open(folder.TeacherFolder!);
        Assert.That(teacher.ClassNames, Is.EqualTo(folder.ClassNames));
        var logits = new float[2 * 3];
        teacher.Logits(Denormalised(name, size, Vectors(name, "teacher.pixel_values")), 2, logits);
        Assert.That(logits, Is.EqualTo(Vectors(name, "teacher.logits")).Within(1e-4));
    }

    [TestCase("colour")]
    [TestCase("grey")]
    public void Transformer_GivesItsSourcesPredictions(string name)
    {
        ModelFolder folder = ModelFolder.Open(_folder.File(name, "model"));
        using DiTBackbone backbone = DiTBackbone.Open(folder);
        float[] states = Vectors(name, "transformer.hidden_states"), expected = Vectors(name, "transformer.noise_pred");
        long[] times = Numbers(name, "transformer.timestep"), classes = Numbers(name, "transformer.class_labels");
        using IBackboneBatch batch = backbone.CreateBatch(1, guided: false);
        for (int row = 0; row < times.Length; row++)
        {
            int first = row * folder.LatentShape.Length;
            states.AsSpan(first, folder.LatentShape.Length).CopyTo(batch.Latents);
            batch.SetClasses([(int)classes[row]]);
            batch.Predict((int)times[row]);
            Assert.That(batch.Conditional.ToArray(), Is.EqualTo(expected[first..(first + folder.LatentShape.Length)]).Within(1e-4), $"row {row}");
        }
    }

    [Test]
    public void TextModel_SharesAutoencoderAndTeacher()
    {
        ModelFolder folder = ModelFolder.Open(_folder.File("grey", "model-unet"));
        Assert.That(folder.ComputeEncoderHash(), Is.EqualTo(ModelFolder.Open(_folder.File("grey", "model")).ComputeEncoderHash()));
        Assert.That(ModelInspection.Run(folder).Select(part => part.Error), Has.All.Null);

        // The batch of the vectors is the classes' prompts and the empty one, all at one timestep.
        using UNetBackbone backbone = UNetBackbone.Open(folder, [.. folder.ClassNames.Select(name => folder.Defaults.Prompt!.Replace("{class}", name))], "");
        using IBackboneBatch batch = backbone.CreateBatch(3, guided: false);
        Vectors("grey", "unet.sample", "vectors-unet").AsSpan(0, batch.Latents.Length).CopyTo(batch.Latents);
        batch.SetClasses([0, 1, 2]);
        batch.Predict(501);
        Assert.That(batch.Conditional.ToArray(), Is.EqualTo(Vectors("grey", "unet.out_sample", "vectors-unet")[..batch.Conditional.Length]).Within(1e-4));
    }

    // The vectors are what the network takes; the teacher takes images in [0, 1].
    private float[] Denormalised(string name, int size, float[] pixels)
    {
        using var preprocessor = System.Text.Json.JsonDocument.Parse(File.ReadAllText(_folder.File(name, "model", "teacher", "preprocessor_config.json")));
        float[] mean = Channels("image_mean"), deviation = Channels("image_std");
        return [.. pixels.Select((value, i) => (value * deviation[i / (size * size) % 3]) + mean[i / (size * size) % 3])];

        float[] Channels(string key) => [.. preprocessor.RootElement.GetProperty(key).EnumerateArray().Select(v => v.GetSingle())];
    }

    private float[] Vectors(string name, string tensor, string folder = "vectors") =>
        MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(_folder.File(name, folder, $"{tensor}.bin"))).ToArray();

    private long[] Numbers(string name, string tensor) =>
        MemoryMarshal.Cast<byte, long>(File.ReadAllBytes(_folder.File(name, "vectors", $"{tensor}.bin"))).ToArray();
}
