using Ddoq.Onnx.Autoencoders;
using Ddoq.Onnx.Backbones;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Sessions;
using Ddoq.Onnx.Teachers;
using Ddoq.Onnx.Tests.OnnxFiles;

namespace Ddoq.Onnx.Tests.Sessions;

public class OnnxSessionTests
{
    private static readonly OnnxSessionOptions s_cpu = new() { Provider = ExecutionProvider.Cpu, Threads = 1 };

    [Test]
    public void Open_DescribesTheNetwork()
    {
        using var model = new TinyModel();
        using OnnxSession session = OnnxSession.Open(model.File("transformer", "model.onnx"), s_cpu);
        Assert.Multiple(() =>
        {
            Assert.That(session.Inputs.Select(t => t.ToString()), Is.EqualTo(new[] { "'hidden_states' float32 [?,4,2,2]", "'timestep' int64 [?]", "'class_labels' int64 [?]" }));
            Assert.That(session.Outputs.Single().ToString(), Is.EqualTo("'noise_pred' float32 [?,4,2,2]"));
            Assert.That(session.Provider, Is.EqualTo(ExecutionProvider.Cpu));
            Assert.That(session.Description, Does.StartWith("cpu, 1 thread, ONNX Runtime 1."));
            Assert.That(session.LaneCount, Is.EqualTo(1));
        });
    }

    [Test]
    public void Open_Deterministic_SpreadsThreadsOverBatches()
    {
        using var model = new TinyModel();
        using OnnxSession spread = OnnxSession.Open(model.File("transformer", "model.onnx"), s_cpu with { Threads = 3 });
        using OnnxSession together = OnnxSession.Open(model.File("transformer", "model.onnx"), s_cpu with { Threads = 3, Deterministic = false });
        Assert.That((spread.LaneCount, together.LaneCount), Is.EqualTo((3, 1)));
    }

    [Test]
    public void Open_OfAMissingFile_SaysSo() =>
        Assert.That(() => OnnxSession.Open("/nowhere/model.onnx", s_cpu), Throws.InstanceOf<DdoqException>().With.Message.EqualTo("/nowhere/model.onnx is missing"));

    [TestCase("", "empty", null)]
    [TestCase("version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "a pointer of Git LFS", "git lfs pull")]
    [TestCase("/annex/objects/SHA256E-s1--0.onnx\n", "a pointer of git-annex", "git annex get")]
    [TestCase("this is not a network at all, but text", "not an ONNX network", "export")]
    [TestCase("PK\u0003\u0004 and what torch.save put behind it", "as torch saves its checkpoints", "tools/export")]
    public void Open_OfWhatIsNotANetwork_SaysWhatItIs(string content, string found, string? hint)
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("model.onnx", content);
        DdoqException exception = Assert.Throws<DdoqException>(() => OnnxSession.Open(path, s_cpu))!;
        Assert.That(exception.Message, Does.Contain(path).And.Contains(found));
        if (hint is not null)
            Assert.That(exception.Hint, Does.Contain(hint));
    }

    [Test]
    public void Open_OfATruncatedNetwork_SaysItIsDamaged()
    {
        using var model = new TinyModel();
        string path = model.File("vae_encoder", "model.onnx");
        File.WriteAllBytes(path, File.ReadAllBytes(path)[..^37]);
        Assert.That(() => OnnxSession.Open(path, s_cpu), Throws.InstanceOf<DdoqException>().With.Message.Contains("damaged"));
    }

    [TestCase(-1)]
    [TestCase(3)]
    public void Open_WithExternalWeightsMissingOrShort_PointsAtTheSecondFile(int bytes)
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("model.onnx");
        new OnnxGraph()
            .Input("sample", OnnxType.F32, 4).Output("sum", OnnxType.F32, 4)
            .ExternalConstant("weight", [4], "model.onnx_data", 16)
            .Node("Add", ["sample", "weight"], "sum")
            .Save(path);
        if (bytes >= 0)
            File.WriteAllBytes(folder.File("model.onnx_data"), new byte[bytes]);
        DdoqException exception = Assert.Throws<DdoqException>(() => OnnxSession.Open(path, s_cpu))!;
        Assert.That(exception.Message, Does.Contain(path));
        Assert.That(exception.Hint, Does.Contain("model.onnx_data"));
    }

    [Test]
    public void Open_WithExternalWeights_ReadsThem()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("model.onnx");
        new OnnxGraph()
            .Input("sample", OnnxType.F32, 4).Output("sum", OnnxType.F32, 4)
            .ExternalConstant("weight", [4], "model.onnx_data", 16)
            .Node("Add", ["sample", "weight"], "sum")
            .Save(path);
        File.WriteAllBytes(folder.File("model.onnx_data"), new byte[16]);
        using OnnxSession session = OnnxSession.Open(path, s_cpu);
        Assert.That(session.Inputs, Has.Count.EqualTo(1));
    }

    [Test]
    public void Open_WithAnUnknownOperator_QuotesTheRuntime()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("model.onnx");
        new OnnxGraph().Input("x", OnnxType.F32, 4).Output("y", OnnxType.F32, 4).Node("NoSuchOperator", ["x"], "y").Save(path);
        Assert.That(() => OnnxSession.Open(path, s_cpu), Throws.InstanceOf<DdoqException>().With.Message.Contains("NoSuchOperator"));
    }

    [Test]
    public void Open_WithImpossibleOptions_IsRefused([Values("threads", "batch", "device")] string what)
    {
        OnnxSessionOptions options = what switch
        {
            "threads" => new() { Threads = -1 },
            "batch" => new() { BatchSize = -1 },
            _ => new() { DeviceId = -1 },
        };
        Assert.That(() => OnnxSession.Open("model.onnx", options), Throws.InstanceOf<UsageException>().With.Message.Contains(what));
    }

    [Test]
    public void Open_WithAProviderTheRuntimeLacks_ExitsWithThree([Values(ExecutionProvider.Cuda, ExecutionProvider.TensorRt)] ExecutionProvider provider)
    {
        if (OnnxRuntimeLocation.Load().Providers.Contains(ProviderSelection.CudaName))
            Assert.Ignore("this ONNX Runtime has CUDA");
        using var model = new TinyModel();
        var exception = Assert.Throws<DeviceUnavailableException>(() => VaeEncoder.Open(ModelFolder.Open(model.Path), new() { Provider = provider }));
        Assert.Multiple(() =>
        {
            Assert.That(exception.ExitCode, Is.EqualTo(3));
            Assert.That(exception.Message, Does.Contain(ProviderSelection.Name(provider)).And.Contains("CPUExecutionProvider"));
            Assert.That(exception.Hint, Does.Contain("--ort-path"));
        });
    }

    [Test]
    public void Encoder_WithAnotherInputName_NamesWhatIsExpectedAndFound()
    {
        using var model = new TinyModel();
        model.WriteEncoder(input: "pixels");
        Refuses(() => VaeEncoder.Open(ModelFolder.Open(model.Path), s_cpu), "vae_encoder", "'sample' float32 or float16 [b,3=3,H=4,W=4]", "'pixels' float32 [?,3,4,4]");
    }

    [TestCase(4)]
    [TestCase(12)]
    public void Encoder_WithAnotherNumberOfChannels_NamesBothShapes(int channels)
    {
        using var model = new TinyModel();
        model.WriteEncoder(outputChannels: channels);
        Refuses(() => VaeEncoder.Open(ModelFolder.Open(model.Path), s_cpu), $"'latent_parameters' float32 [?,{channels},2,2]", "2c=8");
    }

    [Test]
    public void Encoder_OfAnotherElementType_NamesBothTypes()
    {
        using var model = new TinyModel();
        model.WriteEncoder(type: OnnxType.F64);
        Refuses(() => VaeEncoder.Open(ModelFolder.Open(model.Path), s_cpu), "float64", "float32 or float16");
    }

    [Test]
    public void Decoder_WithAnotherOutputName_NamesIt()
    {
        using var model = new TinyModel();
        model.WriteDecoder("image");
        Refuses(() => VaeDecoder.Open(ModelFolder.Open(model.Path), s_cpu), "no output 'sample'", "'image'");
    }

    [Test]
    public void Backbone_WithAnImpossibleNumberOfChannels_NamesIt()
    {
        using var model = new TinyModel();
        model.WriteBackbone(declaredChannels: 4);
        new OnnxGraph()
            .Input("hidden_states", OnnxType.F32, "b", 4, 2, 2).Input("timestep", OnnxType.I64, "b").Input("class_labels", OnnxType.I64, "b")
            .Output("noise_pred", OnnxType.F32, "b", 12, 2, 2)
            .Node("Concat", ["hidden_states", "hidden_states", "hidden_states"], "noise_pred", ("axis", 1))
            .Save(model.File("transformer", "model.onnx"));
        Refuses(() => DiTBackbone.Open(ModelFolder.Open(model.Path), s_cpu), "12 channels", "4 (noise) or 8");
    }

    [Test]
    public void Backbone_ThatIsAnotherNetwork_ListsItsInputs()
    {
        using var model = new TinyModel();
        File.Copy(model.File("vae_decoder", "model.onnx"), model.File("transformer", "model.onnx"), overwrite: true);
        Refuses(() => DiTBackbone.Open(ModelFolder.Open(model.Path), s_cpu), "3 inputs are expected", "'latent_sample'");
    }

    [Test]
    public void Teacher_WithAnotherInputName_NamesIt()
    {
        using var model = new TinyModel();
        model.WriteTeacher(input: "images");
        Refuses(() => Teacher.Open(model.File("teacher"), s_cpu), "'pixel_values' or 'input'", "'images'");
    }

    [Test]
    public void Decoder_WhoseResultHasAnotherSize_FailsWithShapes()
    {
        // The file leaves height and width open, so only the run shows that they do not fit.
        using var model = new TinyModel();
        new OnnxGraph()
            .Input("latent_sample", OnnxType.F32, "b", 4, 2, 2).Output("sample", OnnxType.F32, "b", 3, "h", "w")
            .Constant("weight", [3, 4, 1, 1], new float[12])
            .Node("Conv", ["latent_sample", "weight"], "small", ("kernel_shape", new[] { 1, 1 }))
            .Node("Shape", ["small"], "shape")
            .Node("Reshape", ["small", "shape"], "sample")
            .Save(model.File("vae_decoder", "model.onnx"));
        using VaeDecoder decoder = VaeDecoder.Open(ModelFolder.Open(model.Path), s_cpu);
        Refuses(() => decoder.Decode(new float[16], 1, new float[48]), "vae_decoder", "'latent_sample' [8,4,2,2]", "'sample' [8,3,4,4]");
    }

    private static void Refuses(Action action, params string[] parts)
    {
        DdoqException exception = Assert.Throws<DdoqException>(() => action())!;
        foreach (string part in parts)
            Assert.That(exception.Message, Does.Contain(part));
    }
}
