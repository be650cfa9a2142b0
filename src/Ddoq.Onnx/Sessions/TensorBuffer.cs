using System.Globalization;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
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

/// <summary>A pinned buffer one input or output of a network is bound to, for one batch in flight.</summary>
/// <remarks>
/// It starts on a multiple of 64 bytes: the runtime's vectorised sums begin at an aligned element, so their order, and
/// with it the last bits, would otherwise follow the address. <see cref="Floats"/> is the buffer itself for float32
/// tensors and lies beside it for float16 ones, converted on the way.
/// </remarks>
internal sealed class TensorBuffer : IDisposable
{
    private const int Alignment = 64;

    private readonly byte[] _storage;
    private readonly int _offset;
    private readonly int _bytes;
    private readonly float[]? _widened;

    public unsafe TensorBuffer(TensorSignature signature, params long[] shape)
    {
        Signature = signature;
        long count = 1;
        foreach (long size in shape)
            count = checked(count * size);
        int width = signature.Element switch
        {
            TensorElementType.Float or TensorElementType.Int32 => 4,
            TensorElementType.Float16 => 2,
            TensorElementType.Int64 or TensorElementType.Double => 8,
            _ => throw new DdoqException($"tensor {signature} has an element type that is not supported"),
        };
        if (count * width > Array.MaxLength - Alignment)
            throw new DdoqException($"a batch of tensor {signature} as [{string.Join(',', shape)}] does not fit into one buffer", "use a smaller batch size");
        _bytes = (int)(count * width);
        _storage = GC.AllocateArray<byte>(_bytes + Alignment, pinned: true);
        nint address = (nint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_storage));
        _offset = (int)(-address & (Alignment - 1));
        if (signature.Element == TensorElementType.Float16)
            _widened = new float[count];
        Value = OrtValue.CreateTensorValueWithData(OrtMemoryInfo.DefaultInstance, signature.Element, shape, address + _offset, _bytes);
    }

    public TensorSignature Signature { get; }

    /// <summary>What the runtime is given; valid as long as this object is referenced.</summary>
    public OrtValue Value { get; }

    public Span<float> Floats => _widened is not null ? _widened : Elements<float>();

    /// <summary>Writes whole numbers to an integer tensor, from the start.</summary>
    public void Write(ReadOnlySpan<int> values)
    {
        if (Signature.Element == TensorElementType.Int32)
            values.CopyTo(Elements<int>());
        else
            TensorPrimitives.ConvertChecked<int, long>(values, Elements<long>());
    }

    /// <summary>Writes one number to every element, rounded to the nearest whole one (half to even) for integer tensors.</summary>
    public void Fill(double value)
    {
        switch (Signature.Element)
        {
            case TensorElementType.Int64:
                Elements<long>().Fill((long)Math.Round(value));
                break;
            case TensorElementType.Int32:
                Elements<int>().Fill((int)Math.Round(value));
                break;
            case TensorElementType.Double:
                Elements<double>().Fill(value);
                break;
            default:
                Floats.Fill((float)value);
                break;
        }
    }

    /// <summary>Moves <see cref="Floats"/> to where the runtime reads.</summary>
    public void BeforeRun()
    {
        if (_widened is not null)
            TensorPrimitives.ConvertToHalf(_widened, Elements<Half>());
    }

    /// <summary>Moves what the runtime wrote to <see cref="Floats"/>.</summary>
    public void AfterRun()
    {
        if (_widened is not null)
            TensorPrimitives.ConvertToSingle(Elements<Half>(), _widened);
    }

    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"'{Signature.Name}' [{string.Join(',', Value.GetTensorTypeAndShape().Shape)}]");

    public void Dispose() => Value.Dispose();

    private Span<T> Elements<T>()
        where T : unmanaged => MemoryMarshal.Cast<byte, T>(_storage.AsSpan(_offset, _bytes));
}
