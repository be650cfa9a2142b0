using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Ddoq.Quantization;

namespace Ddoq.Bench.Quantize;

/// <summary>Times the quantiser over all classes and prints one JSON object; the centres go to a file for the common evaluation.</summary>
internal static class QuantizeRun
{
    public static void Execute(Dictionary<string, string> arguments)
    {
        var options = new QuantizerOptions
        {
            CentroidCount = Program.Number(arguments, "--centroids"),
            Algorithm = Enum.Parse<QuantizationAlgorithm>(arguments["--algorithm"], ignoreCase: true),
            Workers = Program.Number(arguments, "--workers"),
            Space = arguments.TryGetValue("--space", out string? space) ? Enum.Parse<QuantizationSpace>(space, ignoreCase: true) : QuantizationSpace.Auto,
            Restarts = Program.Number(arguments, "--restarts", 1),
            MaxIterations = Program.Number(arguments, "--max-iterations", 300),
            Seed = (ulong)Program.Number(arguments, "--seed", 1),
        };
        using var source = new NpyLatentSource(arguments["--file"], Program.Number(arguments, "--held-out"));
        using var quantizer = new CpuQuantizer();
        int repeat = Program.Number(arguments, "--repeat");
        double budget = Program.Number(arguments, "--budget", 60);
        var results = new ClassQuantization[source.ClassNames.Count];

        // Compile the code paths, to the end of what the runtime does in the background, and bring the file into memory.
        long began = Stopwatch.GetTimestamp();
        for (int warmUp = 0; warmUp < 1 || (warmUp < 20 && Stopwatch.GetElapsedTime(began).TotalSeconds < 1.5); warmUp++)
            quantizer.Fit(source, options, result => results[result.ClassIndex] = result, null, NullProgress.Instance, default);
        var seconds = new List<double>();
        while (seconds.Count < repeat && seconds.Sum() < budget)
        {
            long start = Stopwatch.GetTimestamp();
            quantizer.Fit(source, options, result => results[result.ClassIndex] = result, null, NullProgress.Instance, default);
            seconds.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        WriteCentroids(arguments["--output"], results, options.CentroidCount, source.Shape.Length);
        Console.WriteLine(JsonSerializer.Serialize(new Dictionary<string, object>
        {
            ["method"] = "ddoq " + options.Algorithm.ToString().ToLowerInvariant() + (options.Restarts > 1 ? $" x{options.Restarts}" : ""),
            ["device"] = quantizer.Description,
            ["space"] = results[0].Space.ToString(),
            ["seconds"] = seconds,
            ["iterations"] = results.Average(result => result.IterationCount),
            ["distortion"] = results.Average(result => result.Distortion),
            ["energy"] = results.Average(result => result.EnergyDistance) ?? 0,
            ["peak_bytes"] = PeakAnonymousBytes(),
        }));
    }

    private static void WriteCentroids(string path, ClassQuantization[] results, int centroids, int dimension)
    {
        using FileStream stream = File.Create(path, 1 << 20);
        NpyFile.WriteHeader(stream, "<f4", results.Length, centroids, dimension);
        foreach (ClassQuantization result in results)
            stream.Write(MemoryMarshal.AsBytes<float>(result.Centroids));
    }

    // The kernel's peak counts the mapped file too, for every program here: subtract what is mapped now.
    private static long PeakAnonymousBytes()
    {
        Dictionary<string, long> status = File.ReadLines("/proc/self/status")
            .Select(line => line.Split(':', 2))
            .Where(parts => parts[1].EndsWith("kB", StringComparison.Ordinal))
            .ToDictionary(parts => parts[0], parts => long.Parse(parts[1].Trim().Split(' ')[0], CultureInfo.InvariantCulture) * 1024);
        return status["VmHWM"] - status["RssFile"];
    }
}
