using System.Globalization;
using System.Text;
using Tomlyn;
using Tomlyn.Model;

namespace Ddoq.Pipeline.Configuration;

/// <summary>The values of all settings: defaults, overridden by a TOML file, overridden by flags.</summary>
/// <remarks>Immutable; <see cref="With"/> returns a changed copy.</remarks>
public sealed class PipelineConfiguration
{
    private readonly Dictionary<Setting, object> _values;

    private PipelineConfiguration(Dictionary<Setting, object> values) => _values = values;

    /// <summary>Nothing but defaults.</summary>
    public static PipelineConfiguration Empty { get; } = new([]);

    /// <summary>Reads a TOML file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="UsageException">The file is missing or not TOML, a key is unknown, or a value is not allowed.</exception>
    public static PipelineConfiguration FromToml(string path)
    {
        string text;
        try
        {
            text = File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"configuration file '{path}' cannot be read: {e.Message}", "Check the path given to --config.", e);
        }

        TomlTable? table;
        try
        {
            table = TomlSerializer.Deserialize<TomlTable>(text);
        }
        catch (TomlException e)
        {
            throw new UsageException($"configuration file '{path}' is not valid TOML: {e.Message}", "Correct the line named above.", e);
        }

        var byKey = Settings.All.ToDictionary(setting => setting.Key, StringComparer.Ordinal);
        var values = new Dictionary<Setting, object>();
        foreach ((string key, object value) in Flatten(table ?? [], string.Empty))
        {
            if (!byKey.TryGetValue(key, out Setting? setting))
                throw UnknownKey(path, key);
            values[setting] = setting.Parse(Convert.ToString(value, CultureInfo.InvariantCulture)!, path);
        }

        return new PipelineConfiguration(values);
    }

    /// <summary>A copy with one value given as text, for example from a flag.</summary>
    /// <exception cref="UsageException">The value is not allowed.</exception>
    public PipelineConfiguration With(Setting setting, string text)
    {
        ArgumentNullException.ThrowIfNull(setting);
        return new PipelineConfiguration(new Dictionary<Setting, object>(_values) { [setting] = setting.Parse(text, setting.Flag) });
    }

    /// <summary>The value given, or the default.</summary>
    /// <exception cref="InvalidOperationException">There is neither: use <see cref="TryGet{T}"/> for such settings.</exception>
    public T Get<T>(Setting<T> setting)
        where T : notnull => TryGet(setting, out T? value)
            ? value
            : throw new InvalidOperationException($"{setting?.Key} has no value and no default.");

    /// <summary>The value given, or the default; false when there is neither.</summary>
    public bool TryGet<T>(Setting<T> setting, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out T? value)
        where T : notnull
    {
        ArgumentNullException.ThrowIfNull(setting);
        if (_values.TryGetValue(setting, out object? given))
        {
            value = (T)given;
            return true;
        }

        value = setting.HasDefault ? setting.Default : default;
        return setting.HasDefault;
    }

    /// <summary>The effective values that can change results, as text in TOML's notation, in the order of the table.</summary>
    public IEnumerable<KeyValuePair<string, string>> Effective()
    {
        foreach (Setting setting in Settings.All.Where(setting => !setting.IsVolatile))
        {
            string text = _values.TryGetValue(setting, out object? value) ? setting.Format(value) : setting.DefaultText;
            if (text.Length > 0)
                yield return new(setting.Key, text);
        }
    }

    /// <summary>The effective configuration as a TOML file that <see cref="FromToml"/> reads back.</summary>
    public string ToToml()
    {
        var effective = Effective().Select(pair => (Parts: pair.Key.Split('.'), pair.Value)).ToList();
        var builder = new StringBuilder();
        foreach (var (parts, value) in effective.Where(entry => entry.Parts.Length == 1))
            builder.Append(parts[0]).Append(" = ").Append(value).Append('\n');
        foreach (var section in effective.Where(entry => entry.Parts.Length == 2).GroupBy(entry => entry.Parts[0]))
        {
            builder.Append("\n[").Append(section.Key).Append("]\n");
            foreach (var (parts, value) in section)
                builder.Append(parts[1]).Append(" = ").Append(value).Append('\n');
        }

        return builder.ToString();
    }

    private static UsageException UnknownKey(string path, string key)
    {
        string nearest = Settings.All.MinBy(setting => EditDistance(setting.Key, key))!.Key;
        return new UsageException($"{path}: unknown key '{key}'", $"Did you mean '{nearest}'? 'ddoq distill --help' lists all settings.");
    }

    private static IEnumerable<(string Key, object Value)> Flatten(TomlTable table, string prefix)
    {
        foreach ((string key, object value) in table)
        {
            string full = prefix.Length == 0 ? key : $"{prefix}.{key}";
            if (value is TomlTable inner)
            {
                foreach (var entry in Flatten(inner, full))
                    yield return entry;
            }
            else
            {
                yield return (full, value is TomlArray array ? string.Join(',', array) : value);
            }
        }
    }

    private static int EditDistance(string a, string b)
    {
        int[] previous = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            var current = new int[b.Length + 1];
            current[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int substitution = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                current[j] = Math.Min(substitution, 1 + Math.Min(previous[j], current[j - 1]));
            }

            previous = current;
        }

        return previous[b.Length];
    }
}
