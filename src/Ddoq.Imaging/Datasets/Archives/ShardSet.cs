namespace Ddoq.Imaging;

/// <summary>The files that one split of a sharded dataset is divided into.</summary>
/// <param name="Part">Their folder below the data folder, or the empty string.</param>
/// <param name="Files">Their names in order.</param>
internal sealed record ShardSet(string Part, string[] Files)
{
    /// <summary>Finds the shards of each split in a folder.</summary>
    /// <param name="folder">The data folder.</param>
    /// <param name="places">Folders below it to look in; the first that has shards counts.</param>
    /// <param name="list">The shards in a folder, in order.</param>
    /// <returns>
    /// By split name, where folders or file names tell one; else all shards as <c>train</c>. Empty when there are no shards.
    /// </returns>
    /// <exception cref="DdoqException">Some file names tell a split and others do not.</exception>
    public static Dictionary<string, ShardSet> Find(string folder, IEnumerable<string> places, Func<string, string[]> list)
    {
        foreach (string place in places)
        {
            var splits = new Dictionary<string, ShardSet>(StringComparer.Ordinal);
            foreach (string split in SplitNames.Test.Prepend(SplitNames.Train))
            {
                string part = place.Length == 0 ? split : $"{place}/{split}";
                string[] files = list(Path.Combine(folder, part));
                if (files.Length > 0)
                    splits.Add(split, new ShardSet(part, files));
            }

            if (splits.Count == 0)
                splits = ByFileName(folder, place, list(Path.Combine(folder, place)));
            if (splits.Count > 0)
                return splits;
        }

        return [];
    }

    /// <summary>The shards of a split; those that number the labels.</summary>
    /// <exception cref="UsageException">There are none.</exception>
    public static (ShardSet Shards, ShardSet Defining) Choose(string folder, Dictionary<string, ShardSet> splits, DatasetSplit split)
    {
        ShardSet? train = splits.GetValueOrDefault(SplitNames.Train);
        ShardSet? test = SplitNames.Test.Select(name => splits.GetValueOrDefault(name)).FirstOrDefault(set => set is not null);
        string found = string.Join(", ", splits.Keys);
        if (split == DatasetSplit.Unsplit)
        {
            ShardSet only = splits.Count == 1
                ? splits.Values.First()
                : throw new UsageException($"{folder} holds shards of several splits: {found}", "name the split");
            return (only, only);
        }

        ShardSet chosen = (split == DatasetSplit.Train ? train : test) ?? throw new UsageException(
            $"{folder} has no {(split == DatasetSplit.Train ? "training" : "test")} shards, only {found}",
            $"shards are known by their names or folders: train, or one of {string.Join(", ", SplitNames.Test)}");
        return (chosen, train ?? chosen);
    }

    private static Dictionary<string, ShardSet> ByFileName(string folder, string place, string[] files)
    {
        var splits = new Dictionary<string, ShardSet>(StringComparer.Ordinal);
        foreach (IGrouping<string, string> group in files.GroupBy(file => SplitNames.OfFileName(file) ?? ""))
            splits.Add(group.Key, new ShardSet(place, [.. group]));
        if (!splits.Remove("", out ShardSet? unnamed))
            return splits;
        if (unnamed.Files.FirstOrDefault(file => SplitNames.LookalikeIn(file) is not null) is { } file)
        {
            throw new DdoqException(
                $"{Path.Combine(folder, place, file)} seems to be of the part '{SplitNames.LookalikeIn(file)}'",
                $"parts are called {SplitNames.Train}, {string.Join(", ", SplitNames.Test)}, in lower case: rename the shards");
        }

        return splits.Count == 0
            ? new Dictionary<string, ShardSet>(StringComparer.Ordinal) { [SplitNames.Train] = unnamed }
            : throw new DdoqException(
                $"{Path.Combine(folder, place, unnamed.Files[0])} names no split, {splits.Values.First().Files[0]} beside it does",
                $"put train, or one of {string.Join(", ", SplitNames.Test)}, into every name, or into none");
    }
}

/// <summary>What the parts of a dataset are called.</summary>
internal static class SplitNames
{
    /// <summary>The training part.</summary>
    public const string Train = "train";

    /// <summary>The test part, in the order of preference: <c>val</c> before <c>test</c> because ImageNet's <c>test</c> has no labels.</summary>
    public static IReadOnlyList<string> Test { get; } = ["val", "valid", "validation", "test"];

    // How people call the parts elsewhere; read as class names, they would mix training and test images.
    private static readonly HashSet<string> s_lookalikes = new(StringComparer.OrdinalIgnoreCase)
    {
        Train, "training", "trn", "val", "valid", "validation", "validate", "test", "testing", "tst", "eval", "evaluation",
    };

    private static readonly char[] s_separators = ['-', '_', '.'];

    /// <summary>True for a name that means a part of a dataset to people, whether it is one of those above or not.</summary>
    public static bool IsLikeOne(string name) => s_lookalikes.Contains(name);

    /// <summary>The first word of a shard's name that means a part and is written otherwise, such as <c>Training</c>; null when there is none.</summary>
    public static string? LookalikeIn(string fileName) =>
        OfFileName(fileName) is null ? fileName.Split(s_separators).FirstOrDefault(IsLikeOne) : null;

    /// <summary>The part that a shard's name tells, such as <c>imagenet1k-train-0003.tar</c>; null when it tells none.</summary>
    public static string? OfFileName(string fileName) =>
        fileName.Split(s_separators).FirstOrDefault(word => word == Train || Test.Contains(word));
}
