namespace Ddoq.Imaging;

/// <summary>WebDataset shards: tar archives in which <c>key.jpg</c> is followed by <c>key.cls</c>, <c>key.json</c> or <c>key.txt</c>.</summary>
/// <remarks>
/// Shards in folders named for the split, or with the split in their names (<c>train-000000.tar</c>). Class names come from
/// <c>classnames.txt</c>, <c>classes.txt</c> or <c>labels.txt</c> beside the shards or in the data folder; else they are the labels' own
/// texts, or numbers of equal width. Without a file of names the training shards are indexed for the test split too, for they
/// number the classes.
/// </remarks>
internal sealed class WebDatasetFormat : IDatasetFormat
{
    private static readonly string[] s_places = ["", "data"];

    /// <inheritdoc/>
    public string Layout => "WebDataset shards: train-*.tar and val-*.tar or folders train/ and val/ of *.tar, with key.jpg and key.cls, key.json or key.txt";

    /// <inheritdoc/>
    public bool Recognises(string folder) => Find(folder).Count > 0;

    /// <inheritdoc/>
    public IImageDataset Open(string folder, DatasetSplit split, ImageDatasetOptions options)
    {
        (ShardSet shards, ShardSet defining) = ShardSet.Choose(folder, Find(folder), split);
        var remarks = new RemarkCounter();
        ShardSamples[] samples = Read(folder, shards, remarks, options.Cancellation);
        WrittenLabels[] sources = [.. samples.Select((shard, i) => SourceOf(shard, folder, shards, i))];
        string where = Path.Combine(folder, shards.Part);
        string[] all = LabelledClasses.NamesBeside(where, folder) ?? LabelledClasses.NamesOf(
            defining == shards ? sources : Read(folder, defining, new RemarkCounter(), options.Cancellation).Select((shard, i) => SourceOf(shard, folder, defining, i)),
            Path.Combine(folder, defining.Part));
        var classes = LabelledClasses.Choose(all, options, where);
        var images = new TarImages(folder, shards.Part);
        var labels = new List<int>();
        for (int i = 0; i < samples.Length; i++)
        {
            images.AddArchive(shards.Files[i]);
            for (int row = 0; row < samples[i].Images.Count; row++)
            {
                int label = classes.LabelOf(sources[i], row);
                if (label < 0)
                    continue;
                images.AddImage(samples[i].Images[row]);
                labels.Add(label);
            }
        }

        if (split != DatasetSplit.Test)
            classes.CheckAllThere(labels, where, shards.Files[0]);
        return new EncodedImageDataset(folder, "webdataset", images, [.. labels], classes.Names, options with { AllowMismatchedExtension = true }, remarks);
    }

    private static Dictionary<string, ShardSet> Find(string folder) => ShardSet.Find(folder, s_places, ShardsIn);

    // Archives of classes look alike but for their contents.
    private static string[] ShardsIn(string folder)
    {
        string[] archives = TarIndex.ArchivesIn(folder);
        return archives.Length > 0 && ShardSamples.IsShard(Path.Combine(folder, archives[0])) ? archives : [];
    }

    private static WrittenLabels SourceOf(ShardSamples samples, string folder, ShardSet shards, int index)
    {
        string path = Path.Combine(folder, shards.Part, shards.Files[index]);
        return new WrittenLabels(samples.Labels, row => $"{path}:{samples.Images[row].Name}");
    }

    private static ShardSamples[] Read(string folder, ShardSet shards, RemarkCounter remarks, CancellationToken cancellation)
    {
        var samples = new ShardSamples[shards.Files.Length];
        using var files = new FileHandlePool(Environment.ProcessorCount);
        WorkerLoop.Run(
            samples.Length,
            Environment.ProcessorCount,
            i => samples[i] = ShardSamples.Read(Path.Combine(folder, shards.Part, shards.Files[i]), files, remarks, cancellation),
            cancellation);
        return samples;
    }
}
