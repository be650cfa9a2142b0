namespace Ddoq.Latents;

/// <summary>Labelled latents, read class by class: the input of every quantiser.</summary>
/// <remarks>
/// Rows of a class have a fixed order that depends only on the data, so results do not depend on how they are read.
/// Implementations are safe for concurrent readers. Values are finite: non-finite rows are refused when a source opens
/// or when the row is first read, naming file, row and class.
/// </remarks>
public interface ILatentSource
{
    /// <summary>Shape of one latent; <c>Shape.Length</c> is D.</summary>
    LatentShape Shape { get; }

    /// <summary>Class names in label order; the count is C.</summary>
    IReadOnlyList<string> ClassNames { get; }

    /// <summary>Rows of one class (N).</summary>
    int RowCount(int classIndex);

    /// <summary>Copies consecutive rows of one class.</summary>
    /// <param name="classIndex">The class, 0-based.</param>
    /// <param name="firstRow">First row within the class, 0-based.</param>
    /// <param name="destination">Receives <c>destination.Length / D</c> rows, row-major; its length is a multiple of D.</param>
    /// <exception cref="ArgumentOutOfRangeException">The class or a row does not exist.</exception>
    void ReadRows(int classIndex, int firstRow, Span<Half> destination);

    /// <summary>The rows of a class in place, without a copy, when the class is stored contiguously.</summary>
    /// <param name="classIndex">The class, 0-based.</param>
    /// <param name="rows">N x D values, row-major, valid until the source is disposed.</param>
    /// <returns>False when the class is scattered: use <see cref="ReadRows"/>.</returns>
    bool TryGetRows(int classIndex, out ReadOnlySpan<Half> rows);
}
