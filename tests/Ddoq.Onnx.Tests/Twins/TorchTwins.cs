using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using Ddoq.Numerics;
using Ddoq.Onnx.Tests.OnnxFiles;

namespace Ddoq.Onnx.Tests.Twins;

/// <summary>Model folders with the interfaces of Stable Diffusion 1.5 and DiT-XL/2, and what PyTorch makes of the same weights.</summary>
internal sealed class TorchTwins : IDisposable
{
    public const int Steps = 10;
    public const double Strength = 0.7;
    public const double GuidanceScale = 3;
    public const ulong Seed = 9;
    public const string NegativePrompt = "bag";

    private const int PackagesMissing = 77;
    private const string Python = "/usr/bin/python3";

    private readonly TemporaryFolder _folder = new();

    public static string[] Prompts { get; } = ["a photo of tench", "Photo of a bag, 2 bags", "éa"];

    /// <summary>Classes of the transformer's rows; those of the UNet are the prompts.</summary>
    public static int[] Classes { get; } = [7, 999, 0];

    public static TorchTwins Create()
    {
        if (!File.Exists(Python))
            Assert.Ignore($"{Python} is not installed");
        var twins = new TorchTwins();
        twins.WriteRequest();
        var start = new ProcessStartInfo(Python) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "Twins", "torch_twins.py"));
        start.ArgumentList.Add(twins._folder.Path);
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        process.WaitForExit();
        if (process.ExitCode == PackagesMissing)
        {
            twins.Dispose();
            Assert.Ignore($"python3 packages are missing: {output.Result.Trim()}");
        }

        Assert.That(process.ExitCode, Is.Zero, error.Result);
        return twins;
    }

    public string Model(string name) => _folder.File(name);

    /// <summary>What the program is given.</summary>
    public float[] Input(string name) => Read($"{name}.bin");

    /// <summary>What PyTorch made.</summary>
    public float[] Expected(string name) => Read($"{name}.expected.bin");

    public static ulong[] Streams() => [.. Enumerable.Range(0, Prompts.Length).Select(row => RandomStreams.Synthesis(row, row))];

    public void Dispose() => _folder.Dispose();

    private void WriteRequest()
    {
        _folder.Write("request.json", JsonSerializer.Serialize(new
        {
            steps = Steps,
            strength = Strength,
            guidance_scale = GuidanceScale,
            prompts = Prompts,
            negative_prompt = NegativePrompt,
            classes = Classes,
        }));
        var random = new CounterRandom(1, 1);
        WriteGaussian("images", 2 * 3 * 512 * 512, random);
        WriteGaussian("prototypes.sd", Prompts.Length * 4 * 64 * 64, random);
        WriteGaussian("prototypes.dit", Classes.Length * 4 * 32 * 32, random);
        WriteNoise("noise.sd", 1, 4 * 64 * 64);
        WriteNoise("noise.dit", Steps, 4 * 32 * 32);
    }

    private void WriteGaussian(string name, int count, CounterRandom random)
    {
        var values = new float[count];
        random.FillGaussian(values);
        Write(name, values);
    }

    // [draws, rows, length]: each row draws from its own stream.
    private void WriteNoise(string name, int draws, int length)
    {
        ulong[] streams = Streams();
        var values = new float[draws * streams.Length * length];
        for (int row = 0; row < streams.Length; row++)
        {
            var random = new CounterRandom(Seed, streams[row]);
            for (int draw = 0; draw < draws; draw++)
                random.FillGaussian(values.AsSpan(((draw * streams.Length) + row) * length, length));
        }

        Write(name, values);
    }

    private void Write(string name, float[] values) => File.WriteAllBytes(_folder.File($"{name}.bin"), MemoryMarshal.AsBytes<float>(values).ToArray());

    private float[] Read(string file) => MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(_folder.File(file))).ToArray();
}
