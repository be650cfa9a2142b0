using System.Buffers.Binary;
using System.Diagnostics;
using System.Text;

namespace Ddoq.Cli.Tests;

/// <summary>Wrong input gets an error that names it and a hint, the right exit code, and leaves nothing that looks complete.</summary>
public class BadInputTests
{
    private string _folder = string.Empty;

    [SetUp]
    public void CreateFolder() => _folder = Directory.CreateTempSubdirectory("ddoq-bad-").FullName;

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void UnknownOption_IsAUsageError() => Program.Run("distill", "--imagees-per-class", "3").FailedWith(2, "--imagees-per-class");

    [Test]
    public void OptionOutOfRange_IsAUsageError_ThatSaysWhatIsAllowed() =>
        Program.Run("quantize", "--ipc", "0", "--latents", "x", "-o", "y").FailedWith(2, "--ipc", "0", "at least 1");

    [Test]
    public void TwoStartLevels_AreAUsageError() =>
        Program.Run("synthesize", "--prototypes", "x", "-o", "y", "--strength", "0.5", "--start-alpha-bar", "0.5").FailedWith(2, "--strength", "--start-alpha-bar");

    [Test]
    public void UnknownConfigurationKey_IsAUsageError_WithTheNearestKey()
    {
        string file = Write("run.toml", "[synthesize]\nguidence_scale = 2.0\n");
        Program.Run("distill", "-c", file).FailedWith(2, "run.toml", "synthesize.guidence_scale", "synthesize.guidance_scale");
    }

    [Test]
    public void MissingDataFolder_IsNamed() =>
        Program.Run("encode", "--data-dir", Path.Combine(_folder, "nowhere"), "-o", Out).FailedWith(2, "nowhere");

    [Test]
    public void EmptyClass_IsNamed()
    {
        ImageFolder();
        Directory.CreateDirectory(Path.Combine(_folder, "data", "train", "Trouser"));
        Program.Run("encode", "--data-dir", Data, "-o", Out).FailedWith(1, "Trouser");
    }

    [Test]
    public void TruncatedPng_IsNamed_AndTheStoreIsNotComplete()
    {
        ImageFolder();
        string file = Path.Combine(Data, "train", "Bag", "1.png");
        File.WriteAllBytes(file, File.ReadAllBytes(file)[..^40]);
        Program.Run("encode", "--data-dir", Data, "-o", Out).FailedWith(1, "1.png");
        Assert.That(File.Exists(Path.Combine(Out, "latents.safetensors.index.json")), Is.False);
        Program.Run("encode", "--data-dir", Data, "-o", Path.Combine(_folder, "out2"), "--max-damaged", "1").Succeeded();
    }

    [Test]
    public void AFirstRunThatFailedWithoutAnyResult_DoesNotStandInTheWayOfTheCorrectedOne()
    {
        ImageFolder();
        string file = Path.Combine(Data, "train", "Bag", "1.png");
        byte[] whole = File.ReadAllBytes(file);
        File.WriteAllBytes(file, whole[..^40]);
        Program.Run("encode", "--data-dir", Data, "-o", Out).FailedWith(1, "1.png");
        File.WriteAllBytes(file, whole);
        Program.Run("encode", "--data-dir", Data, "-o", Out).Succeeded();
    }

    [Test]
    public void OptionWithoutEffect_IsAUsageError()
    {
        Program.Run("quantize", "--latents", "x", "-o", "y", "--algorithm", "clvq", "--max-iterations", "5").FailedWith(2, "--max-iterations has no effect with --algorithm clvq", "hartigan");
        string file = Write("run.toml", "[quantize]\nalgorithm = \"d4m\"\nrestarts = 9\n");
        Program.Run("distill", "-c", file, "-o", Out).FailedWith(2, "run.toml, line 3", "quantize.restarts has no effect with --algorithm d4m");
    }

    [Test]
    public void MistypedOption_IsAnsweredWithTheNearest() =>
        Program.Run("synthesize", "--guidence-scale", "2").FailedWith(2, "--guidence-scale", "did you mean --guidance-scale?");

    [Test]
    public void CentresFarBeyondTheRows_AreHeldAgainstTheData()
    {
        ImageFolder();
        Program.Run("encode", "--data-dir", Data, "-o", Out).Succeeded();
        string prototypes = Path.Combine(_folder, "many");
        Outcome outcome = Program.Run("quantize", "--latents", Out, "--ipc", "2000000000", "-o", prototypes).Succeeded();
        Assert.That(outcome.Error, Does.Contain("the largest class has 3 rows"));
        Assert.That(new FileInfo(Path.Combine(prototypes, "prototypes.safetensors")).Length, Is.LessThan(100_000));
    }

    [Test]
    public void WrongExtension_IsNamed()
    {
        ImageFolder();
        string file = Path.Combine(Data, "train", "Bag", "1.png");
        File.Move(file, Path.ChangeExtension(file, ".jpg"));
        Program.Run("encode", "--data-dir", Data, "-o", Out).FailedWith(1, "1.jpg", "PNG");
    }

    [Test]
    public void MixedImageSizes_AreRefusedWhenPadding()
    {
        ImageFolder();
        File.WriteAllBytes(Path.Combine(Data, "train", "Bag", "1.png"), Png.Grey(20, 20));
        Program.Run("encode", "--data-dir", Data, "-o", Out).FailedWith(1, "1.png", "20x20", "--fit");
        Program.Run("encode", "--data-dir", Data, "-o", Out, "--fit", "resize", "--force").Succeeded();
    }

    [Test]
    public void ClassUnknownToTheModel_IsNamed()
    {
        ImageFolder("Bag", "Umbrella");
        Program.Run("encode", "--data-dir", Data, "-o", Out).FailedWith(1, "Umbrella", "--model", "ddoq select");
    }

    [Test]
    public void MoreCentresThanRows_GivesFewer_AndSaysSo()
    {
        ImageFolder();
        Program.Run("encode", "--data-dir", Data, "-o", Out).Succeeded();
        Outcome outcome = Program.Run("quantize", "--latents", Out, "--ipc", "5", "-o", Path.Combine(_folder, "p")).Succeeded();
        Assert.That(outcome.Error, Does.Contain("3 centres instead of 5"));
    }

    [TestCase("overlap", """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12)]
    [TestCase("beyond the end", """{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}""", 8)]
    [TestCase("twice", """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8)]
    public void LyingSafetensors_IsRefused(string what, string header, int dataBytes)
    {
        var bytes = new byte[8 + header.Length + dataBytes];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, header.Length);
        Encoding.UTF8.GetBytes(header, bytes.AsSpan(8));
        string file = Path.Combine(_folder, "lying.safetensors");
        File.WriteAllBytes(file, bytes);
        Program.Run("inspect", file).FailedWith(1, "lying.safetensors");
        Assert.That(what, Is.Not.Empty);
    }

    [Test]
    public void HugeHeader_IsRefused()
    {
        var bytes = new byte[64];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, long.MaxValue);
        string file = Path.Combine(_folder, "huge.safetensors");
        File.WriteAllBytes(file, bytes);
        Program.Run("inspect", file).FailedWith(1, "huge.safetensors");
    }

    [Test]
    public void LatentsWithNaN_AreRefused_WithRowAndClass()
    {
        const string Header = """{"__metadata__":{"class_names":"[\"Bag\"]"},"labels":{"dtype":"I32","shape":[2],"data_offsets":[0,8]},"latents":{"dtype":"F16","shape":[2,1,1,2],"data_offsets":[8,16]}}""";
        string file = Path.Combine(_folder, "nan.safetensors");
        using (FileStream stream = File.Create(file))
        {
            Span<byte> length = stackalloc byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(length, Header.Length);
            stream.Write(length);
            stream.Write(Encoding.UTF8.GetBytes(Header));
            stream.Write(new byte[8]);
            stream.Write([0, 0x3c, 0, 0x3c, 0, 0x3c, 0, 0x7e]);
        }

        Program.Run("quantize", "--latents", file, "--ipc", "1", "-o", Out).FailedWith(1, "nan.safetensors", "row 1");
    }

    [Test]
    public void NetworkWithOtherTensors_NamesThem()
    {
        string model = CopyModel();
        File.Copy(Path.Combine(model, "vae_decoder", "model.onnx"), Path.Combine(model, "vae_encoder", "model.onnx"), overwrite: true);
        ImageFolder();
        Program.Run("encode", "--data-dir", Data, "--model", model, "-o", Out).FailedWith(1, "vae_encoder", "'sample'", "latent_sample", "[?,4,8,8]");
    }

    [Test]
    public void TeacherOfOtherClassCount_IsRefused()
    {
        ImageFolder();
        Program.Run("encode", "--data-dir", Data, "-o", Out).Succeeded();
        Program.Run("quantize", "--latents", Out, "--ipc", "1", "-o", Path.Combine(_folder, "p")).Succeeded();
        Program.Run("synthesize", "--prototypes", Path.Combine(_folder, "p"), "--num-inference-steps", "2", "-o", Path.Combine(_folder, "d")).Succeeded();
        Program.Run("label", "--distilled", Path.Combine(_folder, "d")).FailedWith(1, "10 classes", "2");
    }

    [TestCase("cuda")]
    [TestCase("tensorrt")]
    public void ProviderThatIsNotThere_ExitsWith3_AndLeavesNothing(string provider)
    {
        ImageFolder();
        string prototypes = Path.Combine(_folder, "p"), distilled = Path.Combine(_folder, "d");
        Program.Run("encode", "--data-dir", Data, "-o", Out).Succeeded();
        Program.Run("quantize", "--latents", Out, "--ipc", "1", "-o", prototypes).Succeeded();
        Program.Run("synthesize", "--prototypes", prototypes, "--num-inference-steps", "2", "-o", distilled).Succeeded();
        string[] before = Everything();
        string none = Path.Combine(_folder, "none");
        foreach (string[] command in (string[][])[
            ["encode", "--data-dir", Data, "-o", none],
            ["synthesize", "--prototypes", prototypes, "-o", none],
            ["label", "--distilled", distilled],
            ["train", "--data-dir", Data, "--distilled", distilled, "-o", none],
            ["distill", "--data-dir", Data, "-o", none]])
        {
            Program.Run([.. command, "--provider", provider]).FailedWith(3, $"execution provider {provider} was asked for", "CPUExecutionProvider", "--ort-path", "--provider auto or cpu");
            Assert.That(Everything(), Is.EqualTo(before), command[0]);
        }

        string[] Everything() => [.. Directory.EnumerateFileSystemEntries(_folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];
    }

    [Test]
    public void CudaDeviceThatIsNotThere_ExitsWith3()
    {
        if (File.Exists("/dev/nvidia0"))
            Assert.Ignore("a CUDA device is present");
        ImageFolder();
        Program.Run("encode", "--data-dir", Data, "-o", Out).Succeeded();
        Program.Run("quantize", "--latents", Out, "--ipc", "1", "-o", Path.Combine(_folder, "p"), "--device", "cuda").FailedWith(3, "cuda", "--device");
    }

    [Test]
    public void FullDisk_IsNamed_AndNothingLooksComplete()
    {
        string disk = Path.Combine(_folder, "disk");
        Directory.CreateDirectory(disk);
        if (!OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess || Mount("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk) != 0)
            Assert.Ignore("a tmpfs cannot be mounted here");
        try
        {
            string output = Path.Combine(disk, "out");
            Program.Run("encode", "-o", output).FailedWith(1, disk);
            Assert.That(File.Exists(Path.Combine(output, "latents.safetensors.index.json")), Is.False);
        }
        finally
        {
            Mount("umount", disk);
        }
    }

    private string Data => Path.Combine(_folder, "data");

    private string Out => Path.Combine(_folder, "out");

    private static int Mount(string program, params string[] arguments)
    {
        using Process process = Process.Start(program, arguments);
        process.WaitForExit();
        return process.ExitCode;
    }

    private string Write(string name, string text)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllText(path, text);
        return path;
    }

    private void ImageFolder(params string[] classes)
    {
        foreach (string name in classes.Length > 0 ? classes : ["Bag", "Coat"])
        {
            string folder = Path.Combine(Data, "train", name);
            Directory.CreateDirectory(folder);
            for (int i = 0; i < 3; i++)
                File.WriteAllBytes(Path.Combine(folder, $"{i}.png"), Png.Grey(28, 28, (byte)(40 * (i + 1))));
        }
    }

    private string CopyModel()
    {
        string target = Path.Combine(_folder, "model");
        foreach (string file in Directory.EnumerateFiles(Program.Model, "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(target, Path.GetRelativePath(Program.Model, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        return target;
    }
}
