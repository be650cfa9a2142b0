using System.Globalization;

namespace Ddoq.Bench;

/// <summary>Options of a bench: names that start with <c>--</c>, each with a value.</summary>
internal sealed class BenchArguments
{
    private readonly Dictionary<string, string> _values = [];

    /// <summary>Reads pairs of name and value.</summary>
    /// <exception cref="UsageException">A name has no value, or a value no name.</exception>
    public BenchArguments(string[] arguments)
    {
        for (int i = 0; i < arguments.Length; i += 2)
        {
            if (!arguments[i].StartsWith("--", StringComparison.Ordinal) || i + 1 == arguments.Length)
                throw new UsageException($"'{arguments[i]}' is not a name with a value", "Give pairs such as '--workers 2'.");
            _values[arguments[i]] = arguments[i + 1];
        }
    }

    public string? Text(string name) => _values.GetValueOrDefault(name);

    public string Text(string name, string fallback) => _values.GetValueOrDefault(name) ?? fallback;

    public int Number(string name, int fallback) =>
        _values.TryGetValue(name, out string? text) ? Whole(name, text) : fallback;

    public int[] Numbers(string name, string fallback) =>
        [.. Split(Text(name, fallback)).Select(part => Whole(name, part))];

    public double[] Fractions(string name, string fallback) => [.. Split(Text(name, fallback)).Select(part =>
        double.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) ? value : throw NotANumber(name, part))];

    private static string[] Split(string text) => text.Split(',', StringSplitOptions.RemoveEmptyEntries);

    private static int Whole(string name, string text) =>
        int.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out int value) ? value : throw NotANumber(name, text);

    private static UsageException NotANumber(string name, string text) => new($"{name} is '{text}', which is not a number");
}
