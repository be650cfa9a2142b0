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
