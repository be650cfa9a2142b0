using Ddoq.Distilled;
using Ddoq.Imaging;
using Ddoq.Latents;
using Ddoq.Numerics;
using Ddoq.Onnx.Sessions;
using Ddoq.Onnx.Tests.OnnxFiles;
using Ddoq.Pipeline.Configuration;
using Ddoq.Pipeline.Stages;
using Ddoq.Quantization;

namespace Ddoq.Pipeline.Tests.Stages;

/// <summary>Every way in which a model can be the wrong one is told with file, found and expected, and nothing is written.</summary>
public class WrongModelTests
{
    private const int PerClass = 4;
    private static readonly string[] s_names = ["bag", "coat", "shoe"];
    private static readonly LatentShape s_shape = new(TinyModel.Channels, TinyModel.LatentSize, TinyModel.LatentSize);

    private TinyModel _model = null!;
    private string _folder = string.Empty;

    private string Data => Path.Combine(_folder, "data");

    private string Output => Path.Combine(_folder, "out");

    [SetUp]
    public void WriteImages()
    {
        _model = new TinyModel();
        _folder = Directory.CreateTempSubdirectory("ddoq-wrong-").FullName;
        var random = new CounterRandom(3, 1);
        foreach (string part in (string[])["train", "test"])
        {
            foreach (string name in s_names)
                WriteImagesTo(Path.Combine(Data, part, name), random);
        }
    }

    [TearDown]
    public void DeleteFolders()
    {
        _model.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [TestCase("side", "vae_encoder/model.onnx", "8", "4")]
    [TestCase("channels", "vae_encoder/model.onnx", "latent_parameters", "6")]
    [TestCase("factor", "vae_encoder", "0.25", "0.5")]
    [TestCase("not finite", "vae_encoder/model.onnx", "NaN", "bag")]
    public void Encode_IsRefusedBeforeTheFirstByte(string wrong, params string[] words)
    {
        switch (wrong)
        {
            case "side":
                _model.Write("model_index.json", """{"id2label": {"0": "bag", "1": "coat", "2": "shoe"}, "preprocess": {"image_size": 8}}""");
                _model.Write("transformer/config.json", """{"sample_size": 4, "in_channels": 4, "out_channels": 4}""");
                break;
            case "channels":
                _model.WriteEncoder(outputChannels: 6);
                break;
            case "factor":
                _model.Write("vae_decoder/config.json", """{"latent_channels": 4, "block_out_channels": [8, 16], "scaling_factor": 0.5}""");
                break;
            default:
                WriteNotFinite("vae_encoder", "sample", 3, TinyModel.ImageSize, "latent_parameters", 2 * TinyModel.Channels, TinyModel.LatentSize);
                break;
        }

        Refused(() => EncodeStage.Run(new EncodeOptions { Images = new() { Folder = Data }, Model = _model.Path, Provider = ExecutionProvider.Cpu }, Output, Context), words);
    }

    [TestCase("shape", "4x4x4", "4x2x2")]
    [TestCase("channels", "6", "4")]
    [TestCase("classes", "'coat'", "'hat'")]
    [TestCase("decoder not finite", "vae_decoder/model.onnx", "NaN", "'bag'")]
    [TestCase("diffusion not finite", "transformer/model.onnx", "not finite")]
    [TestCase("decoder missing", "vae_decoder")]
    public void Synthesize_IsRefusedBeforeTheFirstByte(string wrong, params string[] words)
    {
        string prototypes = WritePrototypes();
        switch (wrong)
        {
            case "shape":
                _model.Write("transformer/config.json", """{"sample_size": 4, "in_channels": 4, "out_channels": 4}""");
                _model.Write("model_index.json", """{"id2label": {"0": "bag", "1": "coat", "2": "shoe"}, "preprocess": {"image_size": 8}}""");
                break;
            case "channels":
                _model.Write("transformer/config.json", """{"sample_size": 2, "in_channels": 6, "out_channels": 6}""");
                break;
            case "classes":
                _model.Write("model_index.json", """{"id2label": {"0": "bag", "1": "hat", "2": "shoe"}, "preprocess": {"image_size": 4}}""");
                break;
            case "decoder not finite":
                WriteNotFinite("vae_decoder", "latent_sample", TinyModel.Channels, TinyModel.LatentSize, "sample", 3, TinyModel.ImageSize);
                break;
            case "diffusion not finite":
                _model.WriteBackbone(labelWeight: float.NaN);
                break;
            default:
                File.Delete(_model.File("vae_decoder", "model.onnx"));
                break;
        }

        Refused(() => SynthesizeStage.Run(new SynthesizeOptions { Model = _model.Path, Provider = ExecutionProvider.Cpu }, prototypes, Output, Context), words);
    }

    [TestCase("vae_decoder", "latent_sample", "sample")]
    [TestCase("vae_encoder", "sample", "latent_parameters")]
    public void RandomImagesThroughTheAutoencoder_AreRefusedBeforeTheFirstByte(string part, string input, string output)
    {
        bool encodes = part == "vae_encoder";
        WriteNotFinite(
            part, input, encodes ? 3 : TinyModel.Channels, encodes ? TinyModel.ImageSize : TinyModel.LatentSize,
            output, encodes ? 2 * TinyModel.Channels : 3, encodes ? TinyModel.LatentSize : TinyModel.ImageSize);
        Refused(
            () => RandomImagesStage.Run(new EncodeOptions { Images = new() { Folder = Data }, Model = _model.Path, Provider = ExecutionProvider.Cpu }, 2, true, Output, Context),
            $"{part}/model.onnx", "NaN");
    }

    [TestCase("count", "teacher", "4 classes", "3")]
    [TestCase("names", "teacher", "'coat'", "'hat'")]
    [TestCase("side", "teacher", "8", "4")]
    [TestCase("not finite", "teacher", "NaN")]
    public void Label_IsRefusedBeforeTheFirstByte(string wrong, params string[] words)
    {
        string set = Path.Combine(_folder, "set");
        SynthesizeStage.Run(new SynthesizeOptions { Model = _model.Path, Provider = ExecutionProvider.Cpu }, WritePrototypes(), set, Context);
        switch (wrong)
        {
            case "count":
                _model.WriteTeacher(classes: 4);
                _model.Write("teacher/config.json", """{"id2label": {"0": "bag", "1": "coat", "2": "shoe", "3": "hat"}}""");
                break;
            case "names":
                _model.Write("teacher/config.json", """{"id2label": {"0": "bag", "1": "hat", "2": "shoe"}}""");
                break;
            case "side":
                WriteTeacher(side: 8, weight: 1);
                _model.Write("teacher/preprocessor_config.json", """{"do_resize": false, "size": {"height": 8, "width": 8}}""");
                break;
            default:
                WriteTeacher(TinyModel.ImageSize, float.NaN);
                break;
        }

        string[] before = Directory.GetFileSystemEntries(set, "*", SearchOption.AllDirectories);
        Fails(() => LabelStage.Run(new LabelOptions { Model = _model.Path, Provider = ExecutionProvider.Cpu }, set, Context), words);
        Assert.That(Directory.GetFileSystemEntries(set, "*", SearchOption.AllDirectories), Is.EquivalentTo(before));
    }

    [TestCase("teacher's classes", "teacher", "4 classes")]
    [TestCase("teacher not finite", "teacher", "NaN")]
    [TestCase("no teacher", "--teacher")]
    [TestCase("decoder not finite", "vae_decoder/model.onnx", "NaN")]
    [TestCase("diffusion not finite", "transformer/model.onnx", "not finite")]
    [TestCase("classes", "'coat'", "'hat'")]
    [TestCase("no diffusion", "neither transformer/", "--start-alpha-bar 1")]
    [TestCase("no diffusion, decoded", "'noise'", "--arms ddoq,d4m,support,energy,random")]
    [TestCase("no test images", "--test-dir")]
    public void Distill_IsRefusedBeforeTheFirstByte(string wrong, params string[] words)
    {
        switch (wrong)
        {
            case "teacher's classes":
                _model.WriteTeacher(classes: 4);
                _model.Write("teacher/config.json", """{"id2label": {"0": "bag", "1": "coat", "2": "shoe", "3": "hat"}}""");
                break;
            case "teacher not finite":
                WriteTeacher(TinyModel.ImageSize, float.NaN);
                break;
            case "no teacher":
                Directory.Delete(_model.File("teacher"), recursive: true);
                break;
            case "decoder not finite":
                WriteNotFinite("vae_decoder", "latent_sample", TinyModel.Channels, TinyModel.LatentSize, "sample", 3, TinyModel.ImageSize);
                break;
            case "diffusion not finite":
                _model.WriteBackbone(labelWeight: float.NaN);
                break;
            case "classes":
                _model.Write("model_index.json", """{"id2label": {"0": "bag", "1": "hat", "2": "shoe"}, "preprocess": {"image_size": 4}}""");
                break;
            case "no diffusion" or "no diffusion, decoded":
                Directory.Delete(_model.File("transformer"), recursive: true);
                _model.Write("model_index.json", """{"preprocess": {"image_size": 4}}""");
                break;
            default:
                Directory.Delete(Path.Combine(Data, "test"), recursive: true);
                break;
        }

        PipelineConfiguration configuration = PipelineConfiguration.Empty
            .With(DataSettings.DataDir, Data).With(DataSettings.Model, _model.Path).With(RunSettings.Provider, "cpu").With(TrainSettings.Protocol, "rded");
        if (wrong == "no diffusion, decoded")
            configuration = configuration.With(SynthesizeSettings.StartAlphaBar, "1");
        Refused(() => new DistillRun(configuration, Output).Execute(Context), words);
    }

    [Test]
    public void ADiskThatIsTooSmall_IsToldBeforeTheFirstByte()
    {
        Refused(() => DiskSpace.Require(Output, 1L << 60, "the run"), "the run needs", "free", Output);

        // What a folder holds already counts as written: a sparse file has a length and no blocks.
        Directory.CreateDirectory(Output);
        long most = DiskSpace.FreeOn(Output)!.Value + (1L << 40);
        using (FileStream file = File.Create(Path.Combine(Output, "rows")))
            file.SetLength(1L << 41);
        Assert.That(() => DiskSpace.Require(Output, most, "the run"), Throws.Nothing);
    }

    [Test]
    public void TestImagesElsewhere_AreAFolderOfClasses_OrADatasetWithATestPart()
    {
        string elsewhere = Path.Combine(_folder, "elsewhere");
        Directory.Move(Path.Combine(Data, "test"), elsewhere);
        var images = new ImageOptions { Folder = Data };
        Fails(() => images.OpenTest(s_names, default), "test");
        using (IImageDataset plain = (images with { TestFolder = elsewhere }).OpenTest(s_names, default))
            Assert.That((plain.Count, plain.ClassNames), Is.EqualTo((3 * PerClass, s_names)));
        string dataset = Path.Combine(_folder, "dataset");
        Directory.CreateDirectory(dataset);
        Directory.Move(elsewhere, Path.Combine(dataset, "test"));
        foreach (string name in s_names)
            WriteImagesTo(Path.Combine(dataset, "train", name), new CounterRandom(1, 1));
        using (IImageDataset part = (images with { TestFolder = dataset }).OpenTest(s_names, default))
            Assert.That(part.Count, Is.EqualTo(3 * PerClass), "the test part alone");
        Fails(() => (images with { TestFolder = dataset }).OpenTest(["bag", "hat", "shoe"], default), "coat");
        Fails(() => (images with { TestFolder = Path.Combine(_folder, "none") }).OpenTest(s_names, default), "none");
    }

    [Test]
    public void NamesForAStoreWithoutAny_AreItsClassNames_AndMayNotContradictOthers()
    {
        var rows = new float[6 * s_shape.Length];
        new CounterRandom(5, 1).FillGaussian(rows);
        string names = Path.Combine(_folder, "names.txt"), store = Path.Combine(_folder, "store");
        File.WriteAllLines(names, s_names);
        var options = new QuantizeOptions { Quantizer = new QuantizerOptions { CentroidCount = 1 }, ClassNames = QuantizeOptions.ReadClassNames(names) };
        string foreign = WriteForeignStore(rows);
        using (LatentStore opened = options.OpenLatents(foreign))
            Assert.That(opened.ClassNames, Is.EqualTo(s_names));
        using (LatentStoreWriter writer = LatentStoreWriter.Open(store, new LatentStoreInfo { Shape = s_shape, ClassNames = ["bag", "hat", "shoe"] }, 6, 6))
        {
            writer.Append(rows, [0, 0, 1, 1, 2, 2]);
            writer.Complete();
        }

        Fails(() => options.OpenLatents(store), "--class-names", "class 1 is 'hat', not 'coat'");
        File.WriteAllLines(names, ["bag", "coat"]);
        Fails(() => (options with { ClassNames = QuantizeOptions.ReadClassNames(names) }).OpenLatents(foreign), "2");
        File.WriteAllLines(names, ["bag", "", "shoe"]);
        Fails(() => QuantizeOptions.ReadClassNames(names), "line 2", "empty");
        Fails(() => QuantizeOptions.ReadClassNames(Path.Combine(_folder, "missing.txt")), "--class-names", "missing.txt");
    }

    [Test]
    public void AForcedStage_DiscardsItsOwnResults_AndNoOther()
    {
        var options = new EncodeOptions { Images = new() { Folder = Data }, Model = _model.Path, Provider = ExecutionProvider.Cpu, BatchSize = 2 };
        EncodeStage.Run(options, Output, Context);
        EncodeOptions other = options with { SamplePosterior = true };
        Fails(() => EncodeStage.Run(other, Output, Context), "latent");
        Fails(() => EncodeStage.Run(other, Output, Context with { ForcedStages = DistillRun.ParseStages("quantize,train") }), "latent");
        EncodeStage.Run(other, Output, Context with { ForcedStages = DistillRun.ParseStages("quantize, encode") });
        using LatentStore store = LatentStore.Open(Output);
        Assert.That(store.Info.Kind, Is.EqualTo(LatentKind.Sample));
        Assert.That(() => DistillRun.ParseStages("encode,paint"), Throws.InstanceOf<UsageException>().With.Message.Contains("'paint'").And.Property("Hint").Contains("synthesize"));
        Assert.That(DistillRun.ParseStages(null), Is.Empty);
    }

    private static StageContext Context { get; } = new(NullProgress.Instance, 1, false, default);

    private static void WriteImagesTo(string folder, CounterRandom random)
    {
        Directory.CreateDirectory(folder);
        for (int i = 0; i < PerClass; i++)
        {
            var pixels = new byte[TinyModel.Pixels];
            for (int p = 0; p < pixels.Length; p++)
                pixels[p] = (byte)random.NextInt32(256);
            File.WriteAllBytes(Path.Combine(folder, $"{i}.png"), ImageWriter.EncodePng(pixels, 3, TinyModel.ImageSize, TinyModel.ImageSize));
        }
    }

    // A matrix of NaN in the place of the network.
    private void WriteNotFinite(string part, string input, int channels, int side, string output, int outputChannels, int outputSide) => new OnnxGraph()
        .Input(input, OnnxType.F32, "batch", channels, side, side)
        .Output(output, OnnxType.F32, "batch", outputChannels, outputSide, outputSide)
        .Constant("weight", [channels * side * side, outputChannels * outputSide * outputSide], [.. Enumerable.Repeat(float.NaN, channels * side * side * outputChannels * outputSide * outputSide)])
        .Constant("bias", [outputChannels * outputSide * outputSide], new float[outputChannels * outputSide * outputSide])
        .Constant("shape", [4], -1, outputChannels, outputSide, outputSide)
        .Node("Flatten", [input], "flat", ("axis", 1))
        .Node("Gemm", ["flat", "weight", "bias"], "values")
        .Node("Reshape", ["values", "shape"], output)
        .Save(_model.File(part, "model.onnx"));

    private void WriteTeacher(int side, float weight) => new OnnxGraph()
        .Input("pixel_values", OnnxType.F32, "batch", 3, side, side)
        .Output("logits", OnnxType.F32, "batch", TinyModel.Classes)
        .Constant("weight", [3 * side * side, TinyModel.Classes], [.. Enumerable.Repeat(weight, 3 * side * side * TinyModel.Classes)])
        .Constant("bias", [TinyModel.Classes], new float[TinyModel.Classes])
        .Node("Flatten", ["pixel_values"], "flat", ("axis", 1))
        .Node("Gemm", ["flat", "weight", "bias"], "logits")
        .Save(_model.File("teacher", "model.onnx"));

    private string WritePrototypes()
    {
        string path = Path.Combine(_folder, "prototypes.safetensors");
        using var writer = PrototypeWriter.Create(path, new PrototypeInfo { Latents = new LatentStoreInfo { Shape = s_shape, ClassNames = s_names }, CentersPerClass = 2, Algorithm = "test" });
        var random = new CounterRandom(5, 1);
        foreach (string _ in s_names)
        {
            var centroids = new float[2 * s_shape.Length];
            random.FillGaussian(centroids);
            writer.Append(ClassPrototypes.Create(s_shape.Length, centroids, [3, 1], distortion: 1));
        }

        writer.Complete();
        return path;
    }

    // What another tool may write: two tensors and no metadata.
    private string WriteForeignStore(float[] rows)
    {
        string path = Path.Combine(_folder, "foreign.safetensors");
        int labelBytes = 6 * sizeof(int), rowBytes = rows.Length * 2;
        string header = $$$"""{"latents":{"dtype":"F16","shape":[6,4,2,2],"data_offsets":[0,{{{rowBytes}}}]},"labels":{"dtype":"I32","shape":[6],"data_offsets":[{{{rowBytes}}},{{{rowBytes + labelBytes}}}]}}""";
        header = header.PadRight((header.Length + 7) / 8 * 8);
        using var writer = new BinaryWriter(File.Create(path));
        writer.Write((long)header.Length);
        writer.Write(System.Text.Encoding.ASCII.GetBytes(header));
        foreach (float value in rows)
            writer.Write((Half)value);
        foreach (int label in (int[])[0, 0, 1, 1, 2, 2])
            writer.Write(label);
        return path;
    }

    private void Refused(Action run, params string[] words)
    {
        Fails(run, words);
        Assert.That(Directory.Exists(Output), Is.False, "nothing is written");
    }

    private static void Fails(Action run, params string[] words)
    {
        var error = Assert.Catch<DdoqException>(() => run())!;
        Assert.Multiple(() =>
        {
            foreach (string word in words)
                Assert.That($"{error.Message} {error.Hint}", Does.Contain(word));
            Assert.That(error.Hint, Is.Not.Null.And.Not.Empty);
        });
    }
}
