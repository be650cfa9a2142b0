using Ddoq.Imaging;
using Ddoq.Latents;
using Ddoq.Numerics;

namespace Ddoq.Pipeline.Estimates;

/// <summary>Rows in the place of a store that is not there yet: as many in each class as the data have, drawn from the few that were encoded for an estimate.</summary>
/// <remarks>A row that is drawn again is moved by a tenth of the rows' deviation, so that no two are equal: equal rows would be cheaper than real ones.</remarks>
internal sealed class StandInRows : ILatentSource
{
    /// <summary>Values that are worth keeping for this.</summary>
    public const int MostValues = 1 << 23;

    private const double Jitter = 0.1;
    private readonly float[] _pool;
    private readonly int[] _counts;
    private readonly float _jitter;

    /// <summary>Takes rows for the classes of a dataset.</summary>
    public StandInRows(LatentShape shape, IReadOnlyList<string> classNames, IImageDataset data, List<float> pool)
    {
        Shape = shape;
        ClassNames = classNames;
        _pool = [.. pool];
        _counts = new int[classNames.Count];
        for (int i = 0; i < data.Count; i++)
            _counts[data.LabelOf(i)]++;
        double mean = _pool.Average(), square = _pool.Average(value => (double)value * value);
        _jitter = (float)(Jitter * Math.Sqrt(Math.Max(0, square - (mean * mean))));
    }

    public LatentShape Shape { get; }

    public IReadOnlyList<string> ClassNames { get; }

    public int RowCount(int classIndex) => _counts[classIndex];

    public void ReadRows(int classIndex, int firstRow, Span<Half> destination)
    {
        int length = Shape.Length, rows = _pool.Length / length;
        var noise = new float[length];
        for (int i = 0; i < destination.Length / length; i++)
        {
            int row = firstRow + i;
            ReadOnlySpan<float> from = _pool.AsSpan(row % rows * length, length);
            Span<Half> to = destination.Slice(i * length, length);
            new CounterRandom((ulong)classIndex, (ulong)row).FillGaussian(noise);
            for (int d = 0; d < length; d++)
                to[d] = (Half)(from[d] + (_jitter * noise[d]));
        }
    }

    public bool TryGetRows(int classIndex, out ReadOnlySpan<Half> rows)
    {
        rows = default;
        return false;
    }
}
