using System.Diagnostics;
using System.Globalization;
using Ddoq.Onnx.Models;
using Ddoq.Pipeline;
using Ddoq.Pipeline.Estimates;

namespace Ddoq.Bench.Synthesis;

/// <summary>Images per second against batch size, and the stage beside bare calls of ONNX Runtime.</summary>
internal static class SynthesisBench
{
    public static void Run(BenchArguments arguments) => Measure(
        ModelFolder.Open(arguments.Text("--model", ShippedResources.ReferenceModel)),
        arguments.Numbers("--batch-sizes", "1,2,4,8,16,32,50,64"),
        arguments.Number("--table-images", 200),
        arguments.Number("--images", 1200),
        arguments.Number("--workers", Environment.ProcessorCount),
        arguments.Number("--repeat", 3));

    private static void Measure(ModelFolder model, int[] batchSizes, int tableImages, int images, int workers, int repeat)
    {
        const int Batch = 50;
        using var stage = new StageRun(model);
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

        Compare(model, stage, shape.CallsPerBatch, Batch, images / Batch, workers, repeat);
    }

    // In turn in one process, so that a busy machine slows all alike; processor time hardly notices other work at all.
    private static void Compare(ModelFolder model, StageRun stage, int calls, int batch, int batches, int workers, int repeat)
    {
        using var lanes = new BareCalls(model, callThreads: 1);
        using var whole = new BareCalls(model, callThreads: workers);
        lanes.Run(workers, batch, 1, workers);
        whole.Run(1, batch, 1, 1);
        (string Name, Action Run)[] cases =
        [
            ("stage", () => stage.Run(batches * batch, batch, workers)),
            ("bare calls, one batch per core", () => lanes.Run(batches, batch, calls, workers)),
            ("bare calls, all cores on each", () => whole.Run(batches, batch, calls, 1)),
        ];
        var times = cases.Select(_ => new List<(double Wall, double Processor)>()).ToArray();
        Print($"\n| round | {string.Join(" | ", cases.Select(c => $"{c.Name}, s (processor s)"))} |\n|---|{string.Concat(cases.Select(_ => "---|"))}");
        for (int round = 0; round < repeat; round++)
        {
            for (int i = 0; i < cases.Length; i++)
                times[i].Add(Time(cases[i].Run));
            Print($"| {round + 1} | {string.Join(" | ", times.Select(t => string.Create(CultureInfo.InvariantCulture, $"{t[round].Wall:F2} ({t[round].Processor:F2})")))} |");
        }

        Print($"\nMedian of the rounds' ratios to the stage's time (1 would mean that nothing but the networks costs time; loading, noise, scheduler, guidance, PNG and metadata are in the stage):");
        for (int i = 1; i < cases.Length; i++)
        {
            Print($"{cases[i].Name}: {Median(times[i].Zip(times[0], (bare, full) => bare.Wall / full.Wall)):F3} of the time, {Median(times[i].Zip(times[0], (bare, full) => bare.Processor / full.Processor)):F3} of the processor time");
        }
    }

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted[sorted.Length / 2];
    }

    private static void Print(FormattableString line) => Console.WriteLine(line.ToString(CultureInfo.InvariantCulture));

    private static (double Wall, double Processor) Time(Action action)
    {
        TimeSpan before = Environment.CpuUsage.TotalTime;
        long start = Stopwatch.GetTimestamp();
        action();
        return (Stopwatch.GetElapsedTime(start).TotalSeconds, (Environment.CpuUsage.TotalTime - before).TotalSeconds);
    }
}
