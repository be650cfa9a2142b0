using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Ddoq.Onnx.Sessions;

/// <summary>Name, element type and shape of one input or output of a network.</summary>
/// <param name="Name">The name in the file.</param>
/// <param name="ElementType">Element type in ONNX's words, for example <c>float32</c>.</param>
/// <param name="Dimensions">Sizes; null where the file leaves one open.</param>
public sealed record TensorSignature(string Name, string ElementType, IReadOnlyList<int?> Dimensions)
{
    internal TensorElementType Element { get; private init; }

    /// <summary>Names of the open dimensions, empty where there is none.</summary>
    internal IReadOnlyList<string> Symbols { get; private init; } = [];

    /// <inheritdoc/>
    public override string ToString() => $"'{Name}' {ElementType} [{string.Join(',', Dimensions.Select(d => d?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "?"))}]";

    /// <summary>A float32 tensor of the program's own networks, whose sizes are fixed when it is bound.</summary>
    internal static TensorSignature OfFloats(string name) => new(name, NameOf(TensorElementType.Float), []) { Element = TensorElementType.Float };

    internal static TensorSignature From(string name, NodeMetadata metadata) => metadata.IsTensor
        ? new TensorSignature(name, NameOf(metadata.ElementDataType), Array.ConvertAll(metadata.Dimensions, d => d < 0 ? (int?)null : d)) { Element = metadata.ElementDataType, Symbols = metadata.SymbolicDimensions }
        : new TensorSignature(name, metadata.OnnxValueType.ToString(), []);

    internal static string NameOf(TensorElementType type) => type switch
    {
        TensorElementType.Float => "float32",
        TensorElementType.Float16 => "float16",
        TensorElementType.Double => "float64",
        _ => type.ToString().ToLowerInvariant(),
    };
}
