using System.Numerics.Tensors;
using Ddoq.Latents;
using Ddoq.Numerics;
using Ddoq.Quantization.Spaces;

namespace Ddoq.Quantization;

/// <summary>The rows of a class in three parts: those of the fit, those held out of it, and those without weight.</summary>
/// <remarks>
/// Rows of weight 0 are no part of the class's measure: they take no part in the fit or in any draw, so the result for the
/// others is, bit for bit, the one without them; they only get labels. Weights that are all equal are worked on as none.
/// Others are divided by <see cref="WeightUnit"/>, a power of two, so that the largest is 1 to 2; a row whose weight is then
/// too small for a float (2^-149) counts as one without weight.
/// </remarks>
internal sealed unsafe class ClassSplit : IDisposable
{
    private readonly NativeBuffer<int> _permutation = new();
    private readonly NativeBuffer<byte> _heldOut = new();

    /// <summary>Rows of the fit, at least one.</summary>
    public ClassRows Training { get; } = new();

    /// <summary>A random subset, keyed by seed and class, that is kept out of the fit.</summary>
    public ClassRows HeldOut { get; } = new();

    /// <summary>Rows without weight.</summary>
    public ClassRows Weightless { get; } = new();

    /// <summary>What a weight of 1 in <see cref="Training"/> (or one of its rows, where they have no weights) stands for.</summary>
    public float WeightUnit { get; private set; }

    /// <summary>Takes up a class.</summary>
    /// <param name="values">The rows, in place until the next call.</param>
    /// <param name="rows">Their number, above 0.</param>
    /// <param name="rowBytes">Bytes of a row.</param>
    /// <param name="dimension">D.</param>
    /// <param name="weights">Weight of each row; empty without weights.</param>
    /// <param name="classIndex">The class, 0-based.</param>
    /// <param name="className">Its name, for messages.</param>
    /// <param name="options">Seed and fraction to hold out.</param>
    /// <exception cref="DdoqException">A weight is negative or not finite, or all are 0.</exception>
    public void Reset(byte* values, int rows, nint rowBytes, int dimension, ReadOnlySpan<float> weights, int classIndex, string className, QuantizerOptions options)
    {
        float largest = 1, smallest = 1;
        if (!weights.IsEmpty)
            (smallest, largest) = CheckWeights(weights, classIndex, className);
        bool areEqual = smallest == largest;
        WeightUnit = areEqual ? largest : MathF.ScaleB(1, Math.ILogB(largest));
        int used = areEqual ? rows : CountUsed(weights);
        int heldOut = Math.Min((int)(options.HoldOutFraction * used), used - 1);
        ReadOnlySpan<byte> marks = Draw(used, heldOut, classIndex, options.Seed);
        Training.Reset(used - heldOut, dimension, !areEqual);
        HeldOut.Reset(heldOut, dimension);
        Weightless.Reset(rows - used, dimension);
        int next = 0;
        for (int i = 0; i < rows; i++)
        {
            void* row = values + (i * rowBytes);
            if (areEqual)
                (marks[i] == 0 ? Training : HeldOut).Add(row);
            else if (!IsUsed(weights[i]))
                Weightless.Add(row);
            else if (marks[next++] != 0)
                HeldOut.Add(row);
            else
                Training.Add(row, weights[i] / WeightUnit);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _permutation.Dispose();
        _heldOut.Dispose();
        Training.Dispose();
        HeldOut.Dispose();
        Weightless.Dispose();
    }

    private static (float Smallest, float Largest) CheckWeights(ReadOnlySpan<float> weights, int classIndex, string className)
    {
        int bad = SampleWeights.IndexOfBad(weights);
        if (bad >= 0)
            throw SampleWeights.Bad("the quantiser's source", bad, classIndex, className, weights[bad]);
        float largest = TensorPrimitives.Max(weights);
        return largest > 0 ? (TensorPrimitives.Min(weights), largest) : throw SampleWeights.AllZero(weights.Length, classIndex, className);
    }

    private bool IsUsed(float weight) => weight / WeightUnit > 0;

    private int CountUsed(ReadOnlySpan<float> weights)
    {
        int used = 0;
        foreach (float weight in weights)
            used += IsUsed(weight) ? 1 : 0;
        return used;
    }

    // Marks of the rows to hold out, counted among those with weight.
    private ReadOnlySpan<byte> Draw(int rows, int heldOut, int classIndex, ulong seed)
    {
        Span<byte> marks = _heldOut.Span(rows);
        marks.Clear();
        if (heldOut == 0)
            return marks;
        Span<int> order = _permutation.Span(rows);
        for (int i = 0; i < rows; i++)
            order[i] = i;
        var random = new CounterRandom(seed, RandomStreams.Of(classIndex, RandomPurpose.HoldOut, 0));
        random.Shuffle(order);
        foreach (int row in order[..heldOut])
            marks[row] = 1;
        return marks;
    }
}
