using Ddoq.Onnx.Backbones;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Sessions;
using Ddoq.Onnx.Tests.OnnxFiles;

namespace Ddoq.Onnx.Tests.Sessions;

/// <summary>What is asked of TensorRT, as far as it can be held without one: options, cache key, and the provider's own error.</summary>
public class TensorRtEngineTests
{
    private TinyTextModel _model = null!;
    private TemporaryFolder _cache = null!;

    [SetUp]
    public void CreateModel()
    {
        _model = new TinyTextModel();
        _cache = new TemporaryFolder();
    }

    [TearDown]
    public void DeleteModel()
    {
        _model.Dispose();
        _cache.Dispose();
    }

    [Test]
    public void Options_NameOneProfile_PrecisionAndCache()
    {
        TensorRtEngine engine = Engine(Options());
        Dictionary<string, string> values = engine.ToProviderOptions(1);
        const string Profile = "sample:8x4x2x2,timestep:1,encoder_hidden_states:8x77x2";
        Assert.Multiple(() =>
        {
            Assert.That(values["device_id"], Is.EqualTo("1"));
            Assert.That(values["trt_fp16_enable"], Is.EqualTo("1"));
            foreach (string bound in (string[])["min", "opt", "max"])
                Assert.That(values[$"trt_profile_{bound}_shapes"], Is.EqualTo(Profile));
            Assert.That(values["trt_engine_cache_path"], Is.EqualTo(engine.Folder).And.StartsWith(_cache.Path));
            Assert.That(values["trt_timing_cache_path"], Is.EqualTo(engine.Folder));
            Assert.That(File.ReadAllText(Path.Combine(engine.Folder!, "engine-key.txt")), Does.Contain("runtime 1.2.3").And.Contain("device 0 Some GPU").And.Contain(Profile));
        });
    }

    [Test]
    public void Timestep_PerRow_GetsAsManyRows()
    {
        _model.WriteUNet(timestepType: OnnxType.F32, timestepShape: ["batch"]);
        Assert.That(Engine(Options()).Profile, Does.Contain("timestep:8"));
        _model.WriteUNet(timestepType: OnnxType.F32, timestepShape: []);
        Assert.That(Engine(Options()).Profile, Does.Not.Contain("timestep"), "a scalar has no open dimension");
    }

    [Test]
    public void Key_FollowsEverythingAnEngineDependsOn()
    {
        string key = Engine(Options()).Key;
        Assert.Multiple(() =>
        {
            Assert.That(Engine(Options()).Key, Is.EqualTo(key), "nothing changed");
            Assert.That(Engine(Options() with { AllowHalfPrecision = false }).Key, Is.Not.EqualTo(key), "precision");
            Assert.That(Engine(Options() with { RowsPerCall = 4 }).Key, Is.Not.EqualTo(key), "profile");
            Assert.That(Engine(Options(), version: "1.2.4").Key, Is.Not.EqualTo(key), "runtime");
            Assert.That(Engine(Options(), device: "0 Other GPU").Key, Is.Not.EqualTo(key), "device");
        });
        File.WriteAllText(_model.File("unet", "model.onnx_data"), "weights");
        Assert.That(Engine(Options()).Key, Is.Not.EqualTo(key), "weights in a second file");
    }

    [Test]
    public void WithoutRowsOrCache_ShapesAreOpenAndNothingIsKept()
    {
        TensorRtEngine engine = Engine(new OnnxSessionOptions());
        Assert.That(engine.Profile, Is.Null);
        Assert.That(engine.ToProviderOptions(0).Keys, Is.EquivalentTo(new[] { "device_id", "trt_fp16_enable" }));
    }

    [TestCase(ExecutionProvider.TensorRt, "tensorrt")]
    [TestCase(ExecutionProvider.Cuda, "cuda")]
    public void Require_OfWhatTheRuntimeLacks_IsRefusedWithTheExitCodeOfMissingDevices(ExecutionProvider provider, string name)
    {
        if (OnnxRuntimeLocation.Load().Providers.Contains("CUDAExecutionProvider"))
            Assert.Ignore("this runtime has GPU providers");
        var refusal = Assert.Throws<DeviceUnavailableException>(() => ProviderChoice.Require(provider))!;
        Assert.That(refusal.Message, Does.Contain(name).And.Contain("CPUExecutionProvider"));
        Assert.That(refusal.ExitCode, Is.EqualTo(3));
        Assert.That(() => UNetBackbone.Open(ModelFolder.Open(_model.Path), [], options: Options() with { Provider = provider }), Throws.InstanceOf<DeviceUnavailableException>());
    }

    [Test]
    public void Describe_SaysWhatAutoChooses() =>
        Assert.That(ProviderChoice.Describe(), Does.StartWith("provider auto: ").And.Contain("CPUExecutionProvider"));

    private OnnxSessionOptions Options() => new()
    {
        AllowHalfPrecision = true,
        EngineCache = _cache.Path,
        RowsPerCall = 8,
        InputShapes = new Dictionary<string, int[]> { ["sample"] = [4, 2, 2], ["encoder_hidden_states"] = [77, 2] },
    };

    private TensorRtEngine Engine(OnnxSessionOptions options, string version = "1.2.3", string device = "0 Some GPU")
    {
        string network = _model.File("unet", "model.onnx");
        using OnnxSession session = OnnxSession.Open(network, new OnnxSessionOptions { Provider = ExecutionProvider.Cpu });
        return new TensorRtEngine(network, version, device, options, session.Inputs);
    }
}
