using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Ddoq.Storage;

/// <summary>One tensor of a safetensors file: name, type, shape and place.</summary>
/// <param name="Name">The tensor's name, unique in its file.</param>
/// <param name="Type">Element type.</param>
/// <param name="Shape">Extents, slowest first (row-major); empty for a scalar.</param>
/// <param name="Offset">Bytes from the start of the file's data section (after the header) to the first element.</param>
/// <param name="ByteLength">Bytes of all elements.</param>
public sealed record SafetensorsTensor(
    string Name, SafetensorsType Type, IReadOnlyList<long> Shape, long Offset, long ByteLength)
{
    /// <summary>Number of elements: the product of the extents.</summary>
    public long ElementCount => ByteLength / ElementSize(Type);

    /// <summary>Bytes of one element.</summary>
    public static int ElementSize(SafetensorsType type) => type switch
    {
        SafetensorsType.BOOL or SafetensorsType.U8 or SafetensorsType.I8
            or SafetensorsType.F8_E5M2 or SafetensorsType.F8_E4M3 => 1,
        SafetensorsType.I16 or SafetensorsType.U16 or SafetensorsType.F16 or SafetensorsType.BF16 => 2,
        SafetensorsType.I32 or SafetensorsType.U32 or SafetensorsType.F32 => 4,
        _ => 8,
    };

    /// <summary>Type and shape for messages, for example <c>F16 [1300, 4, 32, 32]</c>.</summary>
    public override string ToString() => $"{Type} {ShapeText(Shape)}";

    internal static string ShapeText(IEnumerable<long> shape) =>
        "[" + string.Join(", ", shape.Select(n => n.ToString(CultureInfo.InvariantCulture))) + "]";

    /// <summary>Bytes of a tensor, or null when an extent is negative or the product does not fit in 63 bits.</summary>
    internal static long? TryByteLength(SafetensorsType type, IEnumerable<long> shape)
    {
        UInt128 bytes = (UInt128)ElementSize(type);
        foreach (long extent in shape)
        {
            // The running product stays below 2^63 and the extent does too, so 128 bits never overflow.
            if (extent < 0 || (bytes *= (UInt128)extent) > long.MaxValue)
                return null;
        }

        return (long)bytes;
    }

    /// <summary>True when elements of this type are <typeparamref name="T"/> in memory.</summary>
    internal static bool IsStoredAs<T>(SafetensorsType type) where T : unmanaged => type switch
    {
        SafetensorsType.BOOL => typeof(T) == typeof(byte) || typeof(T) == typeof(bool),
        SafetensorsType.U8 => typeof(T) == typeof(byte),
        SafetensorsType.I8 => typeof(T) == typeof(sbyte),
        SafetensorsType.F8_E5M2 or SafetensorsType.F8_E4M3 => typeof(T) == typeof(byte),
        SafetensorsType.I16 => typeof(T) == typeof(short),
        SafetensorsType.U16 => typeof(T) == typeof(ushort),
        SafetensorsType.F16 => typeof(T) == typeof(Half),
        SafetensorsType.BF16 => typeof(T) == typeof(ushort),
        SafetensorsType.I32 => typeof(T) == typeof(int),
        SafetensorsType.U32 => typeof(T) == typeof(uint),
        SafetensorsType.F32 => typeof(T) == typeof(float),
        SafetensorsType.I64 => typeof(T) == typeof(long),
        SafetensorsType.U64 => typeof(T) == typeof(ulong),
        _ => typeof(T) == typeof(double),
    };
}

/// <summary>Element types of the safetensors format, named as in the file's header.</summary>
[SuppressMessage("Naming", "CA1707", Justification = "The names are those of the file format and are read and written as they stand.")]
public enum SafetensorsType
{
    /// <summary>Boolean, one byte, 0 or 1.</summary>
    BOOL,

    /// <summary>Unsigned 8-bit integer.</summary>
    U8,

    /// <summary>Signed 8-bit integer.</summary>
    I8,

    /// <summary>8-bit float with 5 exponent and 2 mantissa bits.</summary>
    F8_E5M2,

    /// <summary>8-bit float with 4 exponent and 3 mantissa bits.</summary>
    F8_E4M3,

    /// <summary>Signed 16-bit integer.</summary>
    I16,

    /// <summary>Unsigned 16-bit integer.</summary>
    U16,

    /// <summary>IEEE 754 half precision.</summary>
    F16,

    /// <summary>The upper 16 bits of a single precision number.</summary>
    BF16,

    /// <summary>Signed 32-bit integer.</summary>
    I32,

    /// <summary>Unsigned 32-bit integer.</summary>
    U32,

    /// <summary>IEEE 754 single precision.</summary>
    F32,

    /// <summary>Signed 64-bit integer.</summary>
    I64,

    /// <summary>Unsigned 64-bit integer.</summary>
    U64,

    /// <summary>IEEE 754 double precision.</summary>
    F64,
}
