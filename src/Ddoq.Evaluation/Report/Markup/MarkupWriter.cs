using System.Text;

namespace Ddoq.Evaluation.Report.Markup;

/// <summary>Writes markup that is well-formed both as HTML5 and as XML: every element closed, every text escaped.</summary>
internal sealed class MarkupWriter
{
    private readonly StringBuilder _output = new();
    private readonly Stack<string> _open = new();

    /// <summary>Starts an element; attributes with a null value are left out.</summary>
    public MarkupWriter Open(string name, params ReadOnlySpan<(string Name, string? Value)> attributes)
    {
        Tag(name, attributes);
        _output.Append('>');
        _open.Push(name);
        return this;
    }

    /// <summary>Ends the innermost element.</summary>
    public MarkupWriter Close()
    {
        _output.Append("</").Append(_open.Pop()).Append('>');
        return this;
    }

    /// <summary>An element that holds only text.</summary>
    public MarkupWriter Element(string name, string text, params ReadOnlySpan<(string Name, string? Value)> attributes) =>
        Open(name, attributes).Text(text).Close();

    /// <summary>An element without content, in the form both grammars accept for void and SVG elements.</summary>
    public MarkupWriter Void(string name, params ReadOnlySpan<(string Name, string? Value)> attributes)
    {
        Tag(name, attributes);
        _output.Append(" />");
        return this;
    }

    /// <summary>Escaped text.</summary>
    public MarkupWriter Text(string text)
    {
        Escape(text);
        return this;
    }

    /// <summary>A line feed between blocks, so that the source can be read and diffed.</summary>
    public MarkupWriter Line()
    {
        _output.Append('\n');
        return this;
    }

    /// <summary>Text that is markup or a style sheet already.</summary>
    public MarkupWriter Raw(string markup)
    {
        _output.Append(markup);
        return this;
    }

    /// <summary>Bytes as base64.</summary>
    public static string DataUri(string mediaType, ReadOnlySpan<byte> bytes) =>
        $"data:{mediaType};base64,{Convert.ToBase64String(bytes)}";

    /// <summary>The document; all elements must be closed.</summary>
    public override string ToString() => _open.Count == 0
        ? _output.ToString()
        : throw new InvalidOperationException($"Element <{_open.Peek()}> is not closed.");

    private void Tag(string name, ReadOnlySpan<(string Name, string? Value)> attributes)
    {
        _output.Append('<').Append(name);
        foreach ((string attribute, string? value) in attributes)
        {
            if (value is null)
                continue;
            _output.Append(' ').Append(attribute).Append("=\"");
            Escape(value);
            _output.Append('"');
        }
    }

    private void Escape(string text)
    {
        foreach (Rune rune in text.EnumerateRunes())
        {
            _ = rune.Value switch
            {
                '&' => _output.Append("&amp;"),
                '<' => _output.Append("&lt;"),
                '>' => _output.Append("&gt;"),
                '"' => _output.Append("&quot;"),
                '\'' => _output.Append("&#39;"),
                '\t' or '\n' => _output.Append((char)rune.Value),
                // Control characters and the two non-characters that XML forbids; lone surrogates already are U+FFFD.
                < 0x20 or (>= 0x7F and < 0xA0) or 0xFFFE or 0xFFFF => _output.Append('\uFFFD'),
                // Direction overrides would let a class name rearrange the text around it.
                (>= 0x202A and <= 0x202E) or (>= 0x2066 and <= 0x2069) => _output.Append('\uFFFD'),
                _ => _output.Append(rune.ToString()),
            };
        }
    }
}
