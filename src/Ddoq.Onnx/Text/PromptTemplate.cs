using System.Text;

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

/// <summary>Words for classes whose names say nothing to a text encoder, such as WordNet numbers.</summary>
/// <remarks>
/// A text file with one class per line: its name, a tab (or, where the line has none, the first space), its words, as in
/// ImageNet's lists: <c>n01440764 tench, Tinca tinca</c>. Lines of classes the data do not have are ignored.
/// </remarks>
public static class ClassTexts
{
    /// <summary>Reads the words of classes.</summary>
    /// <param name="path">The file.</param>
    /// <param name="classNames">The classes.</param>
    /// <returns>Their words, in the order of <paramref name="classNames"/>.</returns>
    /// <exception cref="DdoqException">The file cannot be read, has a line without words or two lines for a class, or lacks a class.</exception>
    public static IReadOnlyList<string> Load(string path, IReadOnlyList<string> classNames)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(classNames);
        string[] lines;
        try
        {
            lines = File.ReadAllLines(path, Encoding.UTF8);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new DdoqException($"class texts {path} cannot be read: {exception.Message}", "check the path", exception);
        }

        var words = new Dictionary<string, string>(StringComparer.Ordinal);
        for (int i = 0; i < lines.Length; i++)
        {
            string line = lines[i].Trim();
            if (line.Length == 0)
                continue;
            int gap = line.IndexOf('\t', StringComparison.Ordinal);
            if (gap < 0)
                gap = line.IndexOf(' ', StringComparison.Ordinal);
            if (gap < 0)
                throw new DdoqException($"{path}, line {i + 1}: '{line}' has no words after the class", "write the class's name, a tab, and its words");
            if (!words.TryAdd(line[..gap], line[(gap + 1)..].Trim()))
                throw new DdoqException($"{path}, line {i + 1}: class '{line[..gap]}' stands there twice", "keep one of the lines");
        }

        string[] missing = [.. classNames.Where(name => !words.ContainsKey(name))];
        return missing.Length == 0
            ? [.. classNames.Select(name => words[name])]
            : throw new DdoqException(
                $"{path} lacks {missing.Length} of {classNames.Count} classes, the first is '{missing[0]}'",
                "add a line for each class: its name as the data have it, a tab, and its words");
    }
}

/// <summary>The conditions of each class's prompt, encoded when first asked for.</summary>
/// <remarks>Safe for concurrent use. Keeps a bounded number: 1,000 classes of Stable Diffusion 1.5 take 240 MB.</remarks>
internal sealed class PromptConditions : IDisposable
{
    private const int MostKept = 1024;

    private readonly TextEncoder _encoder;
    private readonly IReadOnlyList<string> _prompts;
    private readonly IProgressSink _progress;
    private readonly Dictionary<int, float[]> _kept = [];
    private readonly Lock _lock = new();

    public PromptConditions(TextEncoder encoder, IReadOnlyList<string> prompts, string negativePrompt, IProgressSink progress)
    {
        _encoder = encoder;
        _prompts = prompts;
        _progress = progress;
        Negative = Encode(negativePrompt, "the negative prompt");
    }

    public int Count => _prompts.Count;

    /// <summary>Tokens and values per token of a condition.</summary>
    public (int Length, int Width) Shape => (_encoder.Tokenizer.Length, _encoder.Width);

    /// <summary>The condition of the unconditional rows.</summary>
    public float[] Negative { get; }

    public float[] OfClass(int classIndex)
    {
        lock (_lock)
        {
            if (_kept.TryGetValue(classIndex, out float[]? condition))
                return condition;
            condition = Encode(_prompts[classIndex], $"the prompt of class {classIndex}");
            if (_kept.Count >= MostKept)
                _kept.Clear();
            _kept.Add(classIndex, condition);
            return condition;
        }
    }

    public void Dispose() => _encoder.Dispose();

    private float[] Encode(string prompt, string role)
    {
        var condition = new float[_encoder.ConditionLength];
        if (!_encoder.Encode(prompt, condition))
            _progress.Message($"{role} has more than {_encoder.Tokenizer.Length - 2} tokens and was cut: '{prompt}'");
        return condition;
    }
}
