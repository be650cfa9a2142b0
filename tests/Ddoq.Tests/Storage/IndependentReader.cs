using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace Ddoq.Tests.Storage;

/// <summary>Runs the Python reader beside this file; ignores the test where Python is missing.</summary>
internal static class IndependentReader
{
    private const string Python = "/usr/bin/python3";

    public static JsonElement Run(params string[] arguments)
    {
        string script = Path.Combine(Path.GetDirectoryName(SourcePath())!, "independent_safetensors_reader.py");
        if (!File.Exists(Python))
            Assert.Ignore($"{Python} is missing");
        if (!File.Exists(script))
            Assert.Ignore($"the source folder has moved since the build: {script} is missing");
        using Process process = Process.Start(new ProcessStartInfo(Python, [script, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["PYTHONIOENCODING"] = "utf-8" },
        })!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, error.Result);
        using JsonDocument document = JsonDocument.Parse(output);
        return document.RootElement.Clone();
    }

    /// <summary>Compares one tensor: type, shape, sum and the sum weighted by position (from 1).</summary>
    public static void AssertTensor(JsonElement file, string name, string type, long[] shape, IReadOnlyList<double> values)
    {
        JsonElement tensor = file.GetProperty("tensors").GetProperty(name);
        double scale = values.Select((v, i) => Math.Abs(v) * (i + 1)).Sum() + 1;
        Assert.Multiple(() =>
        {
            Assert.That(tensor.GetProperty("dtype").GetString(), Is.EqualTo(type), name);
            Assert.That(tensor.GetProperty("shape").EnumerateArray().Select(e => e.GetInt64()), Is.EqualTo(shape), name);
            Assert.That(tensor.GetProperty("sum").GetDouble(), Is.EqualTo(values.Sum()).Within(1e-12 * scale), name);
            Assert.That(tensor.GetProperty("weighted").GetDouble(), Is.EqualTo(values.Select((v, i) => v * (i + 1)).Sum()).Within(1e-12 * scale), name);
        });
    }

    private static string SourcePath([CallerFilePath] string path = "") => path;
}
