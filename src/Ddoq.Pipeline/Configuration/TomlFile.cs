using System.Globalization;
using Tomlyn.Parsing;
using Tomlyn.Syntax;

namespace Ddoq.Pipeline.Configuration;

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
