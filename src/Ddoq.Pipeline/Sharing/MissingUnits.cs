using System.Globalization;

namespace Ddoq.Pipeline;

/// <summary>The error that names what shares have not made.</summary>
internal static class MissingUnits
{
    private const int Named = 8;

    /// <summary>Names the first units that are missing, and the shares of which no process has said that they are done.</summary>
    /// <param name="unit">What one is called.</param>
    /// <param name="missing">Those that are missing.</param>
    /// <param name="count">How many.</param>
    /// <param name="total">Of how many.</param>
    /// <param name="folder">The stage's folder.</param>
    /// <param name="command">The command that makes them.</param>
    public static DdoqException Of(string unit, IEnumerable<string> missing, int count, int total, string folder, string command)
    {
        string names = string.Join(", ", missing.Take(Named)), more = count > Named ? string.Create(CultureInfo.InvariantCulture, $" and {count - Named} more") : string.Empty;
        return new DdoqException(
            string.Create(CultureInfo.InvariantCulture, $"'{folder}': {count} of {total} {unit}{(total == 1 ? string.Empty : "s")} missing or damaged: {names}{more}{OpenShares(folder)}"),
            $"Run those shares of 'ddoq {command}' again, or all of them: only what is missing is done.");
    }

    private static string OpenShares(string folder)
    {
        var shares = new ShareFolder(folder);
        int count = shares.Read().Select(share => share.Record.Count).DefaultIfEmpty().Max();
        if (count == 0)
            return string.Empty;
        IReadOnlyDictionary<int, ShareState> states = shares.States(count);
        string open = Runs([.. Enumerable.Range(1, count).Where(number => states.GetValueOrDefault(number, ShareState.Running) != ShareState.Done)]);
        return open.Length == 0 ? string.Empty : string.Create(CultureInfo.InvariantCulture, $"; shares not done: {open} of {count}");
    }

    /// <summary>Numbers as Slurm's <c>--array</c> takes them: <c>1,4-7</c>.</summary>
    /// <param name="ascending">The numbers.</param>
    public static string Runs(IReadOnlyList<int> ascending)
    {
        var runs = new List<string>();
        for (int i = 0; i < ascending.Count; i++)
        {
            int first = ascending[i];
            while (i + 1 < ascending.Count && ascending[i + 1] == ascending[i] + 1)
                i++;
            runs.Add(first == ascending[i] ? Text(first) : $"{Text(first)}-{Text(ascending[i])}");
        }

        return string.Join(',', runs);
        static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
    }
}
