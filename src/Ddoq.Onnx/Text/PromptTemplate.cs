namespace Ddoq.Onnx.Text;

/// <summary>A sentence with a place for a class's name: <c>a photo of {class}</c>.</summary>
public sealed class PromptTemplate
{
    /// <summary>Where the class's name goes.</summary>
    public const string Placeholder = "{class}";

    /// <summary>The template when neither the user nor the model names one.</summary>
    public const string Default = "a photo of {class}";

    private PromptTemplate(string text) => Text = text;

    /// <summary>The template's text.</summary>
    public string Text { get; }

    /// <summary>Checks a template.</summary>
    /// <param name="text">The text, with <see cref="Placeholder"/> once or more.</param>
    /// <exception cref="UsageException">The placeholder is missing: every class would get the same prompt.</exception>
    public static PromptTemplate Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.Contains(Placeholder, StringComparison.Ordinal)
            ? new PromptTemplate(text)
            : throw new UsageException(
                $"the prompt '{text}' has no place for the class's name, so every class would get the same prompt",
                $"Write {Placeholder} where the name goes, for example '{Default}'.");
    }

    /// <summary>A class's prompt.</summary>
    /// <param name="className">The name; underscores, which stand for spaces in names of folders, become spaces.</param>
    public string Format(string className)
    {
        ArgumentNullException.ThrowIfNull(className);
        return Text.Replace(Placeholder, className.Replace('_', ' '), StringComparison.Ordinal);
    }
}
