using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using Tomlyn.Parsing;
using Tomlyn.Syntax;

namespace Ddoq.Pipeline.Configuration;

/// <summary>The values of all settings: defaults, overridden by a TOML file, overridden by flags.</summary>
/// <remarks>Immutable; <see cref="With"/> returns a changed copy.</remarks>
public sealed class PipelineConfiguration
{
    private readonly Dictionary<Setting, Given> _values;

    private PipelineConfiguration(Dictionary<Setting, Given> values) => _values = values;

    /// <summary>Nothing but defaults.</summary>
    public static PipelineConfiguration Empty { get; } = new([]);

    /// <summary>Reads a TOML file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="UsageException">
    /// The file is missing or not TOML, a key is unknown or there twice, or a value is not allowed; the message says where.
    /// </exception>
    public static PipelineConfiguration FromToml(string path)
    {
        var values = new Dictionary<Setting, Given>();
        foreach (TomlEntry entry in TomlFile.Read(path))
        {
            Setting setting = Settings.Find(entry.Key) ?? throw new UsageException(
                $"{entry.Place}: unknown key '{entry.Key}'", $"Did you mean '{Settings.NearestKey(entry.Key)}'? 'ddoq distill --help' lists all settings.");
            if (!setting.Kinds.HasFlag(entry.Kind) || entry.Kind == default)
                throw new UsageException($"{entry.Place}: the value of {entry.Key} is {Words(entry.Kind)}; allowed: {setting.Allowed}", $"Write {Example(setting)}.");
            if (entry.Text == setting.UnsetWord)
                continue;
            values[setting] = new Given(setting.Parse(entry.Text, entry.Place), entry.Place, IsFlag: false);
        }

        return new PipelineConfiguration(values);
    }

    /// <summary>A copy with one value given as text, for example from a flag.</summary>
    /// <exception cref="UsageException">The value is not allowed.</exception>
    public PipelineConfiguration With(Setting setting, string text)
    {
        ArgumentNullException.ThrowIfNull(setting);
        var values = new Dictionary<Setting, Given>(_values);
        if (text == setting.UnsetWord)
            values.Remove(setting);
        else
            values[setting] = new Given(setting.Parse(text, setting.Flag), setting.Flag, IsFlag: true);

        // A flag wins over its opposite in the file.
        foreach (Setting other in Opposites(setting))
        {
            if (values.TryGetValue(other, out Given? given) && !given.IsFlag)
                values.Remove(other);
        }

        return new PipelineConfiguration(values);
    }

    /// <summary>Whether a flag or the file gives a value.</summary>
    public bool IsGiven(Setting setting) => _values.ContainsKey(setting);

    /// <summary>The value given, or the default.</summary>
    /// <exception cref="InvalidOperationException">There is neither: use <see cref="TryGet{T}"/> for such settings.</exception>
    public T Get<T>(Setting<T> setting)
        where T : notnull => TryGet(setting, out T? value)
            ? value
            : throw new InvalidOperationException($"{setting?.Key} has no value and no default.");

    /// <summary>The value given, or the default; false when there is neither.</summary>
    public bool TryGet<T>(Setting<T> setting, [NotNullWhen(true)] out T? value)
        where T : notnull
    {
        ArgumentNullException.ThrowIfNull(setting);
        object? found = ValueOf(setting);
        value = found is null ? default : (T)found;
        return found is not null;
    }

    /// <summary>Refuses values that contradict each other or have no effect beside the others.</summary>
    /// <param name="stages">The stages that are run; other stages' settings are not looked at.</param>
    /// <exception cref="UsageException">The first such value.</exception>
    public void Check(PipelineStages stages)
    {
        foreach ((Setting setting, Given given) in _values)
        {
            if ((setting.Stages & stages) == 0)
                continue;
            if (setting.Excludes is { } other && _values.ContainsKey(other))
                throw new UsageException($"{setting.Flag} and {other.Flag} exclude each other", $"Give one of them, as an option or as {setting.Key} or {other.Key} in the file.");
            if (setting.Needs is not { } needs || (needs.On.Stages & stages) == 0 || needs.Holds(ValueOf(needs.On)))
                continue;

            // A file may spell out defaults of what is not used.
            if (!given.IsFlag && given.Value.Equals(setting.DefaultValue))
                continue;
            throw new UsageException(
                $"{(given.IsFlag ? setting.Flag : $"{given.Source}: {setting.Key}")} has no effect with {needs.On.Flag} {needs.On.Show(ValueOf(needs.On)!)}",
                $"Leave {setting.Flag} out, or give {needs}.");
        }
    }

    /// <summary>The effective values that can change results, as text in TOML's notation, in the order of the declarations.</summary>
    /// <param name="stages">Only settings that some of these stages read; null for all.</param>
    public IEnumerable<KeyValuePair<string, string>> Effective(PipelineStages? stages = null)
    {
        foreach (Setting setting in Settings.All.Where(setting => !setting.IsVolatile && (stages is null || (setting.Stages & stages) != 0)))
        {
            if (ValueOf(setting) is { } value && (setting.Needs is not { } needs || needs.Holds(ValueOf(needs.On))))
                yield return new(setting.Key, setting.Format(value));
        }
    }

    /// <summary>The effective configuration as a TOML file that <see cref="FromToml"/> reads back.</summary>
    /// <param name="stages">Only settings that some of these stages read; null for all.</param>
    public string ToToml(PipelineStages? stages = null)
    {
        var effective = Effective(stages).Select(pair => (Parts: pair.Key.Split('.'), pair.Value)).ToList();
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

    /// <summary>What flags and file give, in the order of the declarations.</summary>
    internal IEnumerable<(Setting Setting, object Value)> GivenValues() =>
        Settings.All.Where(_values.ContainsKey).Select(setting => (setting, _values[setting].Value));

    private object? ValueOf(Setting setting) => _values.TryGetValue(setting, out Given? given) ? given.Value : setting.DefaultValue;

    private static IEnumerable<Setting> Opposites(Setting setting) =>
        Settings.All.Where(other => other.Excludes == setting || setting.Excludes == other);

    private static string Words(TomlKinds kind) => kind switch
    {
        TomlKinds.Text => "a text",
        TomlKinds.WholeNumber => "a whole number",
        TomlKinds.Real => "a number with a fraction",
        TomlKinds.List => "a list",
        _ => "neither number nor text",
    };

    private static string Example(Setting setting) =>
        $"{setting.Key.Split('.')[^1]} = {(setting.DefaultText.Length > 0 ? setting.DefaultText : setting.Kinds.HasFlag(TomlKinds.Text) ? "\"...\"" : "1")}";

    private sealed record Given(object Value, string Source, bool IsFlag);
}

/// <summary>The keys and values of a TOML file, each with its place.</summary>
internal static class TomlFile
{
    /// <summary>Reads a file.</summary>
    /// <exception cref="UsageException">It cannot be read, is not TOML, or has a key or a table twice; the message says where.</exception>
    public static IReadOnlyList<TomlEntry> Read(string path)
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

        DocumentSyntax document = SyntaxParser.Parse(text, path, validate: false);
        if (document.Diagnostics.FirstOrDefault(message => message.Kind == DiagnosticMessageKind.Error) is { } wrong)
            throw Invalid(path, wrong.Span, wrong.Message);
        var entries = new List<TomlEntry>();
        var places = new Dictionary<string, SourceSpan>(StringComparer.Ordinal);
        Add(document.KeyValues, string.Empty);
        foreach (TableSyntaxBase table in document.Tables)
        {
            string name = NameOf(table.Name!);
            Claim($"[{name}]", table.Span, "table");
            Add(table.Items, name + ".");
        }

        return entries;

        void Add(IEnumerable<KeyValueSyntax> items, string prefix)
        {
            foreach (KeyValueSyntax item in items)
            {
                string key = prefix + NameOf(item.Key!);
                Claim(key, item.Span, "key");
                if (item.Value is InlineTableSyntax inline)
                    Add(inline.Items.Select(entry => entry.KeyValue!), key + ".");
                else
                    entries.Add(EntryOf(path, key, item));
            }
        }

        void Claim(string name, SourceSpan span, string what)
        {
            if (!places.TryAdd(name, span))
                throw Invalid(path, span, $"{what} {name} stands in line {places[name].Start.Line + 1} already");
        }
    }

    private static TomlEntry EntryOf(string path, string key, KeyValueSyntax item)
    {
        (TomlKinds kind, string text) = item.Value switch
        {
            StringValueSyntax value => (TomlKinds.Text, value.Value ?? string.Empty),
            IntegerValueSyntax value => (TomlKinds.WholeNumber, value.Value.ToString(CultureInfo.InvariantCulture)),
            FloatValueSyntax value => (TomlKinds.Real, value.Value.ToString("R", CultureInfo.InvariantCulture)),
            ArraySyntax list when list.Items.All(entry => entry.Value is StringValueSyntax) =>
                (TomlKinds.List, string.Join(',', list.Items.Select(entry => ((StringValueSyntax)entry.Value!).Value))),
            { } other => (default, other.ToString().Trim()),
            _ => (default, string.Empty),
        };
        return new TomlEntry(key, kind, text, Place(path, item.Value?.Span ?? item.Span));
    }

    private static string NameOf(KeySyntax key) =>
        string.Join('.', key.DotKeys.Select(item => Part(item.Key!)).Prepend(Part(key.Key!)));

    private static string Part(BareKeyOrStringValueSyntax part) => part switch
    {
        BareKeySyntax bare => bare.Key?.Text ?? string.Empty,
        StringValueSyntax quoted => quoted.Value ?? string.Empty,
        _ => part.ToString().Trim(),
    };

    private static string Place(string path, SourceSpan span) =>
        string.Create(CultureInfo.InvariantCulture, $"{path}, line {span.Start.Line + 1}, column {span.Start.Column + 1}");

    private static UsageException Invalid(string path, SourceSpan span, string what) =>
        new($"configuration file {Place(path, span)}: not valid TOML: {what}", "Correct the line named above.");
}

/// <summary>One value of a TOML file.</summary>
/// <param name="Key">Its dotted key.</param>
/// <param name="Kind">What it is; none of the kinds for dates, truth values and lists of other things.</param>
/// <param name="Text">The value as text.</param>
/// <param name="Place">File, line and column in words.</param>
internal sealed record TomlEntry(string Key, TomlKinds Kind, string Text, string Place);
