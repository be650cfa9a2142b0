using Ddoq.Latents;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Schedulers;
using Ddoq.Onnx.Tests.OnnxFiles;

namespace Ddoq.Onnx.Tests.Models;

public class ModelFolderTests
{
    [Test]
    public void Open_ReadsEveryConfiguration()
    {
        using var model = new TinyModel();
        ModelFolder folder = ModelFolder.Open(model.Path);
        Assert.Multiple(() =>
        {
            Assert.That(folder.Layout, Is.EqualTo(ModelLayout.DiT));
            Assert.That(folder.ClassNames, Is.EqualTo(new[] { "bag", "coat", "shoe" }));
            Assert.That((folder.ClassCount, folder.NullClass), Is.EqualTo((3, 3)));
            Assert.That((folder.ImageSize, folder.Fit, folder.PadValue), Is.EqualTo((4, ModelFit.Pad, 7)));
            Assert.That(folder.LatentShape, Is.EqualTo(new LatentShape(4, 2, 2)));
            Assert.That((folder.ScalingFactor, folder.ShiftFactor, folder.OutputChannels), Is.EqualTo((0.25, 0.0, (int?)4)));
            Assert.That(folder.Defaults, Is.EqualTo(new ModelDefaults { GuidanceScale = 1.5, NumInferenceSteps = 20 }));
            Assert.That(folder.Scheduler, Is.EqualTo(SchedulerConfiguration.DiT));
            Assert.That(folder.TeacherFolder, Is.EqualTo(model.File("teacher")));
        });
    }

    [Test]
    public void Open_WithoutOptionalParts_TakesTheFormatsDefaults()
    {
        using var model = new TinyModel();
        Directory.Delete(model.File("teacher"), recursive: true);
        model.Write("model_index.json", """{"id2label": {"2": "c", "0": "a", "1": "b"}}""");
        model.Write("vae_encoder/config.json", """{"block_out_channels": [1, 1]}""");
        model.Write("vae_decoder/config.json", """{"block_out_channels": [1, 1]}""");
        ModelFolder folder = ModelFolder.Open(model.Path);
        Assert.Multiple(() =>
        {
            Assert.That(folder.ClassNames, Is.EqualTo(new[] { "a", "b", "c" }));
            Assert.That(folder.ImageSize, Is.EqualTo(4));
            Assert.That(folder.ScalingFactor, Is.EqualTo(0.18215));
            Assert.That(folder.Fit, Is.EqualTo(ModelFit.Crop));
            Assert.That(folder.Defaults, Is.EqualTo(new ModelDefaults()));
            Assert.That(folder.TeacherFolder, Is.Null);
        });
    }

    [TestCase("model_index.json", "no model_index.json")]
    [TestCase("vae_encoder/model.onnx", "model.onnx is missing")]
    [TestCase("vae_decoder/model.onnx", "model.onnx is missing")]
    [TestCase("transformer/model.onnx", "model.onnx is missing")]
    [TestCase("transformer/config.json", "config.json is missing")]
    [TestCase("scheduler/scheduler_config.json", "scheduler_config.json is missing")]
    public void Open_WithAPartMissing_NamesIt(string part, string expected)
    {
        using var model = new TinyModel();
        File.Delete(model.File(part));
        Assert.That(() => ModelFolder.Open(model.Path), Throws.InstanceOf<DdoqException>().With.Message.Contains(expected));
    }

    [TestCase(ModelUse.Encoder, "vae_encoder/model.onnx")]
    [TestCase(ModelUse.Decoder, "vae_decoder/model.onnx")]
    public void Open_ForOnePart_NeedsNoOther(ModelUse use, string needed)
    {
        using var model = new TinyModel();
        foreach (string part in (string[])["transformer", "scheduler", "teacher", use == ModelUse.Encoder ? "vae_decoder" : "vae_encoder"])
            Directory.Delete(model.File(part), recursive: true);
        model.Write("model_index.json", """{"preprocess": {"image_size": 4}}""");
        ModelFolder folder = ModelFolder.Open(model.Path, use);
        Assert.That((folder.LatentShape, folder.ImageSize, folder.ScalingFactor), Is.EqualTo((new LatentShape(4, 2, 2), 4, TinyModel.ScalingFactor)));
        Assert.That(() => ModelFolder.Open(model.Path), Throws.InstanceOf<DdoqException>().With.Message.Contains("neither transformer/ nor unet/"));
        model.Write(needed, "");
        Assert.That(() => ModelFolder.Open(model.Path, use), Throws.InstanceOf<DdoqException>().With.Message.Contains("is empty"), "a stub is no network");
    }

    [Test]
    public void Open_OfAnAutoencoderOfManyChannels_TakesItsNumbers()
    {
        using var model = new TinyModel();
        Directory.Delete(model.File("transformer"), recursive: true);
        model.Write("model_index.json", "{}");
        foreach (string part in (string[])["vae_encoder", "vae_decoder"])
            model.Write($"{part}/config.json", """{"latent_channels": 32, "downsample_factor": 32, "sample_size": 256, "scaling_factor": 0.4, "shift_factor": 0.1}""");
        ModelFolder folder = ModelFolder.Open(model.Path, ModelUse.Encoder | ModelUse.Decoder);
        Assert.That((folder.LatentShape, folder.ImageSize, folder.ShiftFactor), Is.EqualTo((new LatentShape(32, 8, 8), 256, 0.1)));
    }

    [Test]
    public void Assumptions_NameWhatNoFileSays()
    {
        using var model = new TinyModel();
        Assert.That(ModelFolder.Open(model.Path).Assumptions, Is.Empty);
        foreach (string part in (string[])["vae_encoder", "vae_decoder"])
            model.Write($"{part}/config.json", """{"block_out_channels": [8, 16]}""");
        Assert.That(ModelFolder.Open(model.Path).Assumptions, Has.Count.EqualTo(1).And.Some.Contains("'scaling_factor': 0.18215 is assumed"));
        Assert.That(ModelFolder.Open(model.Path, ModelUse.None).Assumptions, Is.Empty, "nothing is scaled");
    }

    [Test]
    public void ComputeEncoderHash_FollowsTheScalingFactor_WhereverItStands()
    {
        using var model = new TinyModel();
        model.Write("vae_encoder/config.json", """{"block_out_channels": [8, 16]}""");
        string before = ModelFolder.Open(model.Path).ComputeEncoderHash();
        model.Write("vae_decoder/config.json", """{"block_out_channels": [8, 16], "scaling_factor": 0.5}""");
        Assert.That(ModelFolder.Open(model.Path).ComputeEncoderHash(), Is.Not.EqualTo(before));
    }

    [Test]
    public void Open_OfNoFolder_SaysSo() =>
        Assert.That(() => ModelFolder.Open("/nowhere"), Throws.InstanceOf<DdoqException>().With.Message.Contains("/nowhere does not exist"));

    [TestCase("model_index.json", """{"id2label": {"0": "a", "1": "b"}}""", "names 2 classes")]
    [TestCase("model_index.json", """{"id2label": {"0": "a", "1": "b", "3": "c"}}""", "without gaps")]
    [TestCase("model_index.json", """{"id2label": {"first": "a"}}""", "'first'")]
    [TestCase("model_index.json", """{"id2label": {"0": "a", "1": "b", "2": "c"}, "preprocess": {"image_size": 8}}""", "decode to 4")]
    [TestCase("model_index.json", """{"id2label": {"0": "a", "1": "b", "2": "c"}, "preprocess": {"fit": "squash"}}""", "stretch")]
    [TestCase("transformer/config.json", """{"in_channels": 4, "num_embeds_ada_norm": 3}""", "'sample_size'")]
    [TestCase("transformer/config.json", """{"sample_size": 0, "in_channels": 4, "num_embeds_ada_norm": 3}""", "positive")]
    [TestCase("vae_decoder/config.json", """{"block_out_channels": [1, 1], "scaling_factor": -1}""", "positive")]
    [TestCase("vae_decoder/config.json", """{"block_out_channels": [1, 1], "scaling_factor": "a"}""", "expected a number")]
    [TestCase("vae_decoder/config.json", """{"block_out_channels": [1, 1], "scaling_factor": 0.5}""", "encoder and decoder must agree")]
    [TestCase("vae_encoder/config.json", """{"latent_channels": 8, "block_out_channels": [1, 1], "scaling_factor": 0.25}""", "'latent_channels' is 8")]
    public void Open_OfContradictions_NamesFileAndKey(string file, string json, string expected)
    {
        using var model = new TinyModel();
        model.Write(file, json);
        Assert.That(() => ModelFolder.Open(model.Path), Throws.InstanceOf<DdoqException>().With.Message.Contains(Path.GetFileName(file)).And.Message.Contains(expected));
    }

    [Test]
    public void ComputeFileHashes_FollowsTheContent()
    {
        using var model = new TinyModel();
        ModelFolder folder = ModelFolder.Open(model.Path);
        IReadOnlyDictionary<string, string> before = folder.ComputeFileHashes();
        string encoder = folder.ComputeEncoderHash();
        Assert.That(before.Keys, Is.Ordered.Using((IComparer<string>)StringComparer.Ordinal).And.Contains("transformer/model.onnx").And.Contains("model_index.json"));
        Assert.That(before["vae_decoder/config.json"], Is.EqualTo(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(model.File("vae_decoder", "config.json"))))));

        model.WriteBackbone(labelWeight: 2);
        Assert.That(folder.ComputeEncoderHash(), Is.EqualTo(encoder));
        Assert.That(folder.ComputeFileHashes().Where(entry => before[entry.Key] != entry.Value).Select(entry => entry.Key), Is.EqualTo(new[] { "transformer/model.onnx" }));
        model.WriteEncoder(outputChannels: 4);
        Assert.That(folder.ComputeEncoderHash(), Is.Not.EqualTo(encoder));
    }
}
