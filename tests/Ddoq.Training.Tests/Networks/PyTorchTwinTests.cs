using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Ddoq.Numerics;
using Ddoq.Training.Networks;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddoq.Training.Tests.Networks;

/// <summary>Forward passes agree with twins in PyTorch that were written from the papers' descriptions.</summary>
public sealed class PyTorchTwinTests
{
    private const string Python = "/usr/bin/python3";
    private const int ExitWithoutTorch = 77;
    private const int Channels = 16;
    private const int Classes = 6;
    private const int Count = 3;

    private static readonly (StudentArchitecture Architecture, int Size)[] Cases =
    [
        (StudentArchitecture.ConvNet3, 32),
        (StudentArchitecture.ConvNet3, 28),
        (StudentArchitecture.ResNetAp10, 32),
        (StudentArchitecture.ResNetAp10, 96),
        (StudentArchitecture.ResNetAp10, 160),
        (StudentArchitecture.ResNet18, 32),
        (StudentArchitecture.ResNet18, 96),
    ];

    [Test]
    public void Forward_SameWeights_SameLogits()
    {
        if (!File.Exists(Python))
            Assert.Ignore($"{Python} with torch is needed for the PyTorch twins (Debian: python3-torch)");
        string folder = Directory.CreateTempSubdirectory("ddoq-twin").FullName;
        try
        {
            float[][] found = [.. Cases.Select((entry, index) => RunOurs(entry.Architecture, entry.Size, CaseFolder(folder, index)))];
            RunTwins(folder);
            for (int i = 0; i < Cases.Length; i++)
            {
                float[] expected = MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(Path.Combine(CaseFolder(folder, i), "logits.bin"))).ToArray();
                Assert.That(found[i], Is.EqualTo(expected).Within(2e-5 * expected.Max(Math.Abs)), $"{Cases[i]}");
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Writes the case for the twin and gives our own logits.</summary>
    private static float[] RunOurs(StudentArchitecture architecture, int size, string folder)
    {
        using DisposeScope scope = NewDisposeScope();
        using StudentNetwork network = StudentNetwork.Create(architecture, Classes, size, size, seed: 11, Channels);
        Randomise(network);
        float[] input = Gaussian(Count * 3 * size * size, 5);
        Directory.CreateDirectory(folder);
        File.WriteAllText(
            Path.Combine(folder, "case.txt"),
            string.Create(CultureInfo.InvariantCulture, $"{architecture} {size} {Channels} {Classes}"));
        File.WriteAllLines(Path.Combine(folder, "names.txt"), network.named_parameters().Select(entry => entry.name));
        WriteFloats(Path.Combine(folder, "input.bin"), input);
        WriteFloats(
            Path.Combine(folder, "weights.bin"),
            [.. network.parameters().SelectMany(parameter => MemoryMarshal.Cast<byte, float>(parameter.bytes).ToArray())]);
        Tensor logits = network.call(tensor(input, [Count, 3, size, size]));
        return MemoryMarshal.Cast<byte, float>(logits.bytes).ToArray();
    }

    // Norms start at 1 and 0, which would hide a scale and shift that are left out or exchanged.
    private static void Randomise(StudentNetwork network)
    {
        using IDisposable noGradients = no_grad();
        ulong stream = 100;
        foreach (TorchSharp.Modules.Parameter parameter in network.parameters().Where(parameter => parameter.dim() == 1))
            parameter.add_(tensor(Gaussian((int)parameter.numel(), stream++), parameter.shape), alpha: 0.3);
    }

    private static void RunTwins(string folder)
    {
        string script = Path.Combine(TestContext.CurrentContext.TestDirectory, "Networks", "student_twins.py");
        string[] arguments = [script, .. Enumerable.Range(0, Cases.Length).Select(index => CaseFolder(folder, index))];
        using var process = Process.Start(new ProcessStartInfo(Python, arguments) { RedirectStandardError = true })!;
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode == ExitWithoutTorch)
            Assert.Ignore($"{Python} has no torch, which the PyTorch twins need (Debian: python3-torch)");
        Assert.That(process.ExitCode, Is.Zero, error);
    }

    private static string CaseFolder(string folder, int index) => Path.Combine(folder, index.ToString(CultureInfo.InvariantCulture));

    private static float[] Gaussian(int count, ulong stream)
    {
        float[] values = new float[count];
        new CounterRandom(23, stream).FillGaussian(values);
        return values;
    }

    private static void WriteFloats(string path, float[] values) =>
        File.WriteAllBytes(path, MemoryMarshal.AsBytes(values.AsSpan()).ToArray());
}
