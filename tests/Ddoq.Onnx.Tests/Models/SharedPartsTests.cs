using Ddoq.Onnx.Autoencoders;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Tests.OnnxFiles;

namespace Ddoq.Onnx.Tests.Models;

/// <summary>A text-conditional model that takes autoencoder and teacher from the folder of another.</summary>
public class SharedPartsTests
{
    private TinyModel _owner = null!;
    private TinyTextModel _model = null!;

    [SetUp]
    public void CreateModels()
    {
        _owner = new TinyModel();
        _model = new TinyTextModel();
        foreach (string part in (string[])["vae_encoder", "vae_decoder", "teacher"])
            Directory.Delete(_model.File(part), recursive: true);
        WriteIndex(_owner.Path.Replace('\\', '/'));
    }

    [TearDown]
    public void DeleteModels()
    {
        _model.Dispose();
        _owner.Dispose();
    }

    [Test]
    public void Parts_AreTakenFromTheOtherFolder()
    {
        ModelFolder folder = ModelFolder.Open(_model.Path), owner = ModelFolder.Open(_owner.Path);
        Assert.Multiple(() =>
        {
            Assert.That(folder.EncoderFile, Is.EqualTo(owner.EncoderFile));
            Assert.That(folder.DecoderFile, Is.EqualTo(owner.DecoderFile));
            Assert.That(folder.TeacherFolder, Is.EqualTo(owner.TeacherFolder));
            Assert.That(folder.BackboneFile, Is.EqualTo(_model.File("unet", "model.onnx")));
            Assert.That(folder.ScalingFactor, Is.EqualTo(TinyModel.ScalingFactor), "from the shared part's configuration");
            Assert.That(folder.ComputeEncoderHash(), Is.EqualTo(owner.ComputeEncoderHash()), "latents of one serve the other");
        });
        using VaeDecoder decoder = VaeDecoder.Open(folder);
        Assert.That(decoder.ImageSize, Is.EqualTo(TinyModel.ImageSize));
    }

    [Test]
    public void Hashes_ChangeWithASharedPart()
    {
        ModelFolder folder = ModelFolder.Open(_model.Path);
        IReadOnlyDictionary<string, string> before = folder.ComputeFileHashes();
        Assert.That(before.Keys, Does.Contain("vae_decoder/model.onnx").And.Contain("teacher/config.json").And.Contain("unet/model.onnx"));
        File.AppendAllText(_owner.File("vae_decoder", "config.json"), " ");
        Assert.That(folder.ComputeFileHashes()["vae_decoder/config.json"], Is.Not.EqualTo(before["vae_decoder/config.json"]));
    }

    [Test]
    public void APartThatIsNotThere_IsNamed()
    {
        WriteIndex("../nowhere");
        Assert.That(() => ModelFolder.Open(_model.Path), Throws.InstanceOf<DdoqException>().With.Message.Contains("../nowhere/vae_encoder").And.Message.Contains("does not exist"));
    }

    [Test]
    public void APartThatIsNotKnown_IsNamed()
    {
        _model.Write("model_index.json", """{"parts": {"vae": "../x"}}""");
        Assert.That(() => ModelFolder.Open(_model.Path), Throws.InstanceOf<DdoqException>().With.Message.Contains("'vae' is not known"));
    }

    private void WriteIndex(string owner) => _model.Write("model_index.json", $$$"""
        {"_class_name": "StableDiffusionPipeline",
         "parts": {"vae_encoder": "{{{owner}}}/vae_encoder", "vae_decoder": "{{{owner}}}/vae_decoder", "teacher": "{{{owner}}}/teacher"},
         "defaults": {"prompt": "one {class}", "negative_prompt": "bad"}}
        """);
}
