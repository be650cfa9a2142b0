using Ddoq.Distilled;

namespace Ddoq.Imaging;

/// <summary>Parquet shards with a column of images and one of labels, as Hugging Face stores image datasets.</summary>
/// <remarks>
/// <c>data/train-00000-of-00016.parquet</c> and its like, the same files without the folder, or folders named for the split. Class names
/// are those in <c>classnames.txt</c>, <c>classes.txt</c> or <c>labels.txt</c> beside the shards or in the data folder, else of the feature
/// ClassLabel, else the labels' own texts, or numbers of equal width.
/// </remarks>
internal sealed class ParquetFormat : IDatasetFormat
{
    private static readonly string[] s_places = ["", "data", "default"];

    /// <inheritdoc/>
    public string Layout => "Parquet shards of Hugging Face: data/train-*.parquet and data/validation-*.parquet with the columns image and label";

    /// <inheritdoc/>
    public bool Recognises(string folder) => Find(folder).Count > 0;

    /// <inheritdoc/>
    public IImageDataset Open(string folder, DatasetSplit split, ImageDatasetOptions options)
    {
        (ShardSet set, ShardSet defining) = ShardSet.Choose(folder, Find(folder), split);
        ParquetShard[] shards = Read(folder, set, options.Cancellation);
        string where = Path.Combine(folder, set.Part);
        string[]? embedded = SharedNames(shards), beside = LabelledClasses.NamesBeside(where, folder);
        if (embedded is not null && beside is not null && embedded.Length != beside.Length)
        {
            throw new DdoqException(
                $"the list of class names beside the shards in {where} has {beside.Length} names, the shards have {embedded.Length} classes",
                "give one name for every label, in label order");
        }

        string[] all = beside ?? embedded ?? LabelledClasses.NamesOf(
            (defining == set ? shards : Read(folder, defining, options.Cancellation)).Select(shard => shard.Source), Path.Combine(folder, defining.Part));
        var classes = LabelledClasses.Choose(all, options, where);
        var rows = new List<(int, int)>();
        var labels = new List<int>();
        for (int i = 0; i < shards.Length; i++)
        {
            for (int row = 0; row < shards[i].Labels.Length; row++)
            {
                int label = classes.LabelOf(shards[i].Source, row);
                if (label < 0)
                    continue;
                rows.Add((i, row));
                labels.Add(label);
            }
        }

        if (shards.All(shard => shard.Labels.Length == 0))
            throw new DdoqException($"the shards in {where} have no rows, the first is {set.Files[0]}", "fetch the shards again");
        if (split != DatasetSplit.Test)
            classes.CheckAllThere(labels, where, set.Files[0]);
        return new EncodedImageDataset(
            folder, "parquet", new ParquetImages(folder, set.Part, shards, rows), [.. labels], classes.Names, options with { AllowMismatchedExtension = true });
    }

    private static Dictionary<string, ShardSet> Find(string folder) => ShardSet.Find(folder, s_places, ShardsIn);

    // A metadata.parquet describes the files of an ImageFolder.
    private static string[] ShardsIn(string folder) => !Directory.Exists(folder) ? [] :
        [.. Directory.EnumerateFiles(folder, "*.parquet").Select(path => Path.GetFileName(path)).Where(name => !name.StartsWith('.') && name != "metadata.parquet").Order(CodePointOrder.Instance)];

    private static ParquetShard[] Read(string folder, ShardSet set, CancellationToken cancellation)
    {
        var shards = new ParquetShard[set.Files.Length];
        WorkerLoop.Run(
            shards.Length,
            Environment.ProcessorCount,
            i => shards[i] = ParquetShard.Read(Path.Combine(folder, set.Part, set.Files[i]), cancellation),
            cancellation);
        return shards;
    }

    private static string[]? SharedNames(ParquetShard[] shards)
    {
        ParquetShard? other = shards.FirstOrDefault(shard => !(shard.ClassNames ?? []).SequenceEqual(shards[0].ClassNames ?? []));
        return other is null ? shards[0].ClassNames : throw new DdoqException(
            $"{other.Path} has other class names than {shards[0].Path}", "the shards belong to different datasets: fetch them again");
    }
}
