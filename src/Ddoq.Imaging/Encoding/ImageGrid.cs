namespace Ddoq.Imaging;

/// <summary>A contact sheet: images of one size in rows and columns, for reports and for eyes.</summary>
/// <remarks>Cells that are not set show the background. Not thread-safe.</remarks>
public sealed class ImageGrid
{
    private readonly int _rows;
    private readonly int _columns;
    private readonly int _cellHeight;
    private readonly int _cellWidth;
    private readonly int _scale;
    private readonly int _gap;
    private readonly byte[] _canvas; // (Height, Width, 3)

    /// <summary>Creates an empty sheet.</summary>
    /// <param name="rows">Rows of images, for example classes.</param>
    /// <param name="columns">Columns of images, for example prototypes of a class.</param>
    /// <param name="cellHeight">Rows of pixels of an image.</param>
    /// <param name="cellWidth">Pixels in a row of an image.</param>
    /// <param name="scale">Each pixel is shown as a square of this many pixels a side.</param>
    /// <param name="gap">Pixels between images and around the sheet.</param>
    /// <param name="background">The grey level of gaps and empty cells.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is not positive (the gap: negative).</exception>
    /// <exception cref="DdoqException">The sheet would be too large to encode.</exception>
    public ImageGrid(int rows, int columns, int cellHeight, int cellWidth, int scale = 1, int gap = 2, byte background = 255)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rows);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(columns);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(cellHeight);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(cellWidth);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(scale);
        ArgumentOutOfRangeException.ThrowIfNegative(gap);
        (_rows, _columns, _cellHeight, _cellWidth, _scale, _gap) = (rows, columns, cellHeight, cellWidth, scale, gap);
        long height = gap + (long)rows * ((long)cellHeight * scale + gap), width = gap + (long)columns * ((long)cellWidth * scale + gap);
        if (height > DecodedImage.MaximumPixels || width > DecodedImage.MaximumPixels || height * width > DecodedImage.MaximumPixels)
            throw new DdoqException($"a contact sheet of {width}x{height} pixels is too large", "show fewer images, or smaller ones");
        (Height, Width) = ((int)height, (int)width);
        _canvas = new byte[3 * Height * Width];
        Array.Fill(_canvas, background);
    }

    /// <summary>Rows of pixels of the sheet.</summary>
    public int Height { get; }

    /// <summary>Pixels in a row of the sheet.</summary>
    public int Width { get; }

    /// <summary>Draws an image into a cell.</summary>
    /// <param name="row">Which row, from 0.</param>
    /// <param name="column">Which column, from 0.</param>
    /// <param name="planar">[channels, cellHeight, cellWidth]; copied.</param>
    /// <param name="channels">1 (grey) or 3 (RGB).</param>
    /// <exception cref="ArgumentOutOfRangeException">The cell is outside the sheet, or there are other than 1 or 3 channels.</exception>
    /// <exception cref="ArgumentException"><paramref name="planar"/> does not have the cell's size.</exception>
    public void Set(int row, int column, ReadOnlySpan<byte> planar, int channels)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(row);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(row, _rows);
        ArgumentOutOfRangeException.ThrowIfNegative(column);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(column, _columns);
        if (channels is not (1 or 3))
            throw new ArgumentOutOfRangeException(nameof(channels), channels, "1 or 3 channels can be shown");
        int plane = _cellHeight * _cellWidth;
        if (planar.Length != channels * plane)
            throw new ArgumentException($"{planar.Length} bytes are not {channels} x {_cellHeight} x {_cellWidth}", nameof(planar));

        int top = _gap + row * (_cellHeight * _scale + _gap), left = _gap + column * (_cellWidth * _scale + _gap);
        for (int y = 0; y < _cellHeight * _scale; y++)
        {
            Span<byte> line = _canvas.AsSpan(3 * ((top + y) * Width + left), 3 * _cellWidth * _scale);
            int source = y / _scale * _cellWidth;
            for (int x = 0; x < _cellWidth * _scale; x++)
            {
                for (int channel = 0; channel < 3; channel++)
                    line[3 * x + channel] = planar[(channels == 3 ? channel * plane : 0) + source + x / _scale];
            }
        }
    }

    /// <summary>Encodes the sheet as an RGB PNG; <see cref="ImageWriter"/> says how far its bytes repeat.</summary>
    /// <exception cref="DdoqException">libvips is missing or fails.</exception>
    public byte[] ToPng() => ImageWriter.EncodeInterleaved(_canvas, 3, Height, Width);
}
