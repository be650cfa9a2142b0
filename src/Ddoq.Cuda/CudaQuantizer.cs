using Ddoq.Cuda.Kernels;
using Ddoq.Cuda.Quantization;
using Ddoq.Latents;
using Ddoq.Quantization;

namespace Ddoq.Cuda;

/// <summary>Quantises on NVIDIA devices: batches of classes, each class read once, everything in Gram space.</summary>
/// <remarks>
/// <para>Deterministic: the same kind of device, data and options give the same bits, whatever the batches and the number
/// of devices. Agrees with <see cref="CpuQuantizer"/>: the same random draws and rules, labels equal up to ties and
/// rounding. A row whose two computations of the nearest centre differ is decided by exact distances.</para>
/// <para>Rows go through a page-locked ring to the device while the kernels of the batch before run; devices take the next
/// batch when they are free. Memory: two batches of at most half the budget on each device, their results in page-locked
/// memory, kept until <see cref="Dispose"/>. When a device's memory runs out, batches are halved.</para>
/// <para>Rows with weights of their own are refused. The processor takes over what the kernels do not offer, and says so: given first centres, direct space, and
/// classes whose Gram matrix exceeds the device. When one of several devices fails, the others take its classes.</para>
/// <para>Thread-safe: calls take turns. <see cref="ClassQuantization.Seconds"/> is the time of the batch divided by its
/// classes. Cancellation takes effect between batches.</para>
/// </remarks>
public sealed class CudaQuantizer : IQuantizer
{
    private readonly Lock _gate = new();
    private readonly DeviceWorker[] _workers;
    private readonly CpuQuantizer _host = new();
    private bool _disposed;

    /// <summary>Opens every device that the kernels run on.</summary>
    /// <exception cref="DeviceUnavailableException">There is no driver, no such device, or this build carries no kernels.</exception>
    /// <exception cref="CudaException">The driver failed.</exception>
    public CudaQuantizer()
        : this(new CudaQuantizerOptions())
    {
    }

    /// <summary>Opens devices.</summary>
    /// <param name="options">Which, and how much of their memory.</param>
    /// <exception cref="UsageException">The memory budget is negative, or the list of devices empty.</exception>
    /// <exception cref="DeviceUnavailableException">There is no driver, no such device, it is too old, or this build carries no kernels.</exception>
    /// <exception cref="CudaException">The driver failed.</exception>
    public CudaQuantizer(CudaQuantizerOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.MemoryBudget < 0)
            throw new UsageException($"{nameof(CudaQuantizerOptions.MemoryBudget)} is {options.MemoryBudget}; allowed: 0 (from the free memory) or more bytes.");
        if (options.Devices is { Count: 0 })
            throw new UsageException($"{nameof(CudaQuantizerOptions.Devices)} is empty; allowed: null (all) or at least one device number.");
        IReadOnlyList<CudaDevice> devices = CudaDevice.Select(options.Devices);
        KernelImage image = KernelImage.Find();
        var workers = new List<DeviceWorker>();
        try
        {
            foreach (CudaDevice device in devices)
                workers.Add(new DeviceWorker(device, image, options));
        }
        catch
        {
            workers.ForEach(worker => worker.Dispose());
            throw;
        }

        _workers = [.. workers];
    }

    /// <inheritdoc/>
    public string Description => $"CUDA, {string.Join(" and ", _workers.Select(worker => worker.Device.Name))}";

    /// <summary>Device time so far from rows to results in the devices' memory, without the copies from and to the host.</summary>
    internal double ComputeSeconds => _workers.Sum(worker => worker.ComputeSeconds);

    /// <summary>The devices in use.</summary>
    public IReadOnlyList<CudaDevice> Devices => [.. _workers.Select(worker => worker.Device)];

    /// <inheritdoc/>
    public void Fit(
        ILatentSource source,
        QuantizerOptions options,
        Action<ClassQuantization> onClassCompleted,
        IReadOnlySet<int>? skipClasses,
        IProgressSink progress,
        CancellationToken cancellation,
        CancellationToken stopping = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(onClassCompleted);
        ArgumentNullException.ThrowIfNull(progress);
        options.Validate();
        RefuseSampleWeights(source);
        if (ClusterSettings.NotOffered(options) is { } reason)
        {
            progress.Message($"{_host.Description} quantises instead of {Description}: {reason}");
            _host.Fit(source, options, onClassCompleted, skipClasses, progress, cancellation, stopping);
            return;
        }

        // Largest first: blocks take classes in this order, so that no long class starts last.
        int total = source.ClassNames.Count;
        int[] classes = [.. Enumerable.Range(0, total)
            .Where(index => skipClasses?.Contains(index) != true)
            .OrderByDescending(source.RowCount)
            .ThenBy(index => index)];
        progress.Begin("quantize", total, "classes", total - classes.Length);

        // Either takes effect when the batches in work are done.
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, stopping);
        try
        {
            Run(source, options, classes, onClassCompleted, progress, either.Token);
        }
        finally
        {
            progress.End();
        }
    }

    /// <inheritdoc/>
    public ClassQuantization FitClass(ILatentSource source, int classIndex, QuantizerOptions options, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        if ((uint)classIndex >= (uint)source.ClassNames.Count)
            throw new UsageException($"Class {classIndex} does not exist; the source has classes 0 to {source.ClassNames.Count - 1}.");
        RefuseSampleWeights(source);
        if (ClusterSettings.NotOffered(options) is not null)
            return _host.FitClass(source, classIndex, options, cancellation);
        ClassQuantization result = null!;
        Run(source, options, [classIndex], fitted => result = fitted, NullProgress.Instance, cancellation);
        return result;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed)
                return;
            _disposed = true;
            foreach (DeviceWorker worker in _workers)
                worker.Dispose();
            _host.Dispose();
        }
    }

    private static void RefuseSampleWeights(ILatentSource source)
    {
        if (source.HasSampleWeights)
            throw new UsageException("The rows have sample weights, which run on the CPU.", "Give --device cpu, or use CpuQuantizer.");
    }

    private void Run(
        ILatentSource source, QuantizerOptions options, int[] classes, Action<ClassQuantization> onCompleted, IProgressSink progress, CancellationToken cancellation)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            var deal = new BatchDeal(source, options, classes.Where(index => source.RowCount(index) > 0), _workers.Length, onCompleted, progress, cancellation);
            WorkOff(deal);
            deal.ThrowIfStopped();

            // Classes without rows, and those that do not fit a device.
            HashSet<int> rest = [.. deal.ForHost, .. classes.Where(index => source.RowCount(index) == 0)];
            if (rest.Count > 0)
            {
                HashSet<int> done = [.. Enumerable.Range(0, source.ClassNames.Count).Where(index => !rest.Contains(index))];
                _host.Fit(source, options, deal.Report, done, NullProgress.Instance, cancellation);
            }

            deal.ThrowIfStopped();
        }
    }

    // Every device works until no class waits. Those of a device that failed wait again, for the others.
    private void WorkOff(BatchDeal deal)
    {
        List<DeviceWorker> working = [.. _workers];
        while (working.Count > 0 && deal.WaitingCount > 0 && !deal.IsStopped)
        {
            var failures = new CudaException?[working.Count];
            var threads = new Thread[working.Count - 1];
            for (int i = 0; i < threads.Length; i++)
            {
                int place = i + 1;
                threads[i] = new Thread(() => failures[place] = Work(working[place], deal)) { IsBackground = true, Name = $"ddoq {working[place].Device.Label}" };
                threads[i].Start();
            }

            failures[0] = Work(working[0], deal);
            foreach (Thread thread in threads)
                thread.Join();
            CudaException? first = failures.FirstOrDefault(failure => failure is not null);
            List<DeviceWorker> left = [.. working.Where((_, place) => failures[place] is null)];
            if (first is not null && left.Count == 0)
                deal.Stop(first);
            else if (first is not null)
                deal.Progress.Message($"{first.Message} The other devices go on with its classes.");
            working = left;
        }
    }

    private static CudaException? Work(DeviceWorker worker, BatchDeal deal)
    {
        try
        {
            worker.Work(deal);
            return null;
        }
        catch (CudaException exception)
        {
            return exception;
        }
        catch (OperationCanceledException) when (deal.Cancellation.IsCancellationRequested)
        {
            return null;
        }
        catch (Exception exception)
        {
            deal.Stop(exception);
            return null;
        }
    }
}

/// <summary>Where a <see cref="CudaQuantizer"/> works and how much memory it takes.</summary>
public sealed record CudaQuantizerOptions
{
    /// <summary>Device numbers; null takes every device that the kernels run on.</summary>
    public IReadOnlyList<int>? Devices { get; init; }

    /// <summary>Memory to use at most on each device, in bytes; 0 takes 90 % of what is free when the quantiser is created.</summary>
    public long MemoryBudget { get; init; }

    /// <summary>Bytes of one piece of the page-locked ring that rows go through; there are four per device.</summary>
    internal long PieceBytes { get; init; } = 8 << 20;

    /// <summary>Classes in a batch, as many as the memory holds of them; 0 chooses by the device.</summary>
    internal int BatchClasses { get; init; }
}
