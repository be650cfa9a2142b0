using Microsoft.ML.OnnxRuntime.Tensors;

namespace Ddoq.Onnx.Sessions;

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
