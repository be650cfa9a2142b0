namespace Ddoq.Pipeline;

/// <summary>Matches classes by name, so that no order of folders, labels or network outputs is ever trusted.</summary>
public static class ClassMap
{
    /// <summary>For every class of the data, its index in a network's list.</summary>
    /// <param name="dataNames">Class names of the data, in label order.</param>
    /// <param name="networkNames">Class names of the network, in output order.</param>
    /// <param name="network">What the network is, for the error text, for example <c>the model models/x</c>.</param>
    /// <exception cref="DdoqException">A class is unknown to the network, two are the same class there, or a name is not unique there.</exception>
    public static int[] Match(IReadOnlyList<string> dataNames, IReadOnlyList<string> networkNames, string network)
    {
        ArgumentNullException.ThrowIfNull(dataNames);
        ArgumentNullException.ThrowIfNull(networkNames);
        var byName = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int i = 0; i < networkNames.Count; i++)
        {
            if (!byName.TryAdd(networkNames[i], i))
                throw new DdoqException($"{network} has the class name '{networkNames[i]}' twice", "Give its classes distinct names in id2label.");
        }

        // Folders cannot hold every name: "T-shirt/top" is stored as "T-shirt_top".
        foreach ((string name, int index) in byName.ToArray())
            byName.TryAdd(Ddoq.Distilled.ClassFolderName.For(name), index);

        var map = new int[dataNames.Count];
        var unknown = new List<string>();
        for (int c = 0; c < map.Length; c++)
        {
            if (!byName.TryGetValue(dataNames[c], out map[c]))
                unknown.Add(dataNames[c]);
        }

        if (unknown.Count > 0)
        {
            throw new DdoqException(
                $"{unknown.Count} of the {dataNames.Count} classes of the data are unknown to {network}: {Excerpt(unknown)}; it knows {networkNames.Count} classes: {Excerpt(networkNames)}",
                "Name the class folders as the network's id2label does, or use a network made for these classes.");
        }

        foreach (var group in Enumerable.Range(0, map.Length).GroupBy(c => map[c]).Where(group => group.Count() > 1))
        {
            throw new DdoqException(
                $"the classes {Excerpt([.. group.Select(c => dataNames[c])])} of the data are all the class '{networkNames[group.Key]}' of {network}",
                "Give their folders the names of distinct classes, or join them to one folder.");
        }

        return map;
    }

    private static string Excerpt(IReadOnlyList<string> names) =>
        string.Join(", ", names.Take(5).Select(name => $"'{name}'")) + (names.Count > 5 ? ", ..." : string.Empty);
}
