using System.Diagnostics;
using System.Globalization;
using Ddoq.Imaging;

namespace Ddoq.Bench.Encode;

/// <summary>Images per second of the batch reader in every layout, beside plain libvips loops on the same images.</summary>
internal static class EncodeBench
{
    public static void Run(BenchArguments arguments)
    {
        string folder = arguments.Text("--images") ?? throw new UsageException("--images is missing", "Give the folder that bench/encode/generate.py wrote.");
        Run(
            new MasterImages(folder),
            arguments.Text("--work", Path.Combine(folder, "layouts")),
            arguments.Text("--layouts", string.Join(',', Layouts.All.Keys)).Split(','),
            arguments.Number("--size", 256),
            arguments.Number("--threads", Environment.ProcessorCount),
            arguments.Number("--rounds", 20));
    }

    private static void Run(MasterImages images, string work, string[] layouts, int size, int threads, int rounds)
    {
        PlainLoop.SetUp();
        long bytes = images.Files.Sum(file => new FileInfo(file).Length);
        Print($"{images.Files.Length} images, {bytes / 1e9:F2} GB, {images.Damaged.Length} of them damaged; crop-centre {size}x{size} bicubic; {threads} threads; {rounds} rounds; medians\n");
        Print($"| layout | index, s | reader, images/s | vips_thumbnail, images/s | load + resize, images/s | reader / faster loop | the same, lowest and highest round | by processor time | damaged found |");
        Print($"|---|---|---|---|---|---|---|---|---|");
        foreach (string layout in layouts)
        {
            string folder = Path.Combine(work, layout);
            if (Directory.Exists(folder))
                Directory.Delete(folder, recursive: true);
            Layouts.All[layout](images, folder);
            Measure(images, layout, folder, size, threads, rounds);
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Measure(MasterImages images, string layout, string folder, int size, int threads, int rounds)
    {
        long start = Stopwatch.GetTimestamp();
        using IImageDataset dataset = ImageDatasets.Open(folder, layout == "validation" ? DatasetSplit.Test : DatasetSplit.Train);
        double index = Stopwatch.GetElapsedTime(start).TotalSeconds;
        if (dataset.Count != images.Files.Length || Enumerable.Range(0, dataset.Count).Any(i => dataset.LabelOf(i) != images.Labels[i]))
            throw new InvalidOperationException($"{layout}: images or labels are not those that were written");

        var run = new LayoutRun(images, dataset, size, threads);
        run.Run(rounds);
        double[] walls = [.. Enumerable.Range(0, rounds).Select(i => run.Ours[i].Wall / Math.Max(run.Thumbnails[i].Wall, run.LoadAndResize[i].Wall))];
        double[] processors = [.. Enumerable.Range(0, rounds).Select(i => run.Ours[i].Processor / Math.Max(run.Thumbnails[i].Processor, run.LoadAndResize[i].Processor))];
        int[] found = [.. run.Damaged.Select(image => image.Index).Order()];
        string damage = found.SequenceEqual(images.Damaged) ? $"all {found.Length}" : $"{found.Length} of {images.Damaged.Length}, not the same";
        Print($"| {layout} | {index:F1} | {Median(run.Ours):F0} | {Median(run.Thumbnails):F0} | {Median(run.LoadAndResize):F0} | {Median(walls):F2} | {walls.Min():F2} to {walls.Max():F2} | {Median(processors):F2} | {damage} |");
        if (run.Damaged.Count == 0)
            return;
        Console.Error.WriteLine($"{layout}: {run.Damaged[0].Name}: {run.Damaged[0].Reason}");
        foreach (IGrouping<string, DamagedImage> kind in run.Damaged.GroupBy(image => image.Reason.Split('(')[0].Trim()))
            Console.Error.WriteLine($"{layout}: {kind.Count()} x {kind.Key}");
    }

    private static double Median(IEnumerable<Rate> rates) => Median([.. rates.Select(rate => rate.Wall)]);

    private static double Median(double[] values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    private static void Print(FormattableString text) => Console.WriteLine(text.ToString(CultureInfo.InvariantCulture));
}
