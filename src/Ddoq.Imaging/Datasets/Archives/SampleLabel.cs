using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Ddoq.Imaging;

/// <summary>The label of a WebDataset sample as it was written: a number or a class name.</summary>
/// <param name="Number">The number, or -1.</param>
/// <param name="Name">The name, or null.</param>
internal readonly record struct SampleLabel(int Number, string? Name)
{
    /// <summary>The extensions that hold labels, in the order of preference.</summary>
    public static ImmutableArray<string> Extensions { get; } = ["cls", "json", "txt"];

    /// <summary>Reads the label of a sample: text for <c>cls</c> and <c>txt</c>, the value of the key <c>label</c> for <c>json</c>.</summary>
    /// <returns>Null when there is none in it.</returns>
    public static SampleLabel? Parse(string extension, byte[] content)
    {
        if (extension != "json")
            return OfText(Encoding.UTF8.GetString(content).Trim());
        try
        {
            using JsonDocument document = JsonDocument.Parse(content);
            return document.RootElement.ValueKind != JsonValueKind.Object || !document.RootElement.TryGetProperty("label", out JsonElement label) ? null
                : label.ValueKind == JsonValueKind.String ? OfText(label.GetString()!.Trim())
                : label.ValueKind == JsonValueKind.Number && label.TryGetInt32(out int number) && number >= 0 ? new SampleLabel(number, null)
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static SampleLabel? OfText(string text) =>
        text.Length == 0 || text.Contains('\n', StringComparison.Ordinal) ? null
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? new SampleLabel(number, null)
        : new SampleLabel(-1, text);
}
