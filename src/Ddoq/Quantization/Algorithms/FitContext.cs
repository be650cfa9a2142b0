using Ddoq.Numerics;
using Ddoq.Numerics.Kernels;
using Ddoq.Quantization.Spaces;

namespace Ddoq.Quantization.Algorithms;

/// <summary>What one run of an algorithm works on: the space, the options, its random streams, and reusable arrays.</summary>
internal sealed class FitContext(LatentKernels kernels) : IDisposable
{
    private readonly NativeBuffer<int> _labels = new();
    private readonly NativeBuffer<int> _previous = new();
    private readonly NativeBuffer<int> _counts = new();
    private readonly NativeBuffer<int> _batch = new();
    private readonly NativeBuffer<int> _order = new();
    private readonly NativeBuffer<int> _offsets = new();
    private readonly NativeBuffer<int> _batchLabels = new();
    private readonly NativeBuffer<float> _batchDistances = new();
    private readonly NativeBuffer<float> _distances = new();
    private readonly NativeBuffer<float> _nearest = new();
    private readonly NativeBuffer<float> _candidate = new();
    private readonly NativeBuffer<double> _blockSums = new();
    private readonly NativeBuffer<double> _masses = new();
    private readonly NativeBuffer<double> _runningSums = new();

    /// <summary>The kernels in use.</summary>
    public LatentKernels Kernels { get; } = kernels;

    /// <summary>The centres and rows.</summary>
    public ClusterSpace Space { get; private set; } = null!;

    /// <summary>The settings.</summary>
    public QuantizerOptions Options { get; private set; } = null!;

    /// <summary>The class, which names the random streams.</summary>
    public int ClassIndex { get; private set; }

    /// <summary>Which restart this is, from 0.</summary>
    public int Restart { get; private set; }

    /// <summary>Checked between iterations.</summary>
    public CancellationToken Cancellation { get; private set; }

    /// <summary>Label of each row (N).</summary>
    public Span<int> Labels => _labels.Span(Space.RowCount);

    /// <summary>A second array of labels (N).</summary>
    public Span<int> PreviousLabels => _previous.Span(Space.RowCount);

    /// <summary>Squared distance of each row to its centre (N).</summary>
    public Span<float> Distances => _distances.Span(Space.RowCount);

    /// <summary>Rows and mass of each centre's cell (K).</summary>
    public CellSizes Cells => new(_counts.Span(Space.CentroidCount), _masses.Span(Space.CentroidCount));

    /// <summary>Squared distances during initialisation (N).</summary>
    public Span<float> Nearest => _nearest.Span(Space.RowCount);

    /// <summary>Starts a run.</summary>
    public void Reset(ClusterSpace space, QuantizerOptions options, int classIndex, int restart, CancellationToken cancellation)
    {
        Space = space;
        Options = options;
        ClassIndex = classIndex;
        Restart = restart;
        Cancellation = cancellation;
    }

    /// <summary>Rows of a batch, in batch order.</summary>
    public Span<int> Batch(int count) => _batch.Span(count);

    /// <summary>Labels of a batch.</summary>
    public Span<int> BatchLabels(int count) => _batchLabels.Span(count);

    /// <summary>Squared distances of a batch.</summary>
    public Span<float> BatchDistances(int count) => _batchDistances.Span(count);

    /// <summary>An array of row numbers.</summary>
    public Span<int> Order(int count) => _order.Span(count);

    /// <summary>First position of each cell in a grouped batch, and the end (K + 1).</summary>
    public Span<int> Offsets => _offsets.Span(Space.CentroidCount + 1);

    /// <summary>Distances of candidates during initialisation.</summary>
    public Span<float> Candidates(int count) => _candidate.Span(count);

    /// <summary>Sums of blocks of distances during initialisation.</summary>
    public Span<double> BlockSums(int count) => _blockSums.Span(count);

    /// <summary>Running sums of weights.</summary>
    public Span<double> RunningSums(int count) => _runningSums.Span(count);

    /// <summary>The random stream of this class and restart for a purpose.</summary>
    public CounterRandom Random(RandomPurpose purpose) =>
        new(Options.Seed, RandomStreams.Of(ClassIndex, purpose, Restart));

    /// <inheritdoc/>
    public void Dispose()
    {
        _labels.Dispose();
        _previous.Dispose();
        _counts.Dispose();
        _batch.Dispose();
        _order.Dispose();
        _offsets.Dispose();
        _batchLabels.Dispose();
        _batchDistances.Dispose();
        _distances.Dispose();
        _nearest.Dispose();
        _candidate.Dispose();
        _blockSums.Dispose();
        _masses.Dispose();
        _runningSums.Dispose();
    }
}

/// <summary>What a run of an algorithm reports besides the centres it leaves in the space.</summary>
/// <param name="Iterations">Iterations, batches or steps.</param>
/// <param name="Moves">Rows moved by Hartigan's test.</param>
/// <param name="CentroidsAreMeans">Whether every centre with rows is the weighted mean of the context's labels.</param>
/// <param name="RunningCounts">The algorithm's own counts, if it keeps any.</param>
/// <param name="RunningMasses">The same in weights of rows, of a class with weights.</param>
/// <param name="CompanionWeights">CLVQ's weights.</param>
internal readonly record struct AlgorithmOutcome(
    long Iterations,
    long Moves = 0,
    bool CentroidsAreMeans = false,
    long[]? RunningCounts = null,
    double[]? RunningMasses = null,
    double[]? CompanionWeights = null);

/// <summary>Sums of squared distances.</summary>
internal static class SquaredDistances
{
    /// <summary>Their sum in fp64, each times the weight of its row.</summary>
    /// <param name="distances">N squared distances.</param>
    /// <param name="weights">N weights; empty when all weigh the same.</param>
    public static double Sum(ReadOnlySpan<float> distances, ReadOnlySpan<float> weights)
    {
        double sum = 0;
        if (weights.IsEmpty)
        {
            foreach (float distance in distances)
                sum += distance;
            return sum;
        }

        for (int i = 0; i < distances.Length; i++)
            sum += (double)weights[i] * distances[i];
        return sum;
    }
}
