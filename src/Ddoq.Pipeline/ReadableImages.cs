using Ddoq.Imaging;
using ImageFit = Ddoq.Imaging.ImageFit;

namespace Ddoq.Pipeline;

/// <summary>The images of a dataset that can be decoded, in its order.</summary>
internal sealed class ReadableImages
{
    private readonly int[]? _indices;

    private ReadableImages(int count, int[]? indices) => (Count, _indices) = (count, indices);

    public int Count { get; }

    public int this[int row] => _indices is null ? row : _indices[row];

    /// <summary>All images when none may be damaged (the first that is stops the stage later); else decodes each once to find out.</summary>
    public static ReadableImages Find(IImageDataset dataset, ImageFit fit, int maxDamaged, StageContext context)
    {
        if (maxDamaged == 0)
            return new ReadableImages(dataset.Count, null);
        var damage = new string?[dataset.Count];
        int pixels = 3 * fit.Height * fit.Width;
        context.Progress.Begin("check images", dataset.Count, "images");
        try
        {
            context.ForEach(dataset.Count, () => new PixelBuffer(pixels), (i, buffer) =>
            {
                try
                {
                    dataset.ReadRgb(i, fit, buffer.Bytes);
                }
                catch (DamagedImageException e)
                {
                    damage[i] = e.Message;
                }

                context.Progress.Advance(1);
            });
        }
        finally
        {
            context.Progress.End();
        }

        string[] found = [.. damage.OfType<string>()];
        foreach (string message in found.Take(maxDamaged))
            context.Progress.Message($"skipped: {message}");
        if (found.Length > maxDamaged)
        {
            throw new DdoqException(
                $"{found.Length} of {dataset.Count} images are damaged, {maxDamaged} are allowed; the first beyond: {found[maxDamaged]}",
                "Mend or remove the files, or raise --max-damaged.");
        }

        return found.Length == 0
            ? new ReadableImages(dataset.Count, null)
            : new ReadableImages(dataset.Count - found.Length, [.. Enumerable.Range(0, dataset.Count).Where(i => damage[i] is null)]);
    }
}
