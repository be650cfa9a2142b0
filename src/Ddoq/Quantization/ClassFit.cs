using System.Diagnostics;
using Ddoq.Latents;
using Ddoq.Numerics;
using Ddoq.Numerics.Kernels;
using Ddoq.Quantization.Algorithms;
using Ddoq.Quantization.Spaces;

namespace Ddoq.Quantization;

/// <summary>Quantises one class after another on one thread, in working space that is reused.</summary>
internal sealed unsafe class ClassFit(LatentKernels kernels) : IDisposable
{
    private readonly NativeBuffer<byte> _copy = new();
    private readonly NativeBuffer<int> _permutation = new();
    private readonly NativeBuffer<byte> _heldOut = new();
    private readonly ClassRows _training = new();
    private readonly ClassRows _rest = new();
    private readonly FitContext _context = new(kernels);
    private readonly DirectSpace _direct = new(kernels);
    private readonly GramSpace _gram = new(kernels);
    private readonly NativeBuffer<int> _cells = new();
    private readonly NativeBuffer<int> _cellCounts = new();
    private readonly NativeBuffer<int> _partLabels = new();
    private readonly NativeBuffer<float> _partDistances = new();
    private readonly CellMeans _means = new(kernels);
    private readonly CentroidTable _centroids = new(kernels);
    private bool _knowsNearest;

    /// <summary>The type of the rows it reads.</summary>
    public LatentElementType RowType => kernels.RowType;

    /// <summary>Quantises a class of a source, whose values are of <see cref="RowType"/>.</summary>
    public ClassQuantization Run(ILatentSource source, int classIndex, QuantizerOptions options, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        int rows = source.RowCount(classIndex);
        int dimension = source.Shape.Length;
        string name = source.ClassNames[classIndex];
        if (source.TryGetRowBytes(classIndex, out ReadOnlySpan<byte> inPlace))
        {
            fixed (byte* values = inPlace)
                return Run(values, rows, dimension, classIndex, name, options, start, cancellation);
        }

        nint rowBytes = RowBytes(dimension);
        byte* copy = _copy.Reserve(rows * rowBytes);
        int step = (int)Math.Max(1, (1 << 26) / rowBytes);
        for (int first = 0; first < rows; first += step)
        {
            cancellation.ThrowIfCancellationRequested();
            int count = Math.Min(step, rows - first);
            source.ReadRowBytes(classIndex, first, new Span<byte>(copy + (first * rowBytes), checked((int)(count * rowBytes))));
        }

        return Run(copy, rows, dimension, classIndex, name, options, start, cancellation);
    }

    /// <summary>Quantises rows in memory, which stay in place during the call.</summary>
    public ClassQuantization Run(
        byte* values, int rows, int dimension, int classIndex, string className, QuantizerOptions options, long start, CancellationToken cancellation)
    {
        RefuseNonFinite(values, rows, dimension, classIndex, className);
        if (rows == 0)
            return Empty(classIndex, dimension, options, start);
        int heldOut = Split(values, rows, dimension, classIndex, options);
        int centroids = Math.Min(options.CentroidCount, _training.Count);
        _training.ComputeMean(kernels);
        ClusterSpace space = Open(new ClassMemory(kernels, options, dimension).ChooseSpace(_training.Count), centroids);
        if ((long)centroids * dimension > Array.MaxLength)
            throw new UsageException($"{centroids} centres of {dimension} values exceed one array ({Array.MaxLength} values).", "Ask for fewer centres per class.");
        var best = new float[centroids * dimension];
        AlgorithmOutcome outcome = Fit(space, best, classIndex, options, cancellation);
        return Finish(space, best, outcome, values, rows, heldOut, classIndex, options, start);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _copy.Dispose();
        _permutation.Dispose();
        _heldOut.Dispose();
        _training.Dispose();
        _rest.Dispose();
        _context.Dispose();
        _direct.Dispose();
        _gram.Dispose();
        _cells.Dispose();
        _cellCounts.Dispose();
        _partLabels.Dispose();
        _partDistances.Dispose();
        _means.Dispose();
        _centroids.Dispose();
    }

    private nint RowBytes(int dimension) => (nint)dimension * LatentElement.Size(kernels.RowType);

    private static ClassQuantization Empty(int classIndex, int dimension, QuantizerOptions options, long start) => new()
    {
        ClassIndex = classIndex,
        RowCount = 0,
        Dimension = dimension,
        RequestedCentroidCount = options.CentroidCount,
        CentroidCount = 0,
        Centroids = [],
        Counts = [],
        Labels = [],
        Distortion = 0,
        IterationCount = 0,
        EmptyCells = 0,
        EffectiveCells = 0,
        Space = QuantizationSpace.Direct,
        Seconds = Stopwatch.GetElapsedTime(start).TotalSeconds,
    };

    private void RefuseNonFinite(byte* values, int rows, int dimension, int classIndex, string className)
    {
        // A source has refused values of other types that are not finite; halves are checked again for sources of others' making.
        if (kernels.RowType != LatentElementType.F16)
            return;
        nint position = FiniteCheck.FirstNonFinite((Half*)values, (nint)rows * dimension);
        if (position < 0)
            return;
        throw new DdoqException(
            $"Class {classIndex} ('{className}'), row {position / dimension}: value {position % dimension} of the latent is {((Half*)values)[position]}; latents must be finite.",
            "Encode the class again; a half overflows above 65504, so check the scaling factor of the encoder.");
    }

    // A random subset of the rows, keyed by seed and class, is kept out of the fit; at least one row stays in.
    private int Split(byte* values, int rows, int dimension, int classIndex, QuantizerOptions options)
    {
        int heldOut = Math.Min((int)(options.HoldOutFraction * rows), rows - 1);
        Span<byte> held = _heldOut.Span(rows);
        held.Clear();
        if (heldOut > 0)
        {
            Span<int> order = _permutation.Span(rows);
            for (int i = 0; i < rows; i++)
                order[i] = i;
            var random = new CounterRandom(options.Seed, RandomStreams.Of(classIndex, RandomPurpose.HoldOut, 0));
            random.Shuffle(order);
            foreach (int row in order[..heldOut])
                held[row] = 1;
        }

        _training.Reset(rows - heldOut, dimension);
        _rest.Reset(heldOut, dimension);
        for (int i = 0; i < rows; i++)
            (held[i] == 0 ? _training : _rest).Add(values + (i * RowBytes(dimension)));
        return heldOut;
    }

    private ClusterSpace Open(QuantizationSpace kind, int centroids)
    {
        if (kind == QuantizationSpace.Gram)
        {
            _gram.Reset(_training, centroids);
            return _gram;
        }

        _direct.Reset(_training, centroids);
        return _direct;
    }

    private AlgorithmOutcome Fit(ClusterSpace space, float[] best, int classIndex, QuantizerOptions options, CancellationToken cancellation)
    {
        AlgorithmOutcome kept = default;
        double lowest = double.PositiveInfinity;
        bool knowsNearest = false;
        for (int restart = 0; restart < options.Restarts; restart++)
        {
            _context.Reset(space, options, classIndex, restart, cancellation);
            AlgorithmOutcome outcome = options.Algorithm switch
            {
                QuantizationAlgorithm.D4m => D4mPass.Run(_context),
                QuantizationAlgorithm.Clvq => ClvqSteps.Run(_context),
                QuantizationAlgorithm.MiniBatch => MiniBatchFit.Run(_context),
                QuantizationAlgorithm.Lloyd => LloydIteration.Run(_context, refine: false),
                _ => LloydIteration.Run(_context, refine: true),
            };

            // The Gram space is asked even about a single run: its answer saves a pass over the rows at the end.
            knowsNearest = outcome.CentroidsAreMeans && space == _gram;
            if (options.Restarts > 1 || knowsNearest)
            {
                space.Assign(_context.PreviousLabels, _context.Distances);
                double distortion = 0;
                foreach (float distance in _context.Distances)
                    distortion += distance;
                if (distortion >= lowest)
                    continue;
                lowest = distortion;
            }

            space.CopyCentroids(best, outcome.CentroidsAreMeans ? _context.Counts : default);
            if (outcome.CentroidsAreMeans)
                _context.Labels.CopyTo(_cells.Span(_training.Count));
            if (knowsNearest)
                KeepNearest();
            kept = outcome;
        }

        if (kept.CentroidsAreMeans)
            WriteMeans(space.CentroidCount, best);
        _knowsNearest = knowsNearest;
        return kept;
    }

    // Nearest centre of each row as the Gram space sees it, -1 where its rounding leaves a doubt.
    private void KeepNearest()
    {
        Span<int> nearest = _partLabels.Span(_training.Count);
        _context.PreviousLabels.CopyTo(nearest);
        for (int i = 0; i < nearest.Length; i++)
        {
            if (!_gram.IsCertain(i))
                nearest[i] = -1;
        }
    }

    private void WriteMeans(int centroids, float[] best)
    {
        Span<int> cells = _cells.Span(_training.Count), counts = _cellCounts.Span(centroids);
        counts.Clear();
        foreach (int cell in cells)
            counts[cell]++;
        _means.Write(_training, cells, counts, best);
    }

    private ClassQuantization Finish(
        ClusterSpace space, float[] centroids, AlgorithmOutcome outcome, byte* values, int rows, int heldOut, int classIndex, QuantizerOptions options, long start)
    {
        _centroids.Reset(space.CentroidCount, _training.Dimension);
        _centroids.Load(centroids, _training);
        int dimension = _training.Dimension;
        var labels = new int[rows];
        var counts = new long[space.CentroidCount];
        AssignTraining();
        double training = Measure(_training, values, labels, counts);
        double? held = null;
        if (heldOut > 0)
        {
            _centroids.Assign(_training, _rest.Pointers, _partLabels.Span(heldOut), _partDistances.Span(heldOut));
            held = Measure(_rest, values, labels, counts) / heldOut;
        }

        double squares = 0;
        int empty = 0;
        foreach (long count in counts)
        {
            squares += (double)count * count;
            empty += count == 0 ? 1 : 0;
        }

        return new ClassQuantization
        {
            ClassIndex = classIndex,
            RowCount = rows,
            Dimension = dimension,
            RequestedCentroidCount = options.CentroidCount,
            CentroidCount = space.CentroidCount,
            Centroids = centroids,
            Counts = counts,
            Labels = labels,
            Distortion = training / _training.Count,
            HeldOutDistortion = held,
            HeldOutRowCount = heldOut,
            CompanionWeights = outcome.CompanionWeights,
            RunningCounts = outcome.RunningCounts,
            IterationCount = outcome.Iterations,
            MoveCount = outcome.Moves,
            EmptyCells = empty,
            EffectiveCells = (double)rows * rows / squares,
            Space = space.Kind,
            Seconds = Stopwatch.GetElapsedTime(start).TotalSeconds,
        };
    }

    // Nearest reported centre of each row of the fit, by the centres themselves where the space did not know it.
    private void AssignTraining()
    {
        Span<int> labels = _partLabels.Span(_training.Count);
        if (!_knowsNearest)
        {
            _centroids.Assign(_training, _training.Pointers, labels, _partDistances.Span(_training.Count));
            return;
        }

        for (int i = 0; i < labels.Length; i++)
        {
            if (labels[i] < 0)
                labels[i] = _centroids.Nearest(_training, _training[i], out _);
        }
    }

    // Takes over the labels of a part of the rows; the sum of their squared distances.
    private double Measure(ClassRows part, byte* values, int[] labels, long[] counts)
    {
        double sum = 0;
        for (int i = 0; i < part.Count; i++)
        {
            int label = _partLabels.Pointer[i];
            labels[((byte*)part[i] - values) / RowBytes(part.Dimension)] = label;
            counts[label]++;
            sum += _centroids.SquaredDistance(_training, part[i], label);
        }

        return sum;
    }
}
