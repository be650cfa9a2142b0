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
        Print($"\n| batch size | images/s | processor time per image, ms |\n|---|---|---|");
        stage.Run(Batch, Batch, workers);
        foreach (int size in batchSizes)
        {
            // Whole rounds of all workers, so that no size is charged for an idle worker at the end.
            int count = Math.Max(1, tableImages / (size * workers)) * size * workers;
            (double seconds, double processor) = Time(() => stage.Run(count, size, workers));
            Print($"| {size} | {count / seconds:F1} | {1000 * processor / count:F1} |");
        }

        // In turn in one process, so that a busy machine slows both alike; processor time hardly notices other work at all.
        var walls = new List<double>();
        var processors = new List<double>();
        int batches = images / Batch;
        bare.Run(workers, Batch, 1, workers);
        Print($"\n| round | stage, s | bare calls, s | bare / stage | stage, processor s | bare, processor s | bare / stage |\n|---|---|---|---|---|---|---|");
        for (int round = 0; round < repeat; round++)
        {
            (double whole, double wholeProcessor) = Time(() => stage.Run(batches * Batch, Batch, workers));
            (double calls, double callsProcessor) = Time(() => bare.Run(batches, Batch, shape.CallsPerBatch, workers));
            walls.Add(calls / whole);
            processors.Add(callsProcessor / wholeProcessor);
            Print($"| {round + 1} | {whole:F2} | {calls:F2} | {walls[^1]:F3} | {wholeProcessor:F2} | {callsProcessor:F2} | {processors[^1]:F3} |");
        }

        walls.Sort();
        processors.Sort();
        Print($"\nMedian ratio: {walls[walls.Count / 2]:F3} of the time, {processors[processors.Count / 2]:F3} of the processor time (1 would mean that nothing but the networks costs time; loading, noise, scheduler, guidance, PNG and metadata are in the stage).");
    }

    private static void Print(FormattableString line) => Console.WriteLine(line.ToString(CultureInfo.InvariantCulture));

    private static (double Wall, double Processor) Time(Action action)
    {
        TimeSpan before = Environment.CpuUsage.TotalTime;
        long start = Stopwatch.GetTimestamp();
        action();
        return (Stopwatch.GetElapsedTime(start).TotalSeconds, (Environment.CpuUsage.TotalTime - before).TotalSeconds);
    }

    private static int Number(Dictionary<string, string> options, string name, int fallback) =>
        options.TryGetValue(name, out string? text) ? int.Parse(text, CultureInfo.InvariantCulture) : fallback;
}
