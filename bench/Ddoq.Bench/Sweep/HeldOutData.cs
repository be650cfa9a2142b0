using System.Buffers.Binary;
using Ddoq.Imaging;

namespace Ddoq.Bench.Sweep;

/// <summary>A split of the training images alone: every n-th one is held out and stands where a dataset has its test images.</summary>
internal static class HeldOutData
{
    /// <summary>Writes the split as IDX files, unless they are there.</summary>
    /// <param name="source">A dataset of grey images of one size.</param>
    /// <param name="folder">Receives the four files and <c>classes.txt</c>.</param>
    /// <param name="stride">One image in so many is held out.</param>
    /// <returns>Images to distil and images held out.</returns>
    public static (int Train, int HeldOut) Write(string source, string folder, int stride)
    {
        using IImageDataset dataset = ImageDatasets.Open(source, DatasetSplit.Train);
        int heldOut = dataset.Count / stride;
        if (!dataset.IsGrey)
            throw new UsageException($"{source} has colour images", "This bench writes its split as IDX files, which are grey.");
        string names = Path.Combine(folder, "classes.txt");
        if (File.Exists(names))
            return (dataset.Count - heldOut, heldOut);

        Directory.CreateDirectory(folder);
        WriteSplit(dataset, [.. Enumerable.Range(0, dataset.Count).Where(i => i % stride != stride - 1)], folder, "train");
        WriteSplit(dataset, [.. Enumerable.Range(0, dataset.Count).Where(i => i % stride == stride - 1)], folder, "t10k");
        File.WriteAllLines(names, dataset.ClassNames);
        return (dataset.Count - heldOut, heldOut);
    }

    private static void WriteSplit(IImageDataset dataset, int[] rows, string folder, string name)
    {
        ImageSize size = dataset.SizeOf(0);
        var fit = new ImageFit(size.Height, size.Width, FitMode.Pad);
        int pixels = size.Height * size.Width;
        byte[] images = new byte[16 + (rows.Length * pixels)], labels = new byte[8 + rows.Length], rgb = new byte[3 * pixels];
        WriteHeader(images, 0x803, rows.Length, size.Height, size.Width);
        WriteHeader(labels, 0x801, rows.Length);
        for (int i = 0; i < rows.Length; i++)
        {
            dataset.ReadRgb(rows[i], fit, rgb);
            PlanarRgb.ToGrey(rgb, images.AsSpan(16 + (i * pixels), pixels));
            labels[8 + i] = (byte)dataset.LabelOf(rows[i]);
        }

        File.WriteAllBytes(Path.Combine(folder, $"{name}-images-idx3-ubyte"), images);
        File.WriteAllBytes(Path.Combine(folder, $"{name}-labels-idx1-ubyte"), labels);
    }

    private static void WriteHeader(Span<byte> file, params ReadOnlySpan<int> numbers)
    {
        for (int i = 0; i < numbers.Length; i++)
            BinaryPrimitives.WriteInt32BigEndian(file[(4 * i)..], numbers[i]);
    }
}
