using System.Text.Json;
using System.Text.Json.Nodes;
using Ddoq.Imaging;
using Ddoq.Storage;

namespace Ddoq.Pipeline;

/// <summary>
/// The images that a stage left out: damaged ones, told as they are met, counted against the limit, and kept in <c>damaged.csv</c>; and
/// what the dataset passed over, kept by kind in <c>passed-over.csv</c>.
/// </summary>
/// <param name="dataset">The images.</param>
/// <param name="limit">How many may be damaged before the stage fails.</param>
/// <param name="progress">Told of each.</param>
internal sealed class DamageReport(IImageDataset dataset, int limit, IProgressSink progress)
{
    /// <summary>Name of the file: a line <c>image,reason</c> for each image that was left out.</summary>
    public const string FileName = "damaged.csv";

    /// <summary>Name of the file: a line <c>kind,count,example</c> for each kind of file that is no image of the dataset.</summary>
    public const string PassedOverFileName = "passed-over.csv";

    private const string DetailsKey = "damaged";
    private readonly List<DamagedImage> _images = [];

    /// <summary>The images left out, in the order of the dataset.</summary>
    public IReadOnlyList<DamagedImage> Images => _images;

    /// <summary>Images as a share's details.</summary>
    public static JsonObject? ToDetails(IReadOnlyList<DamagedImage> images) =>
        images.Count == 0 ? null : new JsonObject { [DetailsKey] = JsonSerializer.SerializeToNode(images, ResultFiles.Options) };

    /// <summary>The images that the shares in some folders left out.</summary>
    public static IReadOnlyList<DamagedImage> OfShares(IEnumerable<string> folders) =>
    [
        .. folders.SelectMany(folder => new ShareFolder(folder).Read())
            .SelectMany(share => share.Record.Details?[DetailsKey]?.Deserialize<DamagedImage[]>(ResultFiles.Options) ?? []),
    ];

    /// <summary>Takes in images that an earlier run left out; each is decoded again to learn what is wrong with it.</summary>
    /// <exception cref="DdoqException">More are damaged than allowed, or one is not damaged any more.</exception>
    public void AddEarlier(IEnumerable<int> indices, ImageFit fit)
    {
        byte[] pixels = new byte[3 * fit.Height * fit.Width];
        foreach (int index in indices)
        {
            try
            {
                dataset.ReadRgb(index, fit, pixels);
            }
            catch (DamagedImageException e)
            {
                Add(new DamagedImage(index, dataset.NameOf(index), e.Reason));
                continue;
            }

            throw new DdoqException(
                $"{dataset.NameOf(index)} was damaged when an earlier run left it out, and is not any more",
                "start over with --force, so that it is taken in");
        }
    }

    /// <summary>Takes in one image that was left out.</summary>
    /// <exception cref="DdoqException">More are damaged than allowed.</exception>
    public void Add(DamagedImage image)
    {
        if (_images.Count == limit)
        {
            throw new DdoqException(
                $"more than {limit} of {dataset.Count} images are damaged; the first beyond: {Path.Combine(dataset.Location, image.Name)}: {image.Reason}",
                "Mend or remove the files, or raise --max-damaged; what is done stays.");
        }

        _images.Add(image);
        progress.Message($"skipped: {image.Name}: {image.Reason}");
    }

    /// <summary>Tells what was left out or is odd, a line for each kind.</summary>
    public void Tell(IEnumerable<DataRemark> remarks, string title)
    {
        foreach (DataRemark remark in remarks)
            progress.Message($"{title}: {remark}");
    }

    /// <summary>Writes both files (RFC 4180, but lines end in '\n'), atomically; none of which there is nothing to say.</summary>
    /// <returns>The names of the files written.</returns>
    /// <param name="folder">The stage's folder.</param>
    /// <param name="images">Images left out.</param>
    /// <param name="passedOver">Files that are no images of the dataset.</param>
    public static IEnumerable<string> Write(string folder, IEnumerable<DamagedImage> images, IEnumerable<DataRemark> passedOver) =>
    [
        .. Write(folder, FileName, "image,reason", images.Select(image => $"{Quote(image.Name)},{Quote(image.Reason)}")),
        .. Write(folder, PassedOverFileName, "kind,count,example", passedOver.Select(remark => $"{Quote(remark.Kind)},{remark.Count},{Quote(remark.Example)}")),
    ];

    private static string[] Write(string folder, string name, string header, IEnumerable<string> rows)
    {
        string[] lines = [.. rows];
        if (lines.Length == 0)
            return [];
        AtomicFile.WriteAllText(Path.Combine(folder, name), string.Concat(lines.Prepend(header).Select(line => line + "\n")));
        return [name];
    }

    /// <summary>Refuses a complete result that left out more images than this run allows.</summary>
    /// <exception cref="DdoqException">It did.</exception>
    public static void CheckComplete(string folder, int limit)
    {
        string path = Path.Combine(folder, FileName);
        int count = File.Exists(path) ? File.ReadLines(path).Count() - 1 : 0;
        if (count > limit)
            throw new DdoqException($"'{folder}' was made without {count} damaged images (see {FileName}), {limit} are allowed", "Raise --max-damaged, or mend the images and start over with --force.");
    }

    private static string Quote(string text) =>
        text.AsSpan().ContainsAny(",\"\r\n") ? $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : text;
}
