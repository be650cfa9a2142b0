using System.Collections.Immutable;

namespace Ddoq.Imaging;

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
