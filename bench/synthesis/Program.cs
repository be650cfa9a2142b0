using System.Diagnostics;
using System.Globalization;
using Ddoq.Onnx.Models;
using Ddoq.Pipeline;
using Ddoq.Pipeline.Stages;

namespace Ddoq.Bench.Synthesis;

/// <summary>Images per second against batch size, and the stage beside bare calls of ONNX Runtime.</summary>
internal static class Program
{
    private static int Main(string[] arguments)
    {
        var options = new Dictionary<string, string>();
        for (int i = 0; i + 1 < arguments.Length; i += 2)
            options[arguments[i]] = arguments[i + 1];
        try
        {
            Measure(
                ModelFolder.Open(options.GetValueOrDefault("--model") ?? ShippedResources.ReferenceModel),
                [.. (options.GetValueOrDefault("--batch-sizes") ?? "1,2,4,8,16,32,50,64").Split(',').Select(size => int.Parse(size, CultureInfo.InvariantCulture))],
                Number(options, "--table-images", 200),
                Number(options, "--images", 1200),
                Number(options, "--workers", Environment.ProcessorCount),
                Number(options, "--repeat", 3));
            return 0;
        }
        catch (DdoqException exception)
        {
            Console.Error.WriteLine($"error: {exception.Message}\nhint: {exception.Hint}");
            return exception.ExitCode;
        }
    }

    private static void Measure(ModelFolder model, int[] batchSizes, int tableImages, int images, int workers, int repeat)
    {
        const int Batch = 50;
        using var stage = new StageRun(model);
        using var bare = new BareCalls(model);
        SynthesisEstimate shape = stage.Estimate(images, Batch, workers);
        Print($"{shape.Provider}; {shape.CallsPerBatch} network calls per batch, guided; {images} images");
        Print($"\n| batch size | images/s |\n|---|---|");
        stage.Run(Batch, Batch, workers);
        foreach (int size in batchSizes)
        {
            // Whole rounds of all workers, so that no size is charged for an idle worker at the end.
            int count = Math.Max(1, tableImages / (size * workers)) * size * workers;
            double seconds = Seconds(() => stage.Run(count, size, workers));
            Print($"| {size} | {count / seconds:F1} |");
        }

        // Side by side in one process, so that a busy machine slows both alike.
        var ratios = new List<double>();
        int batches = images / Batch;
        bare.Run(workers, Batch, 1, workers);
        Print($"\n| round | stage, s | bare calls, s | bare / stage |\n|---|---|---|---|");
        for (int round = 0; round < repeat; round++)
        {
            double whole = Seconds(() => stage.Run(batches * Batch, Batch, workers));
            double calls = Seconds(() => bare.Run(batches, Batch, shape.CallsPerBatch, workers));
            ratios.Add(calls / whole);
            Print($"| {round + 1} | {whole:F2} | {calls:F2} | {calls / whole:F3} |");
        }

        ratios.Sort();
        Print($"\nMedian ratio: {ratios[ratios.Count / 2]:F3} (1 would mean that nothing but the networks costs time; loading, noise, scheduler, guidance, PNG and metadata are in the stage).");
    }

    private static void Print(FormattableString line) => Console.WriteLine(line.ToString(CultureInfo.InvariantCulture));

    private static double Seconds(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static int Number(Dictionary<string, string> options, string name, int fallback) =>
        options.TryGetValue(name, out string? text) ? int.Parse(text, CultureInfo.InvariantCulture) : fallback;
}
