using System.Numerics.Tensors;
using Ddoq.Imaging;
using Ddoq.Latents;

namespace Ddoq.Pipeline.Estimates;

/// <summary>Rows in the place of a store that is not there yet: as many in each class as the data have, drawn from the few that were encoded for an estimate.</summary>
/// <remarks>
/// A row that is drawn again is mixed with another, to the same variance, so that no two are equal: equal rows would be cheaper than
/// real ones.
/// </remarks>
internal sealed class StandInRows : ILatentSource
{
    /// <summary>Values that are worth keeping for this.</summary>
    public const int MostValues = 1 << 23;

    // Their squares sum to 1.
    private const float Own = 0.9f, Other = 0.43588990f;
    private readonly float[] _pool;
    private readonly int[] _counts;

    /// <summary>Takes rows for the classes of a dataset.</summary>
    public StandInRows(LatentShape shape, IReadOnlyList<string> classNames, IImageDataset data, List<float> pool)
    {
        Shape = shape;
        ClassNames = classNames;
        _pool = [.. pool];
        _counts = new int[classNames.Count];
        for (int i = 0; i < data.Count; i++)
            _counts[data.LabelOf(i)]++;
    }

    public LatentShape Shape { get; }

    public IReadOnlyList<string> ClassNames { get; }

    public int RowCount(int classIndex) => _counts[classIndex];

    public void ReadRows(int classIndex, int firstRow, Span<Half> destination)
    {
        int length = Shape.Length, rows = _pool.Length / length;
        for (int i = 0; i < destination.Length / length; i++)
        {
            (int again, int row) = Math.DivRem(firstRow + i, rows);
            ReadOnlySpan<float> own = _pool.AsSpan(row * length, length), other = _pool.AsSpan((row + again) % rows * length, length);
            Span<Half> to = destination.Slice(i * length, length);
            if (again == 0)
            {
                TensorPrimitives.ConvertToHalf(own, to);
                continue;
            }

            for (int d = 0; d < length; d++)
                to[d] = (Half)((Own * own[d]) + (Other * other[d]));
        }
    }

    public bool TryGetRows(int classIndex, out ReadOnlySpan<Half> rows)
    {
        rows = default;
        return false;
    }
}
