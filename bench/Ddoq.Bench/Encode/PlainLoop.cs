using NetVips;
using VipsImage = NetVips.Image;

namespace Ddoq.Bench.Encode;

/// <summary>What anyone would write: libvips decodes and resizes files to thumbnails in parallel, and drops the pixels.</summary>
internal static class PlainLoop
{
    /// <summary>Sets libvips up as the engine does, which is also its fastest for many small images.</summary>
    public static void SetUp()
    {
        NetVips.NetVips.Concurrency = 1;
        Cache.Max = 0;
    }

    /// <summary>libvips' own thumbnails.</summary>
    public static void Thumbnails(ReadOnlyMemory<string> files, int size, int threads) => Run(files, threads, file =>
    {
        using VipsImage image = VipsImage.Thumbnail(file, size, height: size, crop: Enums.Interesting.Centre);
        Drop(image);
    });

    /// <summary>Load, cubic resize, crop: what the engine's fit asks for, in as few operations as possible.</summary>
    public static void LoadAndResize(ReadOnlyMemory<string> files, int size, int threads) => Run(files, threads, file =>
    {
        using VipsImage image = VipsImage.Jpegload(file, access: Enums.Access.Sequential);
        using VipsImage resized = image.Resize((double)size / Math.Min(image.Width, image.Height), kernel: Enums.Kernel.Cubic);
        using VipsImage cropped = resized.Crop((resized.Width - size) / 2, (resized.Height - size) / 2, size, size);
        Drop(cropped);
    });

    private static void Run(ReadOnlyMemory<string> files, int threads, Action<string> one) =>
        Parallel.For(0, files.Length, new ParallelOptions { MaxDegreeOfParallelism = threads }, i =>
        {
            try
            {
                one(files.Span[i]);
            }
            catch (VipsException)
            {
                // One of the damaged ones.
            }
        });

    private static void Drop(VipsImage image) => NetVips.NetVips.Free(image.WriteToMemory(out ulong _));
}
