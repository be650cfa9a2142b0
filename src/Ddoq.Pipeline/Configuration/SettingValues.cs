using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Ddoq.Pipeline.Configuration;

/// <summary>Which values of a TOML file a setting takes.</summary>
[Flags]
public enum TomlKinds
{
    /// <summary>A text in quotes.</summary>
    Text = 1,

    /// <summary>A whole number.</summary>
    WholeNumber = 2,

    /// <summary>A number with a fraction or an exponent.</summary>
    Real = 4,

    /// <summary>A list of texts.</summary>
    List = 8,
}

/// <summary>What a setting accepts, and how a value is written.</summary>
/// <typeparam name="T">The type of the parsed value.</typeparam>
public sealed class SettingValues<T>
    where T : notnull
{
    private readonly Func<string, (bool Ok, T? Value)> _parse;
    private readonly Func<T, string> _format;

    internal SettingValues(string allowed, TomlKinds kinds, Func<string, (bool Ok, T? Value)> parse, Func<T, string> format, params IReadOnlyList<string> names)
    {
        Names = names;
        Allowed = allowed;
        Kinds = kinds;
        _parse = parse;
        _format = format;
    }

    /// <summary>The values allowed, in words.</summary>
    public string Allowed { get; }

    /// <summary>The names of named values; none for other kinds.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>Which values of TOML fit.</summary>
    public TomlKinds Kinds { get; }

    /// <summary>Parses text; false when it is not allowed.</summary>
    public bool TryParse(string text, [NotNullWhen(true)] out T? value)
    {
        (bool ok, value) = _parse(text);
        return ok && value is not null;
    }

    /// <summary>Writes a value in TOML's notation.</summary>
    public string Format(T value) => _format(value);
}

/// <summary>The kinds of values that settings have.</summary>
public static class SettingValues
{
    /// <summary>Any text but none.</summary>
    public static SettingValues<string> Text { get; } = new("text", TomlKinds.Text, text => (text.Length > 0, text), Quote);

    /// <summary>A path; a leading <c>~/</c>, which shells leave alone behind '=' and in files, is the home folder.</summary>
    public static SettingValues<string> Location { get; } = new("text", TomlKinds.Text, text => (text.Length > 0, InHome(text)), Quote);

    /// <summary>A path with a leading <c>~/</c> replaced by the home folder.</summary>
    /// <param name="path">The path as the user gave it.</param>
    public static string InHome(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return path == "~" || path.StartsWith("~/", StringComparison.Ordinal)
            ? Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) + path[1..]
            : path;
    }

    /// <summary>Texts between commas.</summary>
    public static SettingValues<string> List { get; } = new("names between commas", TomlKinds.Text | TomlKinds.List, text => (text.Length > 0, text), Quote);

    /// <summary>A size in bytes.</summary>
    public static SettingValues<long> Size { get; } = new("0 or a size as 2GiB, 1500MiB, 4GB", TomlKinds.Text | TomlKinds.WholeNumber, ParseSize, FormatSize);

    /// <summary>Named values.</summary>
    public static SettingValues<T> Choice<T>(params (string Name, T Value)[] choices)
        where T : notnull => new(
            string.Join(", ", choices.Select(choice => choice.Name)),
            TomlKinds.Text,
            text => choices.FirstOrDefault(choice => choice.Name == text) is { Name: not null } found ? (true, found.Value) : (false, default),
            value => Quote(choices.FirstOrDefault(choice => choice.Value.Equals(value)).Name ?? value.ToString()!),
            [.. choices.Select(choice => choice.Name)]);

    /// <summary>A whole number in bounds.</summary>
    public static SettingValues<int> WholeNumber(int least, int most = int.MaxValue, int step = 1) => new(
        step > 1 ? Invariant($"a multiple of {step} from {least}") : most == int.MaxValue ? Invariant($"a whole number of at least {least}, at most {most}") : Invariant($"a whole number from {least} to {most}"),
        TomlKinds.WholeNumber,
        text => (int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value) && value >= least && value <= most && value % step == 0, value),
        value => value.ToString(CultureInfo.InvariantCulture));

    /// <summary>A whole number of 64 bits.</summary>
    public static SettingValues<long> LargeNumber(long least) => new(
        Invariant($"a whole number of at least {least}, at most {long.MaxValue}"),
        TomlKinds.WholeNumber,
        text => (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) && value >= least, value),
        value => value.ToString(CultureInfo.InvariantCulture));

    /// <summary>A number in bounds.</summary>
    public static SettingValues<double> Real(double least, double most) => new(
        Invariant($"a number from {least} to {most}"),
        TomlKinds.WholeNumber | TomlKinds.Real,
        text => (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && value >= least && value <= most, value),
        FormatReal);

    /// <summary>Where the quantiser runs.</summary>
    public static SettingValues<string> Device { get; } = new(
        "auto, cpu, cuda or cuda:<index>",
        TomlKinds.Text,
        text => (text is "auto" or "cpu" or "cuda"
            || (text.StartsWith("cuda:", StringComparison.Ordinal) && int.TryParse(text.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out _)), text),
        Quote);

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private static (bool Ok, long Value) ParseSize(string text)
    {
        string number = text.TrimEnd("BKMGTibk ".ToCharArray()), unit = text[number.Length..].Trim();
        double? factor = unit switch
        {
            "" or "B" => 1,
            "KiB" or "K" => 1 << 10,
            "MiB" or "M" => 1 << 20,
            "GiB" or "G" => 1 << 30,
            "TiB" or "T" => 1L << 40,
            "kB" or "KB" => 1e3,
            "MB" => 1e6,
            "GB" => 1e9,
            "TB" => 1e12,
            _ => null,
        };
        bool ok = double.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value) && factor is not null;
        double bytes = value * (factor ?? 0);
        return (ok && bytes < long.MaxValue, (long)bytes);
    }

    private static string FormatSize(long bytes) => Quote(
        bytes > 0 && bytes % (1 << 20) == 0 ? (bytes >> 20).ToString(CultureInfo.InvariantCulture) + "MiB" : bytes.ToString(CultureInfo.InvariantCulture));

    // TOML wants a fraction or an exponent in a float.
    private static string FormatReal(double value)
    {
        string text = value.ToString("R", CultureInfo.InvariantCulture);
        return text.AsSpan().ContainsAny('.', 'E', 'e') ? text : text + ".0";
    }

    private static string Quote(string text) =>
        "\"" + text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal) + "\"";
}
