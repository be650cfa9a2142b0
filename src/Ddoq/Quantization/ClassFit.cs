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
    private readonly NativeBuffer<float> _weights = new();
    private readonly ClassSplit _split = new();
    private readonly FitContext _context = new(kernels);
    private readonly DirectSpace _direct = new(kernels);
    private readonly GramSpace _gram = new(kernels);
    private readonly NativeBuffer<int> _cells = new();
    private readonly NativeBuffer<int> _cellCounts = new();
    private readonly NativeBuffer<double> _cellMasses = new();
    private readonly NativeBuffer<int> _partLabels = new();
    private readonly NativeBuffer<float> _partDistances = new();
    private readonly CellMeans _means = new(kernels);
    private readonly CentroidTable _centroids = new(kernels);
    private readonly SupportIteration _support = new(kernels);
    private bool _knowsNearest;
    private double _meanDistance;

    /// <summary>The type of the rows it reads.</summary>
    public LatentElementType RowType => kernels.RowType;

    /// <summary>Quantises a class of a source, whose values are of <see cref="RowType"/>.</summary>
    public ClassQuantization Run(ILatentSource source, int classIndex, QuantizerOptions options, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        int rows = source.RowCount(classIndex);
        int dimension = source.Shape.Length;
        string name = source.ClassNames[classIndex];
        ReadOnlySpan<float> weights = ReadWeights(source, classIndex, rows);
        if (source.TryGetRowBytes(classIndex, out ReadOnlySpan<byte> inPlace))
        {
            fixed (byte* values = inPlace)
                return Run(values, rows, dimension, weights, classIndex, name, options, start, cancellation);
        }

        byte* copy = LoadedRows.Copy(source, classIndex, _copy, cancellation);
        return Run(copy, rows, dimension, weights, classIndex, name, options, start, cancellation);
    }

    /// <summary>Quantises rows in memory, which stay in place during the call; without weights the list of them is empty.</summary>
    public ClassQuantization Run(
        byte* values,
        int rows,
        int dimension,
        ReadOnlySpan<float> weights,
        int classIndex,
        string className,
        QuantizerOptions options,
        long start,
        CancellationToken cancellation)
    {
        LoadedRows.RefuseNonFinite(kernels, values, rows, dimension, classIndex, className);
        if (rows == 0)
            return Empty(classIndex, dimension, options, start);
        _split.Reset(values, rows, RowBytes(dimension), dimension, weights, classIndex, className, options);
        int centroids = Math.Min(options.CentroidCount, Training.Count);
        Training.ComputeMean(kernels);
        ClusterSpace space = Open(new ClassMemory(kernels, options, dimension).ChooseSpace(Training.Count), centroids);
        if ((long)centroids * dimension > Array.MaxLength)
            throw new UsageException($"{centroids} centres of {dimension} values exceed one array ({Array.MaxLength} values).", "Ask for fewer centres per class.");
        var best = new float[centroids * dimension];
        AlgorithmOutcome outcome = Fit(space, best, classIndex, options, cancellation);
        return Finish(space, best, outcome, values, rows, weights, classIndex, options, start);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _copy.Dispose();
        _weights.Dispose();
        _split.Dispose();
        _context.Dispose();
        _direct.Dispose();
        _gram.Dispose();
        _cells.Dispose();
        _cellCounts.Dispose();
        _cellMasses.Dispose();
        _partLabels.Dispose();
        _partDistances.Dispose();
        _means.Dispose();
        _centroids.Dispose();
        _support.Dispose();
    }

    private ClassRows Training => _split.Training;

    private ReadOnlySpan<float> ReadWeights(ILatentSource source, int classIndex, int rows)
    {
        if (!source.HasSampleWeights)
            return default;
        Span<float> weights = _weights.Span(rows);
        source.ReadSampleWeights(classIndex, weights);
        return weights;
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

    private ClusterSpace Open(QuantizationSpace kind, int centroids)
    {
        if (kind == QuantizationSpace.Gram)
        {
            _gram.Reset(Training, centroids);
            return _gram;
        }

        _direct.Reset(Training, centroids);
        return _direct;
    }

    private AlgorithmOutcome Fit(ClusterSpace space, float[] best, int classIndex, QuantizerOptions options, CancellationToken cancellation)
    {
        AlgorithmOutcome kept = default;
        double lowest = double.PositiveInfinity;
        bool knowsNearest = false;
        if (options.Algorithm == QuantizationAlgorithm.Support)
            return FitSupport(space, best, classIndex, options, cancellation);
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
                double distortion = SquaredDistances.Sum(_context.Distances, Training.Weights);
                if (distortion >= lowest)
                    continue;
                lowest = distortion;
            }

            space.CopyCentroids(best, outcome.CentroidsAreMeans ? _context.Cells.Counts : default);
            if (outcome.CentroidsAreMeans)
                _context.Labels.CopyTo(_cells.Span(Training.Count));
            if (knowsNearest)
                KeepNearest();
            if (space == _gram)
                _meanDistance = _gram.MeanDistance();
            kept = outcome;
        }

        if (kept.CentroidsAreMeans)
            WriteMeans(space.CentroidCount, best);
        _knowsNearest = knowsNearest;
        return kept;
    }

    private AlgorithmOutcome FitSupport(ClusterSpace space, float[] best, int classIndex, QuantizerOptions options, CancellationToken cancellation)
    {
        AlgorithmOutcome kept = default;
        double lowest = double.PositiveInfinity;
        _knowsNearest = false;
        for (int restart = 0; restart < options.Restarts; restart++)
        {
            _context.Reset(space, options, classIndex, restart, cancellation);
            SupportOutcome outcome = _support.Run(_context, Training);
            if (outcome.Energy >= lowest)
                continue;
            lowest = outcome.Energy;
            _support.CopyCentroids(best);
            _meanDistance = outcome.MeanDistance;
            kept = new(outcome.Rounds);
        }

        return kept;
    }

    // Twice the mean distance of centres and rows, less those of two rows and of two centres; where a Gram matrix is at hand.
    private double? EnergyDistance(ClusterSpace space) => space != _gram ? null
        : (2 * _meanDistance) - _gram.MeanRowDistance() - _centroids.MeanDistance();

    // Nearest centre of each row as the Gram space sees it, -1 where its rounding leaves a doubt.
    private void KeepNearest()
    {
        Span<int> nearest = _partLabels.Span(Training.Count);
        _context.PreviousLabels.CopyTo(nearest);
        for (int i = 0; i < nearest.Length; i++)
        {
            if (!_gram.IsCertain(i))
                nearest[i] = -1;
        }
    }

    private void WriteMeans(int centroids, float[] best)
    {
        Span<int> labels = _cells.Span(Training.Count);
        var cells = new CellSizes(_cellCounts.Span(centroids), _cellMasses.Span(centroids));
        cells.Measure(labels, Training.Weights);
        _means.Write(Training, labels, cells, best);
    }

    private ClassQuantization Finish(
        ClusterSpace space, float[] centroids, AlgorithmOutcome outcome, byte* values, int rows, ReadOnlySpan<float> weights, int classIndex, QuantizerOptions options, long start)
    {
        _centroids.Reset(space.CentroidCount, Training.Dimension);
        _centroids.Load(centroids, Training);
        var tally = new ClassTally(space.CentroidCount, rows, weights);
        AssignTraining();
        (double sum, double fitMass) = Measure(Training, values, ref tally);
        ClassRows heldOut = _split.HeldOut, weightless = _split.Weightless;
        double? held = null;
        if (heldOut.Count > 0)
        {
            _centroids.Assign(Training, heldOut.Pointers, _partLabels.Span(heldOut.Count), _partDistances.Span(heldOut.Count));
            (double heldSum, double heldMass) = Measure(heldOut, values, ref tally);
            held = heldSum / heldMass;
        }

        if (weightless.Count > 0)
        {
            _centroids.Assign(Training, weightless.Pointers, _partLabels.Span(weightless.Count), _partDistances.Span(weightless.Count));
            Measure(weightless, values, ref tally);
        }

        // CLVQ counts draws, the others rows: those have masses where rows have weights.
        bool countsMass = !weights.IsEmpty && outcome.CompanionWeights is null;
        return new ClassQuantization
        {
            ClassIndex = classIndex,
            RowCount = rows,
            Dimension = Training.Dimension,
            RequestedCentroidCount = options.CentroidCount,
            CentroidCount = space.CentroidCount,
            Centroids = centroids,
            Counts = tally.Counts,
            Masses = tally.Masses,
            Labels = tally.Labels,
            Distortion = sum / fitMass,
            FitMass = weights.IsEmpty ? null : fitMass,
            EnergyDistance = EnergyDistance(space),
            HeldOutDistortion = held,
            HeldOutRowCount = heldOut.Count,
            WeightlessRowCount = weightless.Count,
            CompanionWeights = outcome.CompanionWeights,
            RunningCounts = countsMass ? null : outcome.RunningCounts,
            RunningMasses = countsMass ? Masses(outcome) : null,
            IterationCount = outcome.Iterations,
            MoveCount = outcome.Moves,
            EmptyCells = tally.Counts.Count(0),
            EffectiveCells = tally.EffectiveCells(),
            Space = space.Kind,
            Seconds = Stopwatch.GetElapsedTime(start).TotalSeconds,
        };
    }

    private double[]? Masses(AlgorithmOutcome outcome)
    {
        double unit = _split.WeightUnit;
        return outcome.RunningMasses is { } masses ? Array.ConvertAll(masses, mass => mass * unit)
            : outcome.RunningCounts is { } counts ? Array.ConvertAll(counts, count => count * unit)
            : null;
    }

    // Nearest reported centre of each row of the fit, by the centres themselves where the space did not know it.
    private void AssignTraining()
    {
        Span<int> labels = _partLabels.Span(Training.Count);
        if (!_knowsNearest)
        {
            _centroids.Assign(Training, Training.Pointers, labels, _partDistances.Span(Training.Count));
            return;
        }

        for (int i = 0; i < labels.Length; i++)
        {
            if (labels[i] < 0)
                labels[i] = _centroids.Nearest(Training, Training[i], out _);
        }
    }

    // Takes over the labels of a part of the rows; the sum of their squared distances, times their weights, and their mass.
    private (double Sum, double Mass) Measure(ClassRows part, byte* values, ref ClassTally tally)
    {
        double sum = 0, mass = 0;
        for (int i = 0; i < part.Count; i++)
        {
            int label = _partLabels.Pointer[i];
            double weight = tally.Add((int)(((byte*)part[i] - values) / RowBytes(part.Dimension)), label);
            sum += weight * _centroids.SquaredDistance(Training, part[i], label);
            mass += weight;
        }

        return (sum, mass);
    }
}
