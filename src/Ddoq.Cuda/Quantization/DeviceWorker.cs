using Ddoq.Cuda.Interop;
using Ddoq.Cuda.Kernels;
using Ddoq.Cuda.Memory;

namespace Ddoq.Cuda.Quantization;

/// <summary>A device at work: takes batches from a deal until none is left, two in flight.</summary>
/// <remarks>One thread at a time.</remarks>
internal sealed unsafe class DeviceWorker : IDisposable
{
    // What is left for rounding up allocations, and for other programs.
    private const double UsedFraction = 0.9;
    private const int BatchesInFlight = 2;
    private const int RingPieces = 4;

    private readonly CudaQuantizerOptions _options;
    private readonly ContextHandle _context;
    private readonly KernelCatalog _catalog = null!;
    private readonly DeviceStreams _streams = null!;
    private readonly PinnedRing _ring = null!;
    private readonly BatchRun[] _runs = new BatchRun[BatchesInFlight];
    private readonly long _budget;

    /// <summary>Opens a device.</summary>
    /// <exception cref="DeviceUnavailableException">The kernels do not run on it.</exception>
    /// <exception cref="CudaException">The driver failed.</exception>
    public DeviceWorker(CudaDevice device, KernelImage image, CudaQuantizerOptions options)
    {
        Device = device;
        _options = options;
        _context = new ContextHandle(device);
        try
        {
            _catalog = new KernelCatalog(image, device);
            nuint available, total;
            CudaCall.Check(DriverApi.MemGetInfo(&available, &total), "cuMemGetInfo");
            _budget = options.MemoryBudget > 0 ? options.MemoryBudget : (long)(UsedFraction * available);
            _streams = new DeviceStreams();
            _ring = new PinnedRing(RingPieces);
            var upload = new RowUpload(_ring, options.PieceBytes);
            for (int i = 0; i < _runs.Length; i++)
                _runs[i] = new BatchRun(_streams, upload);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The device.</summary>
    public CudaDevice Device { get; }

    /// <summary>Device time of the computing part of all batches so far.</summary>
    public double ComputeSeconds => _runs.Sum(run => run.ComputeSeconds);

    /// <summary>Works until no class is left or the run stops. Memory is kept for the next run.</summary>
    /// <remarks>After a failure, results that are on their way are still brought in, and other classes given back.</remarks>
    /// <exception cref="CudaException">The device failed.</exception>
    public void Work(BatchDeal deal)
    {
        BatchRun? running = null;
        BatchClass[] taken = [];
        try
        {
            _context.MakeCurrent();
            var kernels = new BatchKernels(_catalog, deal.Format, deal.Options);
            var limits = new BatchLimits(
                _budget / BatchesInFlight,
                BatchLimits.ResultsWithin(deal.Options.MemoryLimit),
                _options.BatchClasses > 0 ? _options.BatchClasses : BatchLimits.MostClasses,
                _options.BatchClasses > 0 ? _options.BatchClasses : kernels.Cluster.ResidentBlocks);
            while ((taken = deal.Take(limits)).Length > 0)
            {
                BatchRun next = running == _runs[0] ? _runs[1] : _runs[0];
                try
                {
                    next.Start(taken, kernels, deal);
                }
                catch (CudaException exception) when (exception.IsOutOfMemory)
                {
                    running?.Finish(deal);
                    running = null;
                    limits = Shrink(limits, taken, deal);
                    taken = [];
                    continue;
                }

                taken = [];
                BatchRun? before = running;
                running = next;
                before?.Finish(deal);
            }

            running?.Finish(deal);
        }
        catch
        {
            Salvage(deal, taken);
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (BatchRun? run in _runs)
            run?.Dispose();
        _ring?.Dispose();
        _streams?.Dispose();
        _catalog?.Dispose();
        _context.Dispose();
    }

    // Out of memory: everything is given back to the driver, and batches get half as many classes from now on.
    private BatchLimits Shrink(BatchLimits limits, BatchClass[] taken, BatchDeal deal)
    {
        _streams.Drain();
        foreach (BatchRun run in _runs)
            run.Free();
        _ring.Free();
        if (taken.Length == 1 && limits.Classes == 1)
        {
            deal.LeaveToHost(taken[0], $"{Device.Label} is out of memory with this class alone");
            return limits;
        }

        deal.GiveBack(taken);
        int half = Math.Max(1, taken.Length / 2);
        deal.Progress.Message($"{Device.Label} is out of memory with {taken.Length} classes in a batch; going on with {half}");
        return limits with { Classes = half };
    }

    private void Salvage(BatchDeal deal, BatchClass[] taken)
    {
        foreach (BatchRun run in _runs)
        {
            if (run.Classes.Length == 0 || ReferenceEquals(run.Classes, taken))
                continue;
            BatchClass[] classes = run.Classes;
            try
            {
                run.Finish(deal);
            }
            catch (CudaException)
            {
                // The first failure is the one to tell of.
            }

            deal.GiveBack(classes);
        }

        deal.GiveBack(taken);
        _streams.Drain();
        foreach (BatchRun run in _runs)
            run.Forget();
    }
}

/// <summary>A device's three lanes: rows in, kernels, results out. They work at the same time.</summary>
internal sealed class DeviceStreams : IDisposable
{
    /// <summary>Creates them in the current context.</summary>
    public DeviceStreams()
    {
        try
        {
            Upload = new StreamHandle();
            Compute = new StreamHandle();
            Download = new StreamHandle();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public StreamHandle Upload { get; }

    public StreamHandle Compute { get; }

    public StreamHandle Download { get; }

    /// <summary>Waits until nothing is under way, whatever became of it.</summary>
    public void Drain()
    {
        Upload.Drain();
        Compute.Drain();
        Download.Drain();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Upload?.Dispose();
        Compute?.Dispose();
        Download?.Dispose();
    }
}
