using Parquet.Schema;

namespace Ddoq.Imaging;

/// <summary>The columns of images and labels in a Parquet file.</summary>
/// <param name="Image">Encoded images, binary.</param>
/// <param name="Label">Labels: whole numbers or texts.</param>
internal sealed record ParquetColumns(DataField Image, DataField Label)
{
    private static readonly string[] s_imageNames = ["image", "img", "jpg", "png"];
    private static readonly string[] s_labelNames = ["label", "labels", "cls", "class"];

    /// <summary>Finds the columns: those that the features name, else by their usual names.</summary>
    /// <exception cref="DdoqException">One is not there, or of another type.</exception>
    public static ParquetColumns Find(ParquetSchema schema, HuggingFaceFeatures features, string path)
    {
        DataField[] fields = schema.GetDataFields();
        DataField? image = Named(features.Image, s_imageNames).SelectMany(name => new[] { $"{name}/bytes", name })
            .Select(name => fields.FirstOrDefault(field => field.Path.ToString() == name && field.ClrType == typeof(ReadOnlyMemory<byte>)))
            .FirstOrDefault(field => field is not null);
        DataField? label = Named(features.Label, s_labelNames)
            .Select(name => fields.FirstOrDefault(field => field.Path.ToString() == name && (field.ClrType == typeof(long) || field.ClrType == typeof(int) || IsText(field))))
            .FirstOrDefault(field => field is not null);
        return image is not null && label is not null && !image.IsArray
            ? new ParquetColumns(image, label)
            : throw new DdoqException(
                $"{path} has no column of {(image is null ? "images" : "labels")}; its columns are {string.Join(", ", fields.Select(field => $"{field.Path} ({TypeOf(field)})"))}",
                "needed are image (binary, or a struct with a field bytes) and label (int64, int32 or text), as Hugging Face's datasets writes them");
    }

    /// <summary>True for a column of texts.</summary>
    public static bool IsText(DataField field) => field.ClrType == typeof(ReadOnlyMemory<char>);

    private static string TypeOf(DataField field) =>
        IsText(field) ? "text" : field.ClrType == typeof(ReadOnlyMemory<byte>) ? "binary" : field.ClrType.Name;

    private static string[] Named(string? given, string[] usual) => given is null ? usual : [given];
}
