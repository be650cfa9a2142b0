namespace Ddoq.Latents;

/// <summary>Latents held in memory, class by class: for embedding the quantisers and for tests.</summary>
/// <remarks>Every class is contiguous, so <see cref="TryGetRows"/> always succeeds. Safe for concurrent readers.</remarks>
public sealed class InMemoryLatents : ILatentSource
{
    private readonly Half[][] _rows;
    private readonly float[][]? _weights;

    /// <summary>Takes the rows of each class as they are, without a copy.</summary>
    /// <param name="shape">Shape of one latent; D values.</param>
    /// <param name="classNames">Class names in label order.</param>
    /// <param name="rows">For each class its N x D values, row-major; not to be changed afterwards.</param>
    /// <param name="sampleWeights">For each class the weight of each row, finite, 0 or more; null when all weigh the same.</param>
    /// <exception cref="ArgumentException">There is not one array per class.</exception>
    /// <exception cref="DdoqException">A length is no multiple of D, a value is not finite, or weights are not usable.</exception>
    public InMemoryLatents(LatentShape shape, IReadOnlyList<string> classNames, IReadOnlyList<Half[]> rows, IReadOnlyList<float[]>? sampleWeights = null)
    {
        ArgumentNullException.ThrowIfNull(classNames);
        ArgumentNullException.ThrowIfNull(rows);
        LatentMetadata.Check(new LatentStoreInfo { Shape = shape, ClassNames = classNames });
        if (rows.Count != classNames.Count)
            throw new ArgumentException($"{classNames.Count} classes but rows of {rows.Count}", nameof(rows));
        Shape = shape;
        ClassNames = classNames;
        _rows = [.. rows];
        for (int c = 0; c < _rows.Length; c++)
        {
            if (_rows[c].Length % shape.Length != 0)
                throw new DdoqException($"class {c} '{classNames[c]}' has {_rows[c].Length} values, no multiple of D = {shape.Length}", "Check the latent's shape.");
            int bad = FiniteScan.IndexOfNonFinite(_rows[c]);
            if (bad >= 0)
                throw LatentErrors.NotFinite("the latents in memory", bad / shape.Length, c, classNames[c], bad % shape.Length, (float)_rows[c][bad]);
        }

        _weights = sampleWeights is null ? null : [.. sampleWeights];
        if (_weights is not null)
            CheckWeights(_weights);
    }

    /// <inheritdoc/>
    public LatentShape Shape { get; }

    /// <inheritdoc/>
    public IReadOnlyList<string> ClassNames { get; }

    /// <summary>Sorts labelled single-precision rows into classes, keeping their order, and rounds them to half precision.</summary>
    /// <param name="shape">Shape of one latent; D values.</param>
    /// <param name="classNames">Class names in label order.</param>
    /// <param name="rows">N x D values, row-major.</param>
    /// <param name="labels">The class of each row.</param>
    /// <param name="sampleWeights">The weight of each row, finite, 0 or more; empty when all weigh the same.</param>
    /// <exception cref="DdoqException">A label names no class, the lengths disagree, a weight is not usable, or a value does not fit half precision.</exception>
    public static InMemoryLatents FromRows(
        LatentShape shape, IReadOnlyList<string> classNames, ReadOnlySpan<float> rows, ReadOnlySpan<int> labels, ReadOnlySpan<float> sampleWeights = default)
    {
        ArgumentNullException.ThrowIfNull(classNames);
        int d = shape.Length;
        LatentErrors.CheckLabels("the latents in memory", rows.Length, d, labels, classNames.Count, firstRow: 0);
        int[] counts = new int[classNames.Count];
        foreach (int label in labels)
            counts[label]++;
        Half[][] perClass = [.. counts.Select(n => new Half[n * d])];
        float[][]? weights = sampleWeights.IsEmpty ? null : [.. counts.Select(n => new float[n])];
        if (weights is not null)
            SampleWeights.CheckCount("the latents in memory", sampleWeights.Length, labels.Length);
        Array.Clear(counts);
        for (int i = 0; i < labels.Length; i++)
        {
            int label = labels[i];
            if (weights is not null)
                weights[label][counts[label]] = sampleWeights[i];
            Span<Half> destination = perClass[label].AsSpan(counts[label]++ * d, d);
            System.Numerics.Tensors.TensorPrimitives.ConvertToHalf(rows.Slice(i * d, d), destination);
            int bad = FiniteScan.IndexOfNonFinite(destination);
            if (bad >= 0)
                throw LatentErrors.NotFinite("the latents in memory", i, label, classNames[label], bad, rows[(i * d) + bad]);
        }

        return new InMemoryLatents(shape, classNames, perClass, weights);
    }

    /// <inheritdoc/>
    public bool HasSampleWeights => _weights is not null;

    /// <inheritdoc/>
    public int RowCount(int classIndex) => Class(classIndex).Length / Shape.Length;

    /// <inheritdoc/>
    public void ReadRows(int classIndex, int firstRow, Span<Half> destination)
    {
        Half[] rows = Class(classIndex);
        int count = LatentErrors.CheckWindow(firstRow, destination.Length, Shape.Length, rows.Length / Shape.Length);
        rows.AsSpan(firstRow * Shape.Length, count * Shape.Length).CopyTo(destination);
    }

    /// <inheritdoc/>
    public bool TryGetRows(int classIndex, out ReadOnlySpan<Half> rows)
    {
        rows = Class(classIndex);
        return true;
    }

    /// <inheritdoc/>
    public void ReadSampleWeights(int classIndex, Span<float> destination)
    {
        LatentErrors.CheckClass(classIndex, _rows.Length);
        SampleWeights.CheckCount("the latents in memory", destination.Length, RowCount(classIndex));
        if (_weights is null)
            destination.Fill(1);
        else
            _weights[classIndex].CopyTo(destination);
    }

    private void CheckWeights(float[][] weights)
    {
        if (weights.Length != _rows.Length)
            throw new ArgumentException($"{_rows.Length} classes but sample weights of {weights.Length}", nameof(weights));
        for (int c = 0; c < weights.Length; c++)
        {
            SampleWeights.CheckCount($"class {c} '{ClassNames[c]}'", weights[c].Length, RowCount(c));
            int bad = SampleWeights.IndexOfBad(weights[c]);
            if (bad >= 0)
                throw SampleWeights.Bad("the latents in memory", bad, c, ClassNames[c], weights[c][bad]);
        }
    }

    private Half[] Class(int classIndex)
    {
        LatentErrors.CheckClass(classIndex, _rows.Length);
        return _rows[classIndex];
    }
}
