using System.Globalization;
using System.Text.Json;
using Ddoq.Cuda;
using Ddoq.Cuda.Benchmarks;

namespace Ddoq.Bench.Device;

/// <summary>Checks and measures the CUDA quantiser on the device of a machine that has no .NET: <c>check</c>, <c>kernels</c>, <c>cluster</c>.</summary>
internal static class Program
{
    private const string Usage =
        "allowed: probe; check loss|clvq|gram|quantizer [--quick]; kernels [--filter TEXT] [--samples N] [--once] [--ceilings FILE] [--json FILE]; "
        + "cluster [--classes C] [--rows N] [--dimension D] [--centroids K] [--repeats R] [--json FILE]";

    private static int Main(string[] arguments)
    {
        try
        {
            bool check = arguments is ["check", ..];
            Dictionary<string, string> options = Options(arguments[Math.Min(arguments.Length, check ? 2 : 1)..]);
            switch (arguments.FirstOrDefault())
            {
                case "probe":
                    return Probe();
                case "check":
                    return Check(arguments.ElementAtOrDefault(1), options.ContainsKey("--quick"));
                case "kernels":
                    return Kernels(options);
                case "cluster":
                    ClusterRun.Run(
                        Number(options, "--classes", 1000),
                        Number(options, "--rows", 1300),
                        Number(options, "--dimension", 4096),
                        Number(options, "--centroids", 50),
                        Number(options, "--repeats", 3),
                        new ResultLines(options.GetValueOrDefault("--json")));
                    return 0;
                default:
                    throw new UsageException($"command '{arguments.FirstOrDefault()}'; {Usage}");
            }
        }
        catch (DdoqException exception)
        {
            Console.Error.WriteLine($"error: {exception.Message}\nhint: {exception.Hint}");
            return exception.ExitCode;
        }
    }

    private static int Probe()
    {
        CudaProbe probe = CudaProbe.Run();
        Console.WriteLine($"driver: {probe.Driver}\nkernels: {probe.Kernels}");
        foreach ((CudaDevice device, _, string detail) in probe.Devices)
            Console.WriteLine($"device {device.Index}: {detail}");
        return probe.Devices.Any(one => one.Usable) ? 0 : 3;
    }

    // One process for each: a fault in one leaves the others their results.
    private static int Check(string? what, bool quick)
    {
        Action<CudaDevice, CaseResults, bool> check = what switch
        {
            "loss" => LossCheck.Run,
            "clvq" => ClvqUpdateCheck.Run,
            "gram" => GramCheck.Run,
            "quantizer" => QuantizerCheck.Run,
            _ => throw new UsageException($"check '{what}'; {Usage}"),
        };
        CudaDevice device = CudaDevice.Select([0])[0];
        var results = new CaseResults();
        check(device, results, quick);
        return results.Close(device);
    }

    private static int Kernels(Dictionary<string, string> options)
    {
        CudaDevice device = CudaDevice.Select([0])[0];
        (double? matrix, double? single) = Ceilings(options.GetValueOrDefault("--ceilings"));
        var lines = new ResultLines(options.GetValueOrDefault("--json"));
        KernelBenchReport report = KernelBench.Run(
            new KernelBenchOptions
            {
                Filter = options.GetValueOrDefault("--filter"),
                Samples = Number(options, "--samples", 20),
                Once = options.ContainsKey("--once"),
                MatrixTeraflops = matrix,
                SingleTeraflops = single,
                OnMeasured = one => lines.Add(device, one),
            },
            NullProgress.Instance,
            default);
        Console.Write(report.ToText());
        return report.Measurements.Any(one => one.Error is not null) ? 1 : 0;
    }

    // The products that peers.py measured, in its lines of JSON; none when the file is not there.
    private static (double? Matrix, double? Single) Ceilings(string? path)
    {
        double? matrix = null, single = null;
        if (path is null || !File.Exists(path))
            return (null, null);
        foreach (string line in File.ReadLines(path))
        {
            try
            {
                using JsonDocument row = JsonDocument.Parse(line);
                if (!row.RootElement.TryGetProperty("teraflops_per_second", out JsonElement value) || row.RootElement.GetProperty("kind").GetString() != "product")
                    continue;
                if (row.RootElement.GetProperty("type").GetString() == "f16")
                    matrix = value.GetDouble();
                else
                    single = value.GetDouble();
            }
            catch (JsonException)
            {
                Console.WriteLine($"{path}: a line was cut off"); // the step that wrote it was
            }
        }

        return (matrix, single);
    }

    private static Dictionary<string, string> Options(string[] arguments)
    {
        var options = new Dictionary<string, string>();
        for (int i = 0; i < arguments.Length; i++)
        {
            string name = arguments[i];
            if (name is "--quick" or "--once")
            {
                options[name] = string.Empty;
                continue;
            }

            if (name is not ("--filter" or "--samples" or "--ceilings" or "--json" or "--classes" or "--rows" or "--dimension" or "--centroids" or "--repeats"))
                throw new UsageException($"'{name}'; {Usage}");
            if (i + 1 == arguments.Length)
                throw new UsageException($"{name} has no value; {Usage}");
            options[name] = arguments[++i];
        }

        return options;
    }

    private static int Number(Dictionary<string, string> options, string name, int otherwise)
    {
        if (!options.TryGetValue(name, out string? text))
            return otherwise;
        if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) || value < 1)
            throw new UsageException($"{name} is '{text}'; allowed: 1 or more.");
        return value;
    }
}
