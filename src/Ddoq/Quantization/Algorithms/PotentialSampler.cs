namespace Ddoq.Quantization.Algorithms;

/// <summary>Draws rows with probability proportional to their squared distance, or to any number not below 0, through sums of blocks of 64 rows.</summary>
/// <remarks>All sums are fp64 in a fixed order. A row at 0 is never drawn.</remarks>
internal readonly ref struct PotentialSampler(Span<double> blockSums)
{
    private const int RowsPerBlock = 64;
    private readonly Span<double> _blockSums = blockSums;

    /// <summary>Sums needed for a number of rows.</summary>
    public static int BlockCount(int rows) => (rows + RowsPerBlock - 1) / RowsPerBlock;

    /// <summary>Takes up distances; returns their sum.</summary>
    public double Load(ReadOnlySpan<float> distances)
    {
        double total = 0;
        for (int block = 0; block < _blockSums.Length; block++)
        {
            double sum = 0;
            foreach (float distance in Block(distances, block))
                sum += distance;
            _blockSums[block] = sum;
            total += sum;
        }

        return total;
    }

    /// <summary>The first row at which the running sum of the distances exceeds <paramref name="target"/>, which is below their sum.</summary>
    public int FirstReaching(ReadOnlySpan<float> distances, double target)
    {
        double sum = 0;
        int last = 0;
        for (int block = 0; block < _blockSums.Length; block++)
        {
            bool isLast = block == _blockSums.Length - 1;
            if (!isLast && sum + _blockSums[block] <= target)
            {
                sum += _blockSums[block];
                continue;
            }

            ReadOnlySpan<float> rows = Block(distances, block);
            for (int i = 0; i < rows.Length; i++)
            {
                if (rows[i] <= 0)
                    continue;
                sum += rows[i];
                last = (block * RowsPerBlock) + i;
                if (sum > target)
                    return last;
            }
        }

        // The running sum may fall short of the target by rounding: the last row that has a distance. If the last block
        // has none, look back.
        for (int i = distances.Length - 1; i >= 0; i--)
        {
            if (distances[i] > 0)
                return i;
        }

        return last;
    }

    private static ReadOnlySpan<float> Block(ReadOnlySpan<float> distances, int block)
    {
        int first = block * RowsPerBlock;
        return distances.Slice(first, Math.Min(RowsPerBlock, distances.Length - first));
    }
}
