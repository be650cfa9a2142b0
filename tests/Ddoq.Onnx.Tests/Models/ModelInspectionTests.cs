using Ddoq.Onnx.Models;
using Ddoq.Onnx.Tests.OnnxFiles;

namespace Ddoq.Onnx.Tests.Models;

public class ModelInspectionTests
{
    [Test]
    public void Run_NamesEveryNetworkOfADiT()
    {
        using var model = new TinyModel();
        IReadOnlyList<ModelPartReport> parts = ModelInspection.Run(ModelFolder.Open(model.Path));
        Assert.Multiple(() =>
        {
            Assert.That(parts.Select(part => part.Part), Is.EqualTo(new[] { "vae_encoder", "transformer", "vae_decoder", "teacher", "vae_encoder and vae_decoder" }));
            Assert.That(parts.Select(part => part.Error), Has.All.Null);
            Assert.That(parts[1].Signature, Is.EqualTo("'hidden_states' float32 [?,4,2,2], 'timestep' int64 [?], 'class_labels' int64 [?] -> 'noise_pred' float32 [?,4,2,2]"));
            Assert.That(parts[1].Bytes, Is.EqualTo(Directory.EnumerateFiles(model.File("transformer")).Sum(file => new FileInfo(file).Length)));
        });
    }

    [Test]
    public void Run_OfAnAutoencoderAlone_ChecksItThereAndBack()
    {
        using var model = new TinyModel();
        foreach (string part in (string[])["transformer", "scheduler", "teacher"])
            Directory.Delete(model.File(part), recursive: true);
        model.Write("model_index.json", """{"preprocess": {"image_size": 4}}""");
        IReadOnlyList<ModelPartReport> parts = ModelInspection.Run(ModelFolder.Open(model.Path, ModelUse.Present));
        Assert.That(parts.Select(part => part.Part), Is.EqualTo(new[] { "vae_encoder", "vae_decoder", "vae_encoder and vae_decoder" }));
        Assert.That(parts.Select(part => part.Error), Has.All.Null);
        Assert.That(parts[2].Signature, Does.Contain("mean difference"));
    }

    [TestCase("""{"id2label": {"0": "bag", "1": "hat", "2": "shoe"}}""", 3, "'coat'")]
    [TestCase("""{}""", 4, "4 classes")]
    public void Run_WithATeacherOfOtherClasses_NamesThem(string configuration, int classes, string expected)
    {
        using var model = new TinyModel();
        model.WriteTeacher(classes: classes);
        model.Write("teacher/config.json", configuration);
        ModelPartReport teacher = ModelInspection.Run(ModelFolder.Open(model.Path)).Single(part => part.Part == "teacher");
        Assert.That(teacher.Error?.Message, Does.Contain(expected));
    }

    [Test]
    public void Run_NamesEveryNetworkOfAUNet()
    {
        using var model = new TinyTextModel();
        IReadOnlyList<ModelPartReport> parts = ModelInspection.Run(ModelFolder.Open(model.Path));
        Assert.That(parts.Select(part => part.Part), Is.EqualTo(new[] { "vae_encoder", "text_encoder", "unet", "vae_decoder", "teacher", "vae_encoder and vae_decoder" }));
        Assert.That(parts.Select(part => part.Error), Has.All.Null);
    }

    [Test]
    public void Run_WithOneNetworkInThePlaceOfAnother_NamesTensorExpectedAndFound()
    {
        using var model = new TinyTextModel();
        File.Copy(model.File("vae_decoder", "model.onnx"), model.File("unet", "model.onnx"), overwrite: true);
        IReadOnlyList<ModelPartReport> parts = ModelInspection.Run(ModelFolder.Open(model.Path));
        Assert.That(parts.Where(part => part.Error is not null).Select(part => part.Part), Is.EqualTo(new[] { "unet" }));
        Assert.That(parts[2].Error!.Message, Does.Contain("3 inputs are expected").And.Contain("'latent_sample' float32 [?,4,2,2]"));
    }

    [Test]
    public void Run_WithAUNetOfAnotherTextEncoder_NamesTensorExpectedAndFound()
    {
        // A UNet of Stable Diffusion 2 beside the text encoder of 1.5 is the common mistake: its states have another width.
        using var model = new TinyTextModel();
        model.WriteUNet(width: 3);
        ModelPartReport unet = ModelInspection.Run(ModelFolder.Open(model.Path))[2];
        Assert.That(unet.Error!.Message, Does.Contain("'encoder_hidden_states' float32 [?,77,3]").And.Contain("expected").And.Contain("width=2"));
    }

    [Test]
    public void Run_WithATextEncoderOfAnotherType_NamesTensorExpectedAndFound()
    {
        using var model = new TinyTextModel();
        model.WriteTextEncoder(states: OnnxType.F64);
        IReadOnlyList<ModelPartReport> parts = ModelInspection.Run(ModelFolder.Open(model.Path));
        Assert.That(parts.Single(part => part.Part == "text_encoder").Error!.Message, Does.Contain("'last_hidden_state' float64 [?,77,2]").And.Contain("expected").And.Contain("float32 or float16"));
    }

    [Test]
    public void Run_WithATimestepOfAnotherShapeOrType_NamesTensorExpectedAndFound()
    {
        using var model = new TinyTextModel();
        model.WriteUNet(timestepShape: ["batch", 1]);
        Assert.That(Unet().Error!.Message, Does.Contain("'timestep' int64 [?,1]").And.Contain("expected").And.Contain("[1 or b]"));
        model.WriteUNet(timestepType: OnnxType.F64);
        Assert.That(Unet().Error!.Message, Does.Contain("'timestep' float64").And.Contain("expected"));

        ModelPartReport Unet() => ModelInspection.Run(ModelFolder.Open(model.Path)).Single(part => part.Part == "unet");
    }
}
