using System.Diagnostics;
using System.Runtime.InteropServices;
using Ddoq.Latents;
using Ddoq.Onnx.Autoencoders;
using Ddoq.Onnx.Backbones;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Teachers;
using Ddoq.Onnx.Tests.OnnxFiles;
using Ddoq.Onnx.Tests.ReferenceModels;

namespace Ddoq.Onnx.Tests.Exporters;

/// <summary>What the exporters write is read back and gives PyTorch's numbers; the weights are random.</summary>
public class ExporterTests
{
    private const int PackagesMissing = 77;
    private const string Python = "/usr/bin/python3";

    private TemporaryFolder _folder = null!;

    [OneTimeSetUp]
    public void RunExporters()
    {
        string tools = RepositoryFiles.Find("tools", "export");
        if (!File.Exists(Python) || !Directory.Exists(tools))
            Assert.Ignore($"{Python} or {tools} is not there");
        _folder = new TemporaryFolder();
        var start = new ProcessStartInfo(Python) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in (string[])[Path.Combine(AppContext.BaseDirectory, "Exporters", "run_exporters.py"), tools, _folder.Path])
            start.ArgumentList.Add(argument);
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        process.WaitForExit();
        if (process.ExitCode == PackagesMissing)
            Assert.Ignore($"python3 packages are missing: {output.Result.Trim()}");
        Assert.That(process.ExitCode, Is.Zero, error.Result);
    }

    [OneTimeTearDown]
    public void DeleteFolder() => _folder?.Dispose();

    [Test]
    public void Teacher_GivesTorchvisionsLogits()
    {
        using Teacher teacher = Teacher.Open(_folder.File("teacher"));
        Assert.That(teacher.ClassNames, Is.EqualTo(new[] { "n01440764", "n02102040", "n03028079" }));
        Assert.That(teacher.ImageSize, Is.EqualTo(64));

        // The vectors are normalised already; the teacher takes images in [0, 1].
        float[] pixels = Vectors("vectors", "teacher", "pixel_values"), logits = new float[6];
        float[] mean = [0.485f, 0.456f, 0.406f], deviation = [0.229f, 0.224f, 0.225f];
        for (int i = 0; i < pixels.Length; i++)
        {
            int channel = i / (64 * 64) % 3;
            pixels[i] = (pixels[i] * deviation[channel]) + mean[channel];
        }

        teacher.Logits(pixels, 2, logits);
        Assert.That(logits, Is.EqualTo(Vectors("vectors", "teacher", "expected")).Within(1e-4));
    }

    [TestCase("dit", "vectors")]
    [TestCase("dit-external", "vectors-external")]
    public void DiT_GivesItsSourcesPredictions(string model, string vectors)
    {
        ModelFolder folder = ModelFolder.Open(_folder.File(model));
        Assert.That((folder.Layout, folder.ClassCount, folder.NullClass, folder.ImageSize), Is.EqualTo((ModelLayout.DiT, 3, 3, 64)));
        using DiTBackbone backbone = DiTBackbone.Open(folder);
        Assert.That(backbone.PredictsVariance);
        float[] expected = Vectors(vectors, "transformer", "expected"), latents = Vectors(vectors, "transformer", "hidden_states");

        // The first row of the vectors is class 0 at timestep 999.
        using IBackboneBatch batch = backbone.CreateBatch(1, guided: false);
        latents.AsSpan(0, batch.Latents.Length).CopyTo(batch.Latents);
        batch.SetClasses([0]);
        batch.Predict(999);
        Assert.That(batch.Conditional.ToArray(), Is.EqualTo(expected[..batch.Conditional.Length]).Within(1e-5));

        using VaeDecoder decoder = VaeDecoder.Open(folder);
        float[] latent = Vectors(vectors, "vae_decoder", "latent_sample"), images = new float[2 * 3 * 64 * 64];
        decoder.Decode([.. latent.Select(v => (float)(v * folder.ScalingFactor))], 2, images);
        Assert.That(images, Is.EqualTo(Vectors(vectors, "vae_decoder", "expected")).Within(1e-4));
    }

    [Test]
    public void ModulesOfOnesOwn_GiveTheirOwnNumbers()
    {
        ModelFolder folder = ModelFolder.Open(_folder.File("own"), ModelUse.Present);
        Assert.That((folder.LatentShape, folder.ImageSize, folder.ScalingFactor), Is.EqualTo((new LatentShape(6, 4, 4), 16, 0.5)));
        using VaeEncoder encoder = VaeEncoder.Open(folder);
        using VaeDecoder decoder = VaeDecoder.Open(folder);
        using Teacher teacher = Teacher.Open(folder.TeacherFolder!);
        float[] images = Vectors("vectors-own", "vae_encoder", "sample"), parameters = Vectors("vectors-own", "vae_encoder", "expected");
        float[] latents = new float[2 * 96], back = new float[images.Length], logits = new float[6];
        encoder.EncodeMean(images, 2, latents);
        for (int i = 0; i < latents.Length; i++)
            Assert.That(latents[i], Is.EqualTo(0.5 * parameters[(i / 96 * 192) + (i % 96)]).Within(1e-5));
        decoder.Decode(latents, 2, back);
        Assert.That(back, Is.EqualTo(Vectors("vectors-own", "vae_decoder", "expected")).Within(1e-4));
        teacher.Logits(Vectors("vectors-own", "teacher", "pixel_values"), 2, logits);
        Assert.That(logits, Is.EqualTo(Vectors("vectors-own", "teacher", "expected")).Within(1e-5));
        Assert.That(ModelInspection.Run(folder).Single(part => part.Part == "teacher").Error?.Message, Is.Null, "16 pixels are resized to 8");
    }

    private float[] Vectors(string vectors, string part, string name) =>
        MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(_folder.File(vectors, part, $"{name}.bin"))).ToArray();
}
