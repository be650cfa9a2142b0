namespace Ddoq.Imaging;

/// <summary>Checks one list of class names against another and maps labels between them.</summary>
internal static class ClassOrder
{
    /// <summary>For each label of <paramref name="found"/>, its label in <paramref name="wanted"/>.</summary>
    /// <exception cref="DdoqException">The lists do not hold the same names; the message gives some that differ.</exception>
    public static int[] Map(IReadOnlyList<string> found, IReadOnlyList<string> wanted, string foundIn, string wantedIn)
    {
        var labels = new Dictionary<string, int>(wanted.Count, StringComparer.Ordinal);
        for (int label = 0; label < wanted.Count; label++)
        {
            if (!labels.TryAdd(wanted[label], label))
                throw new DdoqException($"class name '{wanted[label]}' appears twice in {wantedIn}", "give every class its own name");
        }

        string[] extra = [.. found.Where(name => !labels.ContainsKey(name))];
        string[] missing = [.. wanted.Except(found, StringComparer.Ordinal)];
        if (extra.Length > 0 || missing.Length > 0)
        {
            throw new DdoqException(
                $"the classes of {foundIn} ({found.Count}) are not those of {wantedIn} ({wanted.Count})"
                + Some("; not expected: ", extra) + Some("; missing: ", missing),
                "both must have the same class names, or labels would not mean the same");
        }

        return [.. found.Select(name => labels[name])];
    }

    private static string Some(string title, string[] names) => names.Length switch
    {
        0 => "",
        <= 5 => title + string.Join(", ", names),
        _ => title + string.Join(", ", names.Take(5)) + $" and {names.Length - 5} more",
    };
}
