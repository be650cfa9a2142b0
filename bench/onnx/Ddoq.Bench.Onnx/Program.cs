using System.Globalization;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Sessions;

namespace Ddoq.Bench.Onnx;

/// <summary>
/// Encoding, synthesis and decoding of a model by one execution provider: outputs beside the CPU's, then images per second
/// by batch size. Exit code 0 all outputs agree, 1 one does not, 2 usage, 3 the provider does not start.
/// </summary>
internal static class Program
{
    private const string Usage =
        "allowed: --model DIR --provider cpu|cuda|tensorrt --output FILE [--ort-path DIR] [--engine-cache DIR] [--batch-sizes 1,8,64] [--images N] [--seconds S]";

    private static readonly string[] s_options =
        ["--model", "--provider", "--output", "--ort-path", "--engine-cache", "--batch-sizes", "--images", "--seconds"];

    internal static int Main(string[] arguments)
    {
        try
        {
            Dictionary<string, string> given = Parse(arguments);
            if (given.TryGetValue("--ort-path", out string? directory))
                OnnxRuntimeLocation.Use(directory);
            var options = new OnnxSessionOptions { Provider = Provider(Required(given, "--provider")), EngineCache = given.GetValueOrDefault("--engine-cache") };
            using var results = new ResultLines(Required(given, "--output"), options.Provider.ToString());
            var run = new ProviderRun(ModelFolder.Open(Required(given, "--model")), options, results);
            int failed = run.Compare(Number(given, "--images", 16));
            foreach (string size in given.GetValueOrDefault("--batch-sizes", "1,8,64").Split(','))
                run.Time(Number(size, "--batch-sizes"), Number(given, "--seconds", 3));
            return failed == 0 ? 0 : 1;
        }
        catch (DdoqException exception)
        {
            Console.Error.WriteLine($"error: {exception.Message}\nhint: {exception.Hint ?? Usage}");
            return exception.ExitCode;
        }
    }

    private static Dictionary<string, string> Parse(string[] arguments)
    {
        var given = new Dictionary<string, string>();
        for (int i = 0; i < arguments.Length; i += 2)
        {
            if (!s_options.Contains(arguments[i]) || i + 1 == arguments.Length)
                throw new UsageException($"'{arguments[i]}' {(s_options.Contains(arguments[i]) ? "has no value" : "is not known")}", Usage);
            given[arguments[i]] = arguments[i + 1];
        }

        return given;
    }

    private static string Required(Dictionary<string, string> given, string name) =>
        given.TryGetValue(name, out string? value) ? value : throw new UsageException($"{name} is missing", Usage);

    private static ExecutionProvider Provider(string name) => name switch
    {
        "cpu" => ExecutionProvider.Cpu,
        "cuda" => ExecutionProvider.Cuda,
        "tensorrt" => ExecutionProvider.TensorRt,
        _ => throw new UsageException($"--provider is '{name}'", Usage),
    };

    private static int Number(Dictionary<string, string> given, string name, int otherwise) =>
        given.TryGetValue(name, out string? text) ? Number(text, name) : otherwise;

    private static int Number(string text, string name) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value is > 0 and <= 100_000
            ? value
            : throw new UsageException($"{name} is '{text}'; whole numbers from 1 to 100000 are allowed", Usage);
}
