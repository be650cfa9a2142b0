using System.Globalization;
using Ddoq.Cuda;
using Ddoq.Cuda.Benchmarks;

namespace Ddoq.Bench.Device;

/// <summary>Checks and measures the CUDA quantiser on the device of a machine that has no .NET: <c>check</c>, <c>kernels</c>, <c>cluster</c>.</summary>
internal static class Program
{
    private const string Usage =
        "allowed: probe; check [--quick]; kernels [--filter TEXT] [--samples N] [--json FILE] [--md FILE]; "
        + "cluster [--classes C] [--rows N] [--dimension D] [--centroids K] [--repeats R] [--json FILE]";

    private static int Main(string[] arguments)
    {
        try
        {
            Dictionary<string, string> options = Options(arguments);
            switch (arguments.FirstOrDefault())
            {
                case "probe":
                    return Probe();
                case "check":
                    return Check(options.ContainsKey("--quick"));
                case "kernels":
                    Kernels(options);
                    return 0;
                case "cluster":
                    Cluster(options);
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

    private static int Check(bool quick)
    {
        CudaDevice device = CudaDevice.Select([0])[0];
        var results = new CaseResults();
        LossCheck.Run(device, results, quick);
        ClvqUpdateCheck.Run(device, results, quick);
        QuantizerCheck.Run(device, results, quick);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{results.Passed} passed, {results.Failed} failed on {device.Name}{(device.IsEmulated ? ", emulated: logic only" : string.Empty)}"));
        return results.Failed == 0 && results.Passed > 0 ? 0 : 1;
    }

    private static void Kernels(Dictionary<string, string> options)
    {
        KernelBenchReport report = KernelBench.Run(
            new KernelBenchOptions { Filter = options.GetValueOrDefault("--filter"), Samples = Number(options, "--samples", 20) }, NullProgress.Instance, default);
        if (options.GetValueOrDefault("--json") is { } json)
            KernelReportFile.Write(report, json);
        if (options.GetValueOrDefault("--md") is { } markdown)
            File.WriteAllText(markdown, report.ToMarkdown());
        Console.Write(report.ToText());
    }

    private static void Cluster(Dictionary<string, string> options)
    {
        string line = ClusterRun.Run(
            Number(options, "--classes", 1000), Number(options, "--rows", 1300), Number(options, "--dimension", 4096), Number(options, "--centroids", 50), Number(options, "--repeats", 3));
        if (options.GetValueOrDefault("--json") is { } json)
            File.WriteAllText(json, line + "\n");
        Console.WriteLine(line);
    }

    private static Dictionary<string, string> Options(string[] arguments)
    {
        var options = new Dictionary<string, string>();
        for (int i = 1; i < arguments.Length; i++)
        {
            string name = arguments[i];
            if (name is not ("--quick" or "--filter" or "--samples" or "--json" or "--md" or "--classes" or "--rows" or "--dimension" or "--centroids" or "--repeats"))
                throw new UsageException($"'{name}'; {Usage}");
            if (name != "--quick" && i + 1 == arguments.Length)
                throw new UsageException($"{name} has no value; {Usage}");
            options[name] = name == "--quick" ? string.Empty : arguments[++i];
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
