namespace Ddoq.Imaging;

/// <summary>The images of one WebDataset shard and their labels, in its order.</summary>
/// <remarks>
/// A sample is a run of members whose names are alike up to the first dot behind the last slash; what follows the dot tells what a
/// member is. Members that are neither image nor label do not matter.
/// </remarks>
/// <param name="Images">The images.</param>
/// <param name="Labels">The label of each.</param>
internal sealed record ShardSamples(IReadOnlyList<TarMember> Images, IReadOnlyList<SampleLabel> Labels)
{
    // Members looked at to tell a shard from an archive of one class.
    private const int Probe = 16;

    /// <summary>True when an archive's first members are samples, or its name says that it is a shard of a split.</summary>
    public static bool IsShard(string path)
    {
        string name = Path.GetFileName(path);
        return !WordNetId.Is(Path.GetFileNameWithoutExtension(name)) && !name.StartsWith(ImageNetSplit.OfficialPrefix, StringComparison.Ordinal)
            && (SplitNames.OfFileName(name) is not null
                || TarIndex.Members(path).Take(Probe).Any(member => SampleLabel.Extensions.Contains(Split(member.Name).Extension)));
    }

    /// <summary>Indexes a shard.</summary>
    /// <exception cref="DdoqException">The archive is damaged, or a sample has no label or several images.</exception>
    public static ShardSamples Read(string path, FileHandlePool files)
    {
        var images = new List<TarMember>();
        var labels = new List<SampleLabel>();
        string? key = null;
        TarMember? image = null;
        var sources = new TarMember?[SampleLabel.Extensions.Length];
        foreach (TarMember member in TarIndex.Members(path))
        {
            (string memberKey, string extension) = Split(member.Name);
            if (memberKey != key)
            {
                Finish();
                (key, image) = (memberKey, null);
                Array.Clear(sources);
            }

            int source = SampleLabel.Extensions.IndexOf(extension);
            if (source >= 0)
                sources[source] = member;
            else if (ImageSignature.HasImageExtension("." + extension))
                image = image is null ? member : throw new DdoqException($"{path}: the sample {key} has two images, {image.Value.Name} and {member.Name}", "pack one image with each label");
        }

        Finish();
        return images.Count > 0
            ? new ShardSamples(images, labels)
            : throw new DdoqException($"{path} holds no images ({ImageSignature.ExtensionList})", "fetch the shard again, or remove it");

        void Finish()
        {
            if (image is not { } found)
                return;
            images.Add(found);
            labels.Add(LabelOf());
        }

        SampleLabel LabelOf()
        {
            for (int i = 0; i < sources.Length; i++)
            {
                if (sources[i] is { } member && SampleLabel.Parse(SampleLabel.Extensions[i], TarIndex.ReadSmall(files, path, member)) is { } label)
                    return label;
            }

            throw new DdoqException(
                $"{path}: the sample {key} has no label",
                "pack a label with every image: key.cls with a number, key.json with a key \"label\", or key.txt with a class name");
        }
    }

    /// <summary>The key and the extension of a member, the extension in lower case and without what comes before its last dot.</summary>
    private static (string Key, string Extension) Split(string name)
    {
        int dot = name.IndexOf('.', name.LastIndexOf('/') + 1);
        return dot < 0 ? (name, "") : (name[..dot], name[(name.LastIndexOf('.') + 1)..].ToLowerInvariant());
    }
}
