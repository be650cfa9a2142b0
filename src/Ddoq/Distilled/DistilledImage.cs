using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Ddoq.Distilled;

/// <summary>One image of a distilled set: one line of <c>train/metadata.jsonl</c>.</summary>
/// <remarks>
/// The keys in the file are <c>file_name, label, class_name, weight, cluster_size, prototype, seed</c>, and <c>cluster_mass</c>
/// where rows had weights,
/// <c>source</c> and <c>source_row</c> where the image is a real one. Only the first two must be there, so that sets of other tools can be read; further keys are ignored.
/// </remarks>
/// <param name="FileName">Path relative to the metadata file, with '/'.</param>
/// <param name="Label">The class.</param>
/// <param name="ClassName">The class's name as in the source; when missing, the image's folder.</param>
/// <param name="Weight">The image's weight in the training loss, 0 or more.</param>
/// <param name="ClusterSize">Rows of the source that the image stands for (v); 0 when unknown.</param>
/// <param name="Prototype">The prototype's number within its class.</param>
/// <param name="Seed">Seed of the image's noise.</param>
/// <param name="ClusterMass">Sum of the sample weights of those rows; null when they had none.</param>
/// <param name="Source">Name of the source image that this is; null for a made one.</param>
/// <param name="SourceRow">Its place in the order of the source, 0-based; null likewise.</param>
public sealed record DistilledImage(
    string FileName,
    int Label,
    string ClassName = "",
    [property: JsonConverter(typeof(DecimalNumberConverter))] double Weight = 1,
    long ClusterSize = 0,
    int Prototype = 0,
    long Seed = 0,
    [property: JsonConverter(typeof(DecimalNumberConverter))] double? ClusterMass = null,
    string? Source = null,
    long? SourceRow = null);

/// <summary>Writes doubles with a decimal point or exponent always.</summary>
/// <remarks>Readers that guess a column's type from its first lines (Arrow) would take 1 for an integer and then refuse 1.5.</remarks>
internal sealed class DecimalNumberConverter : JsonConverter<double>
{
    /// <inheritdoc/>
    public override double Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetDouble();

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options)
    {
        string text = value.ToString("R", CultureInfo.InvariantCulture);
        writer.WriteRawValue(text.AsSpan().ContainsAny('.', 'E', 'e') ? text : text + ".0");
    }
}
