namespace Ddoq.Imaging;

/// <summary>Opens image datasets, whatever format they are in.</summary>
public static class ImageDatasets
{
    // Asked in this order; the first that recognises the folder opens it. A new reader is a new line here.
    private static readonly IDatasetFormat[] s_formats = [new IdxFormat(), new ParquetFormat(), new WebDatasetFormat(), new ImageNetFormat(), new ImageFolderFormat()];

    /// <summary>Opens one split of the dataset in a folder.</summary>
    /// <param name="dataDir">
    /// A folder with the four IDX files of MNIST, Fashion-MNIST and their kin (gzip or not), or an ImageFolder
    /// (<c>train/&lt;class&gt;/*</c> with <c>val/</c> or <c>test/</c> beside it, or the class folders themselves), or a
    /// distilled set (an ImageFolder whose <c>metadata.jsonl</c> gives label and class name of each image), or ImageNet as its
    /// sources ship it (a tar archive a class, validation images in one folder, Kaggle's tree), or WebDataset or Parquet shards.
    /// </param>
    /// <param name="split">Which part.</param>
    /// <param name="options">Null for <see cref="ImageDatasetOptions.Default"/>.</param>
    /// <returns>The dataset; the caller disposes of it.</returns>
    /// <exception cref="UsageException">The folder is not there, or does not have the split.</exception>
    /// <exception cref="DdoqException">No dataset is recognised in the folder, or its files contradict each other.</exception>
    public static IImageDataset Open(string dataDir, DatasetSplit split, ImageDatasetOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(dataDir);
        if (!Directory.Exists(dataDir))
        {
            throw File.Exists(dataDir)
                ? new UsageException($"{dataDir} is a file, the data folder is needed", "give the folder that holds it")
                : new UsageException($"data folder {dataDir} is not there", "check the path; relative paths start at the working directory");
        }

        foreach (IDatasetFormat format in s_formats)
        {
            if (DataFile.Guard(dataDir, format, static (format, path) => format.Recognises(path)))
                return DataFile.Guard(dataDir, (format, split, options), static (open, path) =>
                    open.format.Open(path, open.split, open.options ?? ImageDatasetOptions.Default));
        }

        throw new DdoqException(
            $"no image dataset is recognised in {dataDir}",
            "expected " + string.Join("; or ", s_formats.Select(format => format.Layout)));
    }
}

/// <summary>Which part of a dataset to open.</summary>
public enum DatasetSplit
{
    /// <summary>The training images: <c>train/</c>, <c>train-*</c> IDX files, or class folders that are not split.</summary>
    Train,

    /// <summary>The test images: the first of <c>val/</c>, <c>valid/</c>, <c>validation/</c>, <c>test/</c>, or <c>t10k-*</c> IDX files.</summary>
    Test,

    /// <summary>The class folders in the folder itself, whatever they are for.</summary>
    Unsplit,
}

/// <summary>How a dataset is opened and its images are decoded.</summary>
public sealed record ImageDatasetOptions
{
    /// <summary>The defaults.</summary>
    public static ImageDatasetOptions Default { get; } = new();

    /// <summary>
    /// Decode a file by its contents when its extension names another format (a JPEG called <c>.png</c>). Off by default:
    /// such a file often means a broken download or conversion. Always on where the classes are WordNet numbers and in archives:
    /// ImageNet-1K itself has such a file, and a member of an archive cannot be renamed.
    /// </summary>
    public bool AllowMismatchedExtension { get; init; }

    /// <summary>
    /// The grey level (0 to 255) behind transparent pixels, white by default. Pillow's <c>convert("RGB")</c>, and with it
    /// torchvision's loader, drops alpha instead and shows whatever colour lies under the transparency.
    /// </summary>
    public byte AlphaBackground { get; init; } = 255;

    /// <summary>The classes to take; null takes all.</summary>
    public ClassSubset? Classes { get; init; }

    /// <summary>Stops listing, indexing and fingerprinting with an <see cref="OperationCanceledException"/>; reading an image is not stopped.</summary>
    public CancellationToken Cancellation { get; init; }

    /// <summary>
    /// Class names in the label order to use, for example those of the model. The dataset's classes must be the same names,
    /// in any order; labels then follow this list. Null keeps the dataset's own order.
    /// </summary>
    public IReadOnlyList<string>? ClassNames { get; init; }
}

/// <summary>A kind of dataset on disk that <see cref="ImageDatasets.Open"/> can recognise and open.</summary>
internal interface IDatasetFormat
{
    /// <summary>What a folder of this kind holds, for the error message when nothing is recognised.</summary>
    string Layout { get; }

    /// <summary>True when the folder is of this kind, even if it turns out to be broken.</summary>
    bool Recognises(string folder);

    /// <summary>Opens a split of a folder that was recognised.</summary>
    IImageDataset Open(string folder, DatasetSplit split, ImageDatasetOptions options);
}
