using System.Diagnostics;
using System.Formats.Tar;
using System.IO.Compression;
using System.Text.RegularExpressions;
using Ddoq.Cuda.Tests.Emulation;

namespace Ddoq.Cuda.Tests.Device;

/// <summary>bench/device/first.sh with stubs in place of all that it calls, and with the real program on the emulated device.</summary>
[Platform("Linux")]
public partial class DeviceScriptTests
{
    private const int MostFiles = 8;
    private static readonly string s_scripts = Path.Combine(EmulatedDriver.Metadata("DdoqRepository"), "bench", "device");
    private static readonly string[] s_stubs = ["nvidia-smi", "nvcc", "ncu", "compute-sanitizer", "python3", "Ddoq.Bench.Device"];

    // Steps whose program writes figures, and the file that holds them.
    private static readonly Dictionary<string, string> s_figures = new()
    {
        ["ceilings"] = "ceilings.jsonl",
        ["kernels"] = "kernels.jsonl",
        ["cluster"] = "cluster.jsonl",
        ["peers"] = "peers.jsonl",
    };

    private string _folder = null!;

    private static IEnumerable<string> Steps =>
        StepPattern().Matches(File.ReadAllText(Path.Combine(s_scripts, "first.sh"))).Select(one => one.Groups[1].Value).Append("compile");

    [SetUp]
    public void Prepare()
    {
        _folder = Directory.CreateTempSubdirectory("ddoq-device-test").FullName;
        foreach (string name in s_stubs)
            File.CreateSymbolicLink(Path.Combine(_folder, name), Path.Combine(EmulatedDriver.Metadata("DdoqRepository"), "tests", "Ddoq.Cuda.Tests", "Device", "stub.sh"));
    }

    [TearDown]
    public void Remove() => Directory.Delete(_folder, recursive: true);

    [TestCase("fails")]
    [TestCase("killed")]
    [TestCase("hangs")]
    public void AStepThatBreaks_CostsNothingElse(string how)
    {
        string[] steps = [.. Steps];
        Assert.That(steps, Has.Length.GreaterThan(12));
        var wrong = new List<string>();
        Parallel.ForEach(steps, new ParallelOptions { MaxDegreeOfParallelism = 3 }, step =>
        {
            string output = Path.Combine(_folder, $"out-{step}");
            int code = Run(Start(output, ("FAULT_STEP", step), ("FAULT_KIND", how), ($"DDOQ_SECONDS_{step}", how == "hangs" ? "1" : "60")));
            Dictionary<string, string> packed = Unpack(output);
            Dictionary<string, string> states = packed["steps.tsv"].Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('\t')).ToDictionary(line => line[0], line => line[1]);
            lock (wrong)
            {
                if (code != 1)
                    wrong.Add($"{step}: exit code {code}");
                if (states.GetValueOrDefault(step) != "failed")
                    wrong.Add($"{step} itself {states.GetValueOrDefault(step)}");
                foreach (string other in steps.Where(other => other != step && states.GetValueOrDefault(other) != (step == "compile" && other == "fresh" ? "skipped" : "passed")))
                    wrong.Add($"{step}: {other} {states.GetValueOrDefault(other)}");
                foreach ((string with, string file) in s_figures)
                {
                    if (!packed[file].Contains($"{with} first", StringComparison.Ordinal) || (with != step && !packed[file].Contains($"{with} second", StringComparison.Ordinal)))
                        wrong.Add($"{step}: figures of {with} are lost");
                    if (!File.ReadAllText(Path.Combine(output, "results.md")).Contains($"{with} first", StringComparison.Ordinal))
                        wrong.Add($"{step}: results.md lacks {with}");
                }

                if (Directory.GetFiles(output).Length > MostFiles)
                    wrong.Add($"{step}: {Directory.GetFiles(output).Length} files");
            }
        });
        Assert.That(wrong, Is.Empty);
    }

    [Test]
    public void TheCallCutOff_LeavesAllFinishedFigures()
    {
        string output = Path.Combine(_folder, "out");
        using Process process = Start(output, ("FAULT_STEP", "cluster"), ("FAULT_KIND", "hangs"));
        try
        {
            Assert.That(() => Figures(output, "cluster.jsonl"), Does.Contain("cluster first").After(20_000, 100), "packed while the step runs");
            Assert.That(Figures(output, "kernels.jsonl"), Does.Contain("kernels second"));
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
        }
        finally
        {
            process.Kill(entireProcessTree: true);
        }

        Assert.That(Figures(output, "kernels.jsonl"), Does.Contain("kernels second"));
        Assert.That(File.ReadAllText(Path.Combine(output, "results.md")), Does.Contain("cluster first"));
        Assert.That(Directory.GetFiles(output), Has.Length.AtMost(MostFiles));
    }

    [Test]
    public void TimeRunsOut_TheRestIsNamed()
    {
        string output = Path.Combine(_folder, "out");
        Assert.That(Run(Start(output, ("DDOQ_CALL_SECONDS", "1"), ("FAULT_STEP", "probe"), ("FAULT_KIND", "hangs"))), Is.EqualTo(1));
        Assert.That(Unpack(output)["steps.tsv"], Does.Contain("racecheck\tleft"));
    }

    [Test]
    public void OnTheEmulatedDevice_TheRealProgramPasses()
    {
        EmulatedDriver.Start();
        string program = Path.Combine(AppContext.BaseDirectory, "Ddoq.Bench.Device");
        string output = Path.Combine(_folder, "out");
        int code = Run(Start(
            output,
            ("DDOQ_DEVICE_PROGRAM", program),
            ("DDOQ_CUDA_DRIVER", Path.Combine(EmulatedDriver.Metadata("DdoqEmulation"), "libddoq_emulated_cuda.so")),
            ("DDOQ_CLUSTER", "--classes 3 --rows 40 --dimension 24 --centroids 4 --repeats 1"),
            ("DDOQ_CHECK", "--quick")));
        string report = File.ReadAllText(Path.Combine(output, "results.md"));
        Assert.That(code, Is.Zero, report);
        Assert.That(report, Does.Contain("Emulated: logic only").And.Contain("| kernels | passed |").And.Contain("| cluster | passed |").And.Not.Contain("failed |"));
        Assert.That(report, Does.Match(@"iterations \d+ to \d+, mean \d+; moves"), "how much work a clustering was stands beside it");
    }

    private static string Figures(string output, string file)
    {
        try
        {
            return Unpack(output).GetValueOrDefault(file, string.Empty);
        }
        catch (IOException)
        {
            return string.Empty; // not there yet
        }
    }

    private static Dictionary<string, string> Unpack(string output)
    {
        using var unzipped = new GZipStream(File.OpenRead(Path.Combine(output, "results.tar.gz")), CompressionMode.Decompress);
        using var archive = new TarReader(unzipped);
        var files = new Dictionary<string, string>();
        while (archive.GetNextEntry() is { } entry)
        {
            if (entry.DataStream is { } data)
                files[entry.Name[2..]] = new StreamReader(data).ReadToEnd();
        }

        return files;
    }

    private static int Run(Process process)
    {
        using (process)
        {
            process.WaitForExit();
            return process.ExitCode;
        }
    }

    private Process Start(string output, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo("bash", [Path.Combine(s_scripts, "first.sh"), output]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment.Remove("DDOQ_CUDA_DRIVER");
        start.Environment.Remove("DDOQ_KERNELS");
        start.Environment["PATH"] = $"{_folder}:{Environment.GetEnvironmentVariable("PATH")}";
        start.Environment["TMPDIR"] = _folder;
        start.Environment["DDOQ_DEVICE_PROGRAM"] = Path.Combine(_folder, "Ddoq.Bench.Device");
        start.Environment["DDOQ_PACK_SECONDS"] = "1";
        foreach ((string name, string value) in environment)
            start.Environment[name] = value;
        Process process = Process.Start(start)!;
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }

    [GeneratedRegex(@"^run (\w+)", RegexOptions.Multiline)]
    private static partial Regex StepPattern();
}
