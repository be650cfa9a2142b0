using System.Diagnostics;
using System.Runtime.ExceptionServices;
using Ddoq.Cuda.Interop;
using Ddoq.Cuda.Kernels;
using Ddoq.Quantization;

namespace Ddoq.Cuda.Quantization;

/// <summary>One batch of classes: rows in, Gram matrices, clusters, centres, labels and distances out.</summary>
/// <remarks>
/// <see cref="Start"/> sends the rows and puts all work on the device's streams; <see cref="Finish"/> waits for it. Two of
/// these take turns: the rows of one are sent while the kernels of the other run. Buffers are reused from batch to batch.
/// A batch is 8 launches and one for each restart, for hundreds of classes, so they are not recorded as a graph (README.md).
/// </remarks>
internal sealed unsafe class BatchRun : IDisposable
{
    private const int ClassesPerWorker = 4;

    private readonly DeviceStreams _streams;
    private readonly RowUpload _upload;
    private readonly BatchBuffers _buffers;
    private readonly EventHandle _uploaded;
    private readonly EventHandle _begun;
    private readonly EventHandle _computed;
    private readonly EventHandle _downloaded;
    private readonly RowOrder _order = new();
    private BatchKernels _kernels = null!;
    private QuantizerOptions _options = null!;
    private long _startTime;

    /// <summary>Creates it in the current context.</summary>
    public BatchRun(DeviceStreams streams, RowUpload upload)
    {
        _streams = streams;
        _upload = upload;
        _buffers = new BatchBuffers();
        try
        {
            _uploaded = new EventHandle();
            _begun = new EventHandle(timed: true);
            _computed = new EventHandle(timed: true);
            _downloaded = new EventHandle();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The batch that was started last.</summary>
    public BatchClass[] Classes { get; private set; } = [];

    /// <summary>Sends a batch and puts its work on the streams. The last batch has been finished.</summary>
    /// <exception cref="DdoqException">A row holds a value that is not finite, or a driver call failed.</exception>
    public void Start(BatchClass[] classes, BatchKernels kernels, BatchDeal deal)
    {
        Classes = classes;
        _kernels = kernels;
        _options = deal.Options;
        _startTime = Stopwatch.GetTimestamp();
        _order.Set(classes, _options);
        _buffers.Reserve(classes);
        _buffers.Tables.Fill(classes, kernels.GramShape, kernels.AssignShape);
        _buffers.Tables.Upload(_streams.Upload);
        _upload.Send(classes, _order, deal, _buffers.Rows, _streams.Upload);
        _uploaded.Record(_streams.Upload);
        _streams.Compute.WaitFor(_uploaded);
        _begun.Record(_streams.Compute);
        ClearWhatIsNotWritten();
        Cluster();
        MakeCentroids();
        AssignAll();
        _computed.Record(_streams.Compute);
        _streams.Download.WaitFor(_computed);
        Download();
        _downloaded.Record(_streams.Download);
    }

    /// <summary>Device time of the computing part of all batches so far: from their rows in the device's memory to their results there.</summary>
    public double ComputeSeconds { get; private set; }

    /// <summary>Waits for the batch and reports its classes in their order.</summary>
    /// <exception cref="CudaException">The device failed while it worked on the batch.</exception>
    public void Finish(BatchDeal deal)
    {
        try
        {
            _downloaded.Synchronize();
        }
        catch (CudaException exception)
        {
            int first = Classes[0].ClassIndex;
            throw new CudaException(
                $"{exception.Message} {Classes.Length} classes were on the device, the first is {first} ('{deal.Source.ClassNames[first]}'), in {_kernels.Symbols}.",
                exception.Result,
                exception.Hint,
                exception);
        }

        ComputeSeconds += _computed.SecondsSince(_begun);
        double seconds = Stopwatch.GetElapsedTime(_startTime).TotalSeconds / Classes.Length;
        int workers = deal.Options.Workers > 0 ? deal.Options.Workers : Environment.ProcessorCount;
        int step = workers * ClassesPerWorker; // as many results wait for their turn at a time
        var results = new ClassQuantization?[Math.Min(step, Classes.Length)];
        for (int first = 0; first < Classes.Length && !deal.IsStopped; first += step)
        {
            int begin = first, count = Math.Min(step, Classes.Length - first);
            Concurrently(count, workers, i => results[i] = Collect(begin + i, deal, seconds));
            for (int i = 0; i < count; i++)
            {
                if (results[i] is { } result)
                    deal.Report(result);
                else
                    deal.LeaveToHost(Classes[begin + i], "its values are beyond what the kernels hold in single precision");
            }
        }

        Classes = [];
    }

    /// <summary>Forgets its batch; nothing is under way.</summary>
    public void Forget() => Classes = [];

    /// <summary>Forgets its batch and gives its memory back; nothing is under way.</summary>
    public void Free()
    {
        Classes = [];
        _buffers.Free();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _buffers.Dispose();
        _uploaded?.Dispose();
        _begun?.Dispose();
        _computed?.Dispose();
        _downloaded?.Dispose();
    }

    private static void Concurrently(int count, int workers, Action<int> work)
    {
        try
        {
            Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = workers }, work);
        }
        catch (AggregateException exception)
        {
            ExceptionDispatchInfo.Throw(exception.InnerExceptions[0]);
        }
    }

    private ClassQuantization? Collect(int place, BatchDeal deal, double seconds) =>
        double.IsFinite(_buffers.HostReports.Pointer[place].Distortion)
            ? BatchResults.Collect(_buffers, Classes[place], place, _order, deal, seconds)
            : null;

    // What is copied back whole and no kernel writes whole: the centroids' padding, and the cells of held-out rows.
    private void ClearWhatIsNotWritten()
    {
        BatchClass last = Classes[^1];
        if (last.Stride != last.Dimension)
            _buffers.Centroids.Clear(last.CentroidEnd * last.Stride, _streams.Compute);
        if (Classes.Any(one => one.HeldOut > 0))
            _buffers.Cells.Clear(last.RowEnd, _streams.Compute);
    }

    // Gram matrices of the rows less the mean of their class, and the whole algorithm in them.
    private void Cluster()
    {
        BatchTables tables = _buffers.Tables;
        int count = Classes.Length, dimension = Classes[0].Dimension, stride = Classes[0].Stride;
        _kernels.ClassMean.Launch(
            new ClassMeanParameters
            {
                Rows = _buffers.Rows.Address,
                Classes = tables.Fit,
                Means = _buffers.Means.Address,
                RowStride = stride,
                Dimension = dimension,
                ClassCount = count,
            },
            (long)count * KernelShapes.Ceiling(dimension, KernelShapes.ChunkColumns),
            _streams.Compute);
        _kernels.Center.Launch(
            new CenterParameters
            {
                Rows = _buffers.Rows.Address,
                Means = _buffers.Means.Address,
                Classes = tables.Fit,
                TileBegin = tables.Center.Begin,
                Norms = _buffers.Norms.Address,
                Shifts = _buffers.Shifts.Address,
                RowStride = stride,
                Dimension = dimension,
                ClassCount = count,
            },
            tables.Center.Total,
            _streams.Compute);
        _kernels.Gram.Launch(
            new GramParameters
            {
                Rows = _buffers.Rows.Address,
                RowNorms = _buffers.Norms.Address,
                RowShifts = _buffers.Shifts.Address,
                Classes = tables.Fit,
                TileBegin = tables.Gram.Begin,
                Gram = _buffers.Gram.Address,
                RowStride = stride,
                Dimension = dimension,
                ClassCount = count,
            },
            tables.Gram.Total,
            _streams.Compute);
        for (int restart = 0; restart < _options.Restarts; restart++)
        {
            _buffers.NextClass.Clear(1, _streams.Compute);
            _kernels.Cluster.Launch(
                new ClusterParameters
                {
                    Gram = _buffers.Gram.Address,
                    RowNorms = _buffers.Norms.Address,
                    Classes = tables.Fit,
                    ClusterClasses = tables.Clusters,
                    Workspace = _buffers.Workspace.Address,
                    Labels = _buffers.Cells.Address,
                    Counts = _buffers.Counts.Address,
                    Combined = _buffers.Combined.Address,
                    Combinations = _buffers.Combinations.Address,
                    RunningCounts = _buffers.Running.Address,
                    CompanionWeights = _buffers.Companion.Address,
                    Reports = tables.Reports,
                    NextClass = _buffers.NextClass.Address,
                    ClassCount = count,
                    Options = ClusterSettings.Of(_options, restart),
                },
                count,
                _streams.Compute);
        }
    }

    // Means of cells, and combinations of rows where a centroid is one.
    private void MakeCentroids()
    {
        BatchTables tables = _buffers.Tables;
        int count = Classes.Length, dimension = Classes[0].Dimension, stride = Classes[0].Stride;
        if (ClusterSettings.GivesMeans(_options.Algorithm))
        {
            _kernels.Means.Launch(
                new CentroidsParameters
                {
                    Rows = _buffers.Rows.Address,
                    Classes = tables.Fit,
                    TileBegin = tables.Means.Begin,
                    Labels = _buffers.Cells.Address,
                    Centroids = _buffers.Centroids.Address,
                    RowStride = stride,
                    CentroidStride = stride,
                    Dimension = dimension,
                    ClassCount = count,
                },
                tables.Means.Total,
                _streams.Compute);
        }

        _kernels.Combine.Launch(
            new CombineParameters
            {
                Rows = _buffers.Rows.Address,
                Means = _buffers.Means.Address,
                Classes = tables.Fit,
                TileBegin = tables.Combine.Begin,
                Coefficients = _buffers.Combinations.Address,
                CoefficientBegin = tables.Combinations,
                Selected = _buffers.Combined.Address,
                Centroids = _buffers.Centroids.Address,
                RowStride = stride,
                CentroidStride = stride,
                Dimension = dimension,
                ClassCount = count,
            },
            tables.Combine.Total,
            _streams.Compute);
    }

    // Labels of all rows, held-out ones too, against the centres as they are reported, and exact distances.
    private void AssignAll()
    {
        BatchTables tables = _buffers.Tables;
        BatchClass last = Classes[^1];
        int count = Classes.Length, dimension = last.Dimension, stride = last.Stride;
        long centroids = last.CentroidEnd, partStride = centroids * stride;
        long normTiles = (centroids + KernelShapes.CenterRows - 1) / KernelShapes.CenterRows;
        if (_kernels.CentroidParts == 0)
        {
            _kernels.Parts.Launch(
                new NormsParameters { Rows = _buffers.Centroids.Address, Norms = _buffers.PartNorms.Address, RowStride = stride, RowCount = centroids, Dimension = dimension },
                normTiles,
                _streams.Compute);
        }
        else
        {
            _kernels.Parts.Launch(
                new CentroidPartsParameters
                {
                    Centroids = _buffers.Centroids.Address,
                    Parts = _buffers.Parts.Address,
                    Norms = _buffers.PartNorms.Address,
                    CentroidStride = stride,
                    PartRowStride = stride,
                    PartStride = partStride,
                    CentroidCount = centroids,
                    Dimension = dimension,
                    PartCount = _kernels.CentroidParts,
                },
                normTiles,
                _streams.Compute);
        }

        _kernels.Assign.Launch(
            new AssignParameters
            {
                Rows = _buffers.Rows.Address,
                Centroids = _kernels.CentroidParts == 0 ? _buffers.Centroids.Address : _buffers.Parts.Address,
                CentroidNorms = _buffers.PartNorms.Address,
                Classes = tables.All,
                TileBegin = tables.Assign.Begin,
                Labels = _buffers.Labels.Address,
                RowStride = stride,
                CentroidStride = stride,
                CentroidPartStride = partStride,
                Dimension = dimension,
                ClassCount = count,
                Parts = Math.Max(1, _kernels.CentroidParts),
            },
            tables.Assign.Total,
            _streams.Compute);
        _kernels.Distances.Launch(
            new DistancesParameters
            {
                Rows = _buffers.Rows.Address,
                Centroids = _buffers.Centroids.Address,
                Classes = tables.All,
                TileBegin = tables.Distances.Begin,
                Labels = _buffers.Labels.Address,
                Distances = _buffers.Distances.Address,
                RowStride = stride,
                CentroidStride = stride,
                Dimension = dimension,
                ClassCount = count,
            },
            tables.Distances.Total,
            _streams.Compute);
    }

    private void Download()
    {
        BatchClass last = Classes[^1];
        StreamHandle stream = _streams.Download;
        _buffers.Centroids.Download(_buffers.HostCentroids, last.CentroidEnd * last.Stride, stream);
        _buffers.Cells.Download(_buffers.HostCells, last.RowEnd, stream);
        _buffers.Labels.Download(_buffers.HostLabels, last.RowEnd, stream);
        _buffers.Distances.Download(_buffers.HostDistances, last.RowEnd, stream);
        _buffers.Running.Download(_buffers.HostRunning, last.CentroidEnd, stream);
        _buffers.Companion.Download(_buffers.HostCompanion, last.CentroidEnd, stream);
        _buffers.Tables.DownloadReports(_buffers.HostReports, Classes.Length, stream);
    }
}
