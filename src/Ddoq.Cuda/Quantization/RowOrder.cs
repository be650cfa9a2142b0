using Ddoq.Numerics;
using Ddoq.Quantization;
using Ddoq.Quantization.Algorithms;

namespace Ddoq.Cuda.Quantization;

/// <summary>Which row of its class each row of a batch is: those of the fit in their order, then those held out in theirs.</summary>
internal sealed class RowOrder
{
    private int[] _origins = [];

    /// <summary>Orders the rows of a batch.</summary>
    public void Set(BatchClass[] classes, QuantizerOptions options)
    {
        long rows = classes[^1].RowEnd;
        if (_origins.Length < rows)
            _origins = new int[rows];
        foreach (BatchClass one in classes)
            Order(one, options, _origins.AsSpan((int)one.RowBegin, one.Rows));
    }

    /// <summary>The rows of a class.</summary>
    public ReadOnlySpan<int> Of(in BatchClass one) => _origins.AsSpan((int)one.RowBegin, one.Rows);

    // The rows held out are a random subset, keyed by seed and class: those of the CPU quantiser.
    private static void Order(in BatchClass one, QuantizerOptions options, Span<int> origins)
    {
        for (int i = 0; i < origins.Length; i++)
            origins[i] = i;
        if (one.HeldOut == 0)
            return;
        var random = new CounterRandom(options.Seed, RandomStreams.Of(one.ClassIndex, RandomPurpose.HoldOut, 0));
        random.Shuffle(origins);
        int[] heldOut = origins[..one.HeldOut].ToArray();
        Array.Sort(heldOut);
        origins[one.HeldOut..].CopyTo(origins);
        origins[..one.TrainingRows].Sort();
        heldOut.CopyTo(origins[one.TrainingRows..]);
    }
}
