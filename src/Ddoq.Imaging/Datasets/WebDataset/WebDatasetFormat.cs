using System.Collections.Immutable;

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

/// <summary>The images of one WebDataset shard and their labels, in its order.</summary>
/// <remarks>
/// A sample is a run of members whose names are alike up to the first dot behind the last slash; what follows the dot tells what a
/// member is.
/// </remarks>
/// <param name="Images">The images.</param>
/// <param name="Labels">The label of each.</param>
internal sealed record ShardSamples(IReadOnlyList<TarMember> Images, IReadOnlyList<SampleLabel> Labels)
{
    // Members looked at to tell a shard from an archive of one class.
    private const int Probe = 16;

    // What holds labels, in the order of preference.
    private static readonly ImmutableArray<string> s_labels = ["cls", "json", "txt"];

    /// <summary>True when an archive's first members are samples, or its name says that it is a shard of a split.</summary>
    public static bool IsShard(string path)
    {
        string name = Path.GetFileName(path);
        return !WordNetId.Is(Path.GetFileNameWithoutExtension(name)) && !name.StartsWith(ImageNetSplit.OfficialPrefix, StringComparison.Ordinal)
            && (SplitNames.OfFileName(name) is not null
                || TarIndex.Members(path).Take(Probe).Select(member => member.Name).GroupBy(member => Split(member).Key).Any(IsSample));
    }

    // An archive of a class may hold a text too.
    private static bool IsSample(IEnumerable<string> members) =>
        members.Any(member => s_labels.Contains(Split(member).Extension))
        && members.Any(member => ImageSignature.HasImageExtension(member) || FileKinds.IsOtherImage(member));

    /// <summary>Indexes a shard.</summary>
    /// <param name="path">The shard.</param>
    /// <param name="files">Where its labels are read from.</param>
    /// <param name="remarks">Counts what is passed over.</param>
    /// <param name="cancellation">Stops.</param>
    /// <exception cref="DdoqException">The archive is damaged, or a sample has no label, two that differ, or several images.</exception>
    public static ShardSamples Read(string path, FileHandlePool files, RemarkCounter remarks, CancellationToken cancellation)
    {
        var images = new List<TarMember>();
        var labels = new List<SampleLabel>();
        string shard = Path.GetFileName(path);
        string? key = null;
        TarMember? image = null;
        bool otherImage = false;
        var sources = new TarMember?[s_labels.Length];
        foreach (TarMember member in TarIndex.Members(path, remarks, cancellation))
        {
            (string memberKey, string extension) = Split(member.Name);
            if (memberKey != key)
            {
                Finish();
                (key, image, otherImage) = (memberKey, null, false);
                Array.Clear(sources);
            }

            int source = s_labels.IndexOf(extension);
            if (source >= 0)
                sources[source] = sources[source] is null ? member : throw Twice(sources[source]!.Value, member);
            else if (FileKinds.OfFile(Path.GetFileName(member.Name)) is { } kind)
                Pass(kind, member.Name);
            else
                image = image is null ? member : throw Twice(image.Value, member);
        }

        Finish();
        return images.Count > 0
            ? new ShardSamples(images, labels)
            : throw new DdoqException($"{path} holds no images ({ImageSignature.ExtensionList})", "fetch the shard again, or remove it");

        void Pass(string kind, string name)
        {
            otherImage |= FileKinds.IsOtherImage(name);
            remarks.Add(kind, $"{shard}:{name}");
        }

        DdoqException Twice(TarMember first, TarMember second) =>
            new($"{path}: the sample {key} has two {(first.Name == second.Name ? "members" : "images")}, {first.Name} and {second.Name}", "pack one image and one label of each kind in a sample");

        void Finish()
        {
            if (image is { } found)
            {
                images.Add(found);
                labels.Add(LabelOf());
            }
            else if (!otherImage && Array.Find(sources, source => source is not null) is { } label)
            {
                remarks.Add(FileKinds.WithoutImage, $"{shard}:{label.Name}");
            }
        }

        SampleLabel LabelOf()
        {
            (SampleLabel Label, string Name)? chosen = null;
            for (int i = 0; i < sources.Length; i++)
            {
                if (sources[i] is not { } member || SampleLabel.Parse(s_labels[i], TarIndex.ReadSmall(files, path, member)) is not { } label)
                    continue;
                if (chosen is not { } first)
                    chosen = (label, member.Name);
                else if (label != first.Label && label.Name is null == first.Label.Name is null && (label.Name is null || s_labels[i] != "txt"))
                    throw new DdoqException($"{path}: the sample {key} has two labels, {first.Label} in {first.Name} and {label} in {member.Name}", "pack one label with each image");
            }

            return chosen?.Label ?? throw new DdoqException(
                $"{path}: the sample {key} has no label",
                "pack a label with every image: key.cls with a number, key.json with a key \"label\", or key.txt with a class name");
        }
    }

    /// <summary>The key and the extension of a member, all that follows the first dot, in lower case.</summary>
    private static (string Key, string Extension) Split(string name)
    {
        int dot = name.IndexOf('.', name.LastIndexOf('/') + 1);
        return dot < 0 ? (name, "") : (name[..dot], name[(dot + 1)..].ToLowerInvariant());
    }
}
