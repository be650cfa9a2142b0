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

/// <summary>What a network must offer under one of some names: element types and shape.</summary>
/// <param name="Names">Accepted names, the documented one first.</param>
/// <param name="Types">Accepted element types.</param>
/// <param name="Shape">Dimension letters for messages, with the size where it is fixed.</param>
internal sealed record TensorContract(string[] Names, TensorElementType[] Types, params Dimension[] Shape)
{
    public static TensorElementType[] Floats { get; } = [TensorElementType.Float, TensorElementType.Float16];

    public static TensorElementType[] Integers { get; } = [TensorElementType.Int64, TensorElementType.Int32];

    /// <summary>Accepted shorter shapes beside <see cref="Shape"/>, by rank.</summary>
    public int[] OtherRanks { get; init; } = [];

    public bool Accepts(TensorSignature found)
    {
        if (!Types.Contains(found.Element))
            return false;
        if (OtherRanks.Contains(found.Dimensions.Count))
            return true;
        if (found.Dimensions.Count != Shape.Length)
            return false;
        for (int i = 0; i < Shape.Length; i++)
        {
            if (Shape[i].Size is { } size && found.Dimensions[i] is { } actual && actual != size)
                return false;
        }

        return true;
    }

    public override string ToString() =>
        $"'{Names[0]}' {string.Join(" or ", Types.Select(TensorSignature.NameOf))} [{string.Join(',', Shape.Select(d => d.ToString()))}]";
}

/// <summary>One dimension of a contract: its letter, and its size where that is known.</summary>
internal readonly record struct Dimension(string Letter, int? Size = null)
{
    public override string ToString() => Size is { } size ? $"{Letter}={size}" : Letter;
}
