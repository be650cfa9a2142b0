using System.Text.Json;

namespace Ddoq.Imaging;

/// <summary>What the library <c>datasets</c> writes of a table's columns into the file's metadata, under the key <c>huggingface</c>.</summary>
/// <param name="Image">The column of images, or null.</param>
/// <param name="Label">The column of labels, or null.</param>
/// <param name="ClassNames">The names of the labels, or null.</param>
internal sealed record HuggingFaceFeatures(string? Image, string? Label, string[]? ClassNames)
{
    /// <summary>The metadata's key.</summary>
    public const string Key = "huggingface";

    /// <summary>Reads the description; all unknown when there is none.</summary>
    /// <exception cref="DdoqException">It is there but no such JSON.</exception>
    public static HuggingFaceFeatures Parse(string? json, string path)
    {
        var found = new HuggingFaceFeatures(null, null, null);
        if (json is null)
            return found;
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            if (!document.RootElement.TryGetProperty("info", out JsonElement info) || !info.TryGetProperty("features", out JsonElement features))
                return found;
            foreach (JsonProperty feature in features.EnumerateObject())
            {
                string? type = feature.Value.ValueKind == JsonValueKind.Object && feature.Value.TryGetProperty("_type", out JsonElement name) ? name.GetString() : null;
                if (type == "Image" && found.Image is null)
                    found = found with { Image = feature.Name };
                else if (type == "ClassLabel" && found.Label is null)
                    found = found with { Label = feature.Name, ClassNames = [.. feature.Value.GetProperty("names").EnumerateArray().Select(label => label.GetString()!)] };
            }

            return found;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new DdoqException($"{path}: the metadata '{Key}' is not what the library datasets writes: {e.Message}", "write the file anew", e);
        }
    }
}
