using System.Globalization;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Ddoq.Storage;

namespace Ddoq.Latents;

/// <summary>Labelled latents, read class by class: the input of every quantiser.</summary>
/// <remarks>
/// Rows of a class have a fixed order that depends only on the data, so results do not depend on how they are read.
/// Implementations are safe for concurrent readers. Values are finite: non-finite rows are refused when a source opens
/// or when the row is first read, naming file, row and class. A source whose values are not halves overrides
/// <see cref="ElementType"/>, the two methods for bytes and <see cref="ReadRows(int, int, Span{float})"/>.
/// </remarks>
public interface ILatentSource
{
    /// <summary>Shape of one latent; <c>Shape.Length</c> is D.</summary>
    LatentShape Shape { get; }

    /// <summary>Class names in label order; the count is C.</summary>
    IReadOnlyList<string> ClassNames { get; }

    /// <summary>How the values are stored.</summary>
    LatentElementType ElementType => LatentElementType.F16;

    /// <summary>Whether the rows have weights of their own; if not, all weigh the same.</summary>
    bool HasSampleWeights => false;

    /// <summary>Rows of one class (N).</summary>
    int RowCount(int classIndex);

    /// <summary>Copies consecutive rows of one class, in half precision.</summary>
    /// <param name="classIndex">The class, 0-based.</param>
    /// <param name="firstRow">First row within the class, 0-based.</param>
    /// <param name="destination">Receives <c>destination.Length / D</c> rows, row-major; its length is a multiple of D.</param>
    /// <exception cref="ArgumentOutOfRangeException">The class or a row does not exist.</exception>
    /// <exception cref="DdoqException">The values are stored in another type and one does not fit half precision.</exception>
    void ReadRows(int classIndex, int firstRow, Span<Half> destination);

    /// <summary>Copies consecutive rows of one class in single precision, which holds every stored type exactly.</summary>
    /// <inheritdoc cref="ReadRows(int, int, Span{Half})"/>
    void ReadRows(int classIndex, int firstRow, Span<float> destination)
    {
        var halves = new Half[destination.Length];
        ReadRows(classIndex, firstRow, halves);
        TensorPrimitives.ConvertToSingle(halves, destination);
    }

    /// <summary>Copies consecutive rows of one class as they are stored.</summary>
    /// <param name="classIndex">The class, 0-based.</param>
    /// <param name="firstRow">First row within the class, 0-based.</param>
    /// <param name="destination">Receives whole rows of D values of <see cref="ElementType"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The class or a row does not exist.</exception>
    void ReadRowBytes(int classIndex, int firstRow, Span<byte> destination) =>
        ReadRows(classIndex, firstRow, MemoryMarshal.Cast<byte, Half>(destination));

    /// <summary>The rows of a class in place, without a copy, when the class is stored contiguously as halves.</summary>
    /// <param name="classIndex">The class, 0-based.</param>
    /// <param name="rows">N x D values, row-major, valid until the source is disposed.</param>
    /// <returns>False when the class is scattered or stored in another type: use a method that copies.</returns>
    bool TryGetRows(int classIndex, out ReadOnlySpan<Half> rows);

    /// <summary>The rows of a class in place, as they are stored, when the class is stored contiguously.</summary>
    /// <param name="classIndex">The class, 0-based.</param>
    /// <param name="rows">N x D values of <see cref="ElementType"/>, row-major, valid until the source is disposed.</param>
    /// <returns>False when the class is scattered: use <see cref="ReadRowBytes"/>.</returns>
    bool TryGetRowBytes(int classIndex, out ReadOnlySpan<byte> rows)
    {
        bool inPlace = TryGetRows(classIndex, out ReadOnlySpan<Half> halves);
        rows = MemoryMarshal.AsBytes(halves);
        return inPlace;
    }

    /// <summary>Copies the weights of the rows of a class; 1 for each when <see cref="HasSampleWeights"/> is false.</summary>
    /// <param name="classIndex">The class, 0-based.</param>
    /// <param name="destination">Receives N weights, finite, 0 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">The class does not exist.</exception>
    /// <exception cref="DdoqException">A weight is negative or not finite; the message names file, row and class.</exception>
    void ReadSampleWeights(int classIndex, Span<float> destination) => destination.Fill(1);

    /// <summary>A hint that a class will be read soon: a source on a disk starts to load it, without waiting.</summary>
    void Prefetch(int classIndex)
    {
    }

    /// <summary>
    /// A hint that a class is done with: a mapped source lets go of its resident pages. Rows handed out in place stay
    /// valid and are loaded again when used.
    /// </summary>
    void Release(int classIndex)
    {
    }
}

/// <summary>Channels, height and width of one latent; <c>Length</c> values per row, channel-major (c, h, w).</summary>
public readonly record struct LatentShape(int Channels, int Height, int Width)
{
    /// <summary>Values per latent (D).</summary>
    public int Length => checked(Channels * Height * Width);

    /// <inheritdoc/>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Channels}x{Height}x{Width}");
}

/// <summary>How the values of a latent are stored, named as in safetensors files.</summary>
public enum LatentElementType
{
    /// <summary>IEEE half precision: 2 bytes, the type that Ddoq writes.</summary>
    F16,

    /// <summary>The upper half of a single: 2 bytes.</summary>
    BF16,

    /// <summary>IEEE single precision: 4 bytes.</summary>
    F32,
}

/// <summary>Sizes and names of <see cref="LatentElementType"/>.</summary>
internal static class LatentElement
{
    public static int Size(LatentElementType type) => type == LatentElementType.F32 ? sizeof(float) : sizeof(ushort);

    /// <summary>The type of a tensor of latents; null when the engine has no rows of that type.</summary>
    public static LatentElementType? Of(SafetensorsType type) => type switch
    {
        SafetensorsType.F16 => LatentElementType.F16,
        SafetensorsType.BF16 => LatentElementType.BF16,
        SafetensorsType.F32 => LatentElementType.F32,
        _ => null,
    };
}
