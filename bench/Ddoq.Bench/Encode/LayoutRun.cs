using System.Diagnostics;
using Ddoq.Imaging;

namespace Ddoq.Bench.Encode;

/// <summary>Rates of one round, in images per second of the wall clock and of processor time.</summary>
internal readonly record struct Rate(double Wall, double Processor);

/// <summary>One layout read from end to end, in rounds that alternate with the plain loops.</summary>
internal sealed class LayoutRun(MasterImages images, IImageDataset dataset, int size, int threads)
{
    private readonly ImageFit _fit = new(size, size);

    public List<Rate> Ours { get; } = [];

    public List<Rate> Thumbnails { get; } = [];

    public List<Rate> LoadAndResize { get; } = [];

    public List<DamagedImage> Damaged { get; } = [];

    /// <summary>Reads the images in <paramref name="rounds"/> parts; the plain loops take a part of each part.</summary>
    public void Run(int rounds)
    {
        for (int round = 0; round < rounds; round++)
        {
            int first = (int)((long)round * images.Files.Length / rounds), end = (int)((round + 1L) * images.Files.Length / rounds);
            int plain = (end - first) * 2 / 5;
            ReadOnlyMemory<string> firstFiles = images.Files.AsMemory(first, plain), lastFiles = images.Files.AsMemory(end - plain, plain);
            Action[] arms =
            [
                () => Ours.Add(Measure(end - first, () => Read(first, end - first))),
                () => Thumbnails.Add(Measure(plain, () => PlainLoop.Thumbnails(firstFiles, size, threads))),
                () => LoadAndResize.Add(Measure(plain, () => PlainLoop.LoadAndResize(lastFiles, size, threads))),
            ];

            // Each arm comes first, second and last in turn.
            for (int i = 0; i < arms.Length; i++)
                arms[(round + i) % arms.Length]();
        }
    }

    private void Read(int first, int count)
    {
        var reader = new ImageBatchReader(dataset, _fit, new ImageBatchOptions { BatchSize = 256, Workers = threads, Damage = DamagePolicy.Skip(images.Files.Length) });
        int kept = 0;
        foreach (ImageBatch batch in reader.Read(first, count))
            kept += batch.Count;
        Damaged.AddRange(reader.Damaged);
        if (kept + reader.Damaged.Count != count)
            throw new InvalidOperationException($"{kept} images and {reader.Damaged.Count} damaged ones are not {count}");
    }

    private static Rate Measure(int count, Action action)
    {
        using var process = Process.GetCurrentProcess();
        TimeSpan processor = process.TotalProcessorTime;
        long start = Stopwatch.GetTimestamp();
        action();
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        process.Refresh();
        return new Rate(count / seconds, count / (process.TotalProcessorTime - processor).TotalSeconds);
    }
}
