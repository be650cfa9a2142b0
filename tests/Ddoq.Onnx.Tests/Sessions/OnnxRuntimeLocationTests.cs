using System.Diagnostics;
using Ddoq.Onnx.Sessions;
using Ddoq.Onnx.Tests.OnnxFiles;

namespace Ddoq.Onnx.Tests.Sessions;

public class OnnxRuntimeLocationTests
{
    [Test]
    public void Load_GivesVersionAndProviders()
    {
        (string version, IReadOnlyList<string> providers) = OnnxRuntimeLocation.Load();
        Assert.That(version, Does.StartWith("1."));
        Assert.That(providers, Does.Contain("CPUExecutionProvider"));
    }

    [Test]
    public void Use_AfterTheRuntimeIsLoaded_IsRefused()
    {
        OnnxRuntimeLocation.Load();
        using var folder = new TemporaryFolder();
        Assert.That(() => OnnxRuntimeLocation.Use(folder.Path), Throws.InvalidOperationException);
    }

    // A runtime is chosen once per process, so the other cases run in processes of their own.
    [TestCase("missing", "does not exist")]
    [TestCase("empty", "holds no libonnxruntime.so")]
    [TestCase("text", "does not load")]
    [TestCase("other", "is not ONNX Runtime")]
    public void Use_OfADirectoryWithoutARuntime_ExplainsAndExitsWithTwo(string what, string expected)
    {
        using var folder = new TemporaryFolder();
        string directory = folder.Path;
        switch (what)
        {
            case "missing":
                directory = folder.File("nowhere");
                break;
            case "text":
                folder.Write("libonnxruntime.so", "not a library");
                break;
            case "other":
                if (!OperatingSystem.IsLinux())
                    Assert.Ignore("needs a Linux library that is not ONNX Runtime");
                string other = Directory.EnumerateFiles(Path.GetDirectoryName(typeof(object).Assembly.Location)!, "libSystem.Native.so").Single();
                File.Copy(other, folder.File("libonnxruntime.so"));
                break;
        }

        (int exitCode, string output) = RunProbe(directory);
        Assert.That(output, Does.Contain(expected));
        Assert.That(exitCode, Is.EqualTo(2));
    }

    [Test]
    public void Use_OfAnotherCopy_LoadsThatOne()
    {
        using var folder = new TemporaryFolder();
        string native = Directory.EnumerateFiles(AppContext.BaseDirectory, OperatingSystem.IsWindows() ? "onnxruntime.dll" : "libonnxruntime.*", SearchOption.AllDirectories).First(RunsHere);
        File.Copy(native, folder.File(OperatingSystem.IsLinux() ? "libonnxruntime.so.1.99" : Path.GetFileName(native)));
        (int exitCode, string output) = RunProbe(folder.Path);
        Assert.That(output, Does.Contain("providers CPUExecutionProvider").And.Contains($"loaded {folder.Path}"));
        Assert.That(exitCode, Is.Zero);
    }

    private static bool RunsHere(string path)
    {
        string[] parts = path.Split(Path.DirectorySeparatorChar);
        return !parts.Contains("runtimes") || parts.Contains(System.Runtime.InteropServices.RuntimeInformation.RuntimeIdentifier)
            || (OperatingSystem.IsLinux() && parts.Contains("linux-x64") && System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture == System.Runtime.InteropServices.Architecture.X64);
    }

    private static (int ExitCode, string Output) RunProbe(string directory)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath is { } host && Path.GetFileNameWithoutExtension(host) == "dotnet" ? host : "dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.ArgumentList.Add(typeof(RuntimeProbe).Assembly.Location);
        start.ArgumentList.Add(directory);
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd() + process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output);
    }
}
