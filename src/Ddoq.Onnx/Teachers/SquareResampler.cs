using System.Numerics.Tensors;

namespace Ddoq.Onnx.Teachers;

/// <summary>Resizes square images of floats as a teacher's preprocessor does: resize to one side, then cut out the middle.</summary>
/// <remarks>
/// Separable filters widened by the scale when an image shrinks, so that no pixel is passed over; positions are those of pixel
/// centres. This is what Pillow's <c>resize</c> computes, here without its rounding to bytes. Immutable, safe for concurrent use.
/// </remarks>
internal sealed class SquareResampler
{
    private readonly int _from;
    private readonly int _resized;
    private readonly int _first;
    private readonly (int Start, float[] Weights)[] _taps;

    /// <param name="from">Side of the images.</param>
    /// <param name="resized">Side after resizing.</param>
    /// <param name="side">Side of the middle that is kept.</param>
    /// <param name="filter">Pillow's number: 0 nearest, 2 bilinear, 3 bicubic.</param>
    public SquareResampler(int from, int resized, int side, int filter)
    {
        _from = from;
        Side = side;
        _resized = resized;
        _first = (resized - side) / 2;
        _taps = [.. Enumerable.Range(_first, side).Select(i => Taps(i, filter))];
    }

    /// <summary>Side of the result.</summary>
    public int Side { get; }

    /// <summary>Whether a preprocessor's filter is known.</summary>
    public static bool Knows(int filter) => filter is 0 or 2 or 3;

    /// <summary>Resizes planes.</summary>
    /// <param name="planes">[n, from, from].</param>
    /// <param name="results">Receives [n, side, side].</param>
    public void Resize(ReadOnlySpan<float> planes, Span<float> results)
    {
        var rows = new float[Side * _from];
        for (int plane = 0; plane < results.Length / (Side * Side); plane++)
        {
            ReadOnlySpan<float> source = planes.Slice(plane * _from * _from, _from * _from);
            Span<float> result = results.Slice(plane * Side * Side, Side * Side);
            for (int y = 0; y < Side; y++)
            {
                Span<float> row = rows.AsSpan(y * _from, _from);
                row.Clear();
                (int start, float[] weights) = _taps[y];
                for (int k = 0; k < weights.Length; k++)
                    TensorPrimitives.MultiplyAdd(source.Slice((start + k) * _from, _from), weights[k], row, row);
                for (int x = 0; x < Side; x++)
                    result[(y * Side) + x] = TensorPrimitives.Dot(row.Slice(_taps[x].Start, _taps[x].Weights.Length), _taps[x].Weights);
            }
        }
    }

    private (int Start, float[] Weights) Taps(int position, int filter)
    {
        double scale = (double)_from / _resized, centre = (position + 0.5) * scale;
        if (filter == 0)
            return (Math.Min(_from - 1, (int)centre), [1]);
        double stretch = Math.Max(scale, 1), reach = (filter == 2 ? 1 : 2) * stretch;
        int start = Math.Max(0, (int)(centre - reach + 0.5)), end = Math.Min(_from, (int)(centre + reach + 0.5));
        double[] weights = [.. Enumerable.Range(start, end - start).Select(i => Weight((i - centre + 0.5) / stretch, filter))];
        double sum = weights.Sum();
        return (start, Array.ConvertAll(weights, weight => (float)(weight / sum)));
    }

    // Bilinear; bicubic with a = -1/2 (Keys, "Cubic convolution interpolation for digital image processing", 1981).
    private static double Weight(double x, int filter)
    {
        x = Math.Abs(x);
        if (filter == 2)
            return Math.Max(0, 1 - x);
        return x < 1 ? (((1.5 * x) - 2.5) * x * x) + 1 : x < 2 ? (((((-0.5 * x) + 2.5) * x) - 4) * x) + 2 : 0;
    }
}
