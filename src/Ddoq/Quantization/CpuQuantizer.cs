using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.ExceptionServices;
using Ddoq.Latents;
using Ddoq.Numerics.Kernels;

namespace Ddoq.Quantization;

/// <summary>Quantises on the processor: one class per worker, each on a thread of its own.</summary>
/// <remarks>
/// Results are bit-identical for any number of workers on one kind of processor (another instruction set rounds
/// differently). Memory: per worker, the rows and working space of the largest class it met, which <see cref="Dispose"/>
/// frees; <see cref="MemoryPlan"/> says how much, and <see cref="QuantizerOptions.MemoryLimit"/> bounds it. The class that
/// comes next is prefetched while one is worked on. Thread-safe. The environment variable <c>DDOQ_SIMD</c> (<c>AVX-512</c>, <c>AVX2</c>, <c>Vector128</c>, <c>scalar</c>)
/// forces an instruction set.
/// </remarks>
public sealed class CpuQuantizer : IQuantizer
{
    private readonly LatentKernels _kernels;
    private readonly ConcurrentDictionary<LatentElementType, ConcurrentBag<ClassFit>> _idle = new();

    /// <summary>Creates a quantiser for this processor.</summary>
    /// <exception cref="UsageException"><c>DDOQ_SIMD</c> names an instruction set that is unknown or not supported.</exception>
    public CpuQuantizer()
        : this(KernelTable.Default)
    {
    }

    internal CpuQuantizer(LatentKernels kernels) => _kernels = kernels;

    /// <inheritdoc/>
    public string Description => $"CPU, {_kernels.Name}";

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

        // Largest first, so that no long class starts last.
        int[] classes = [.. Enumerable.Range(0, source.ClassNames.Count)
            .Where(index => skipClasses?.Contains(index) != true)
            .OrderByDescending(source.RowCount)
            .ThenBy(index => index)];
        int total = source.ClassNames.Count;
        MemoryPlan plan = MemoryPlan.Create(_kernels, source, options, classes);
        Explain(plan, options, progress);
        progress.Begin("quantize", total, "classes", total - classes.Length);
        try
        {
            new ClassDeal(this, source, options, onClassCompleted, progress, classes, plan.Workers).Run(cancellation, stopping);
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
        ClassFit fit = Rent(source.ElementType);
        try
        {
            return fit.Run(source, classIndex, options, cancellation);
        }
        finally
        {
            Return(fit);
            source.Release(classIndex);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (ConcurrentBag<ClassFit> idle in _idle.Values)
        {
            while (idle.TryTake(out ClassFit? fit))
                fit.Dispose();
        }
    }

    internal unsafe ClassQuantization FitRows(ReadOnlySpan<Half> rows, int rowCount, int dimension, ReadOnlySpan<float> weights, QuantizerOptions options)
    {
        ClassFit fit = Rent(LatentElementType.F16);
        try
        {
            fixed (Half* values = rows)
                return fit.Run((byte*)values, rowCount, dimension, weights, 0, "rows", options, Stopwatch.GetTimestamp(), CancellationToken.None);
        }
        finally
        {
            Return(fit);
        }
    }

    private static void Explain(MemoryPlan plan, QuantizerOptions options, IProgressSink progress)
    {
        if (plan.Workers < plan.RequestedWorkers)
        {
            progress.Message(string.Create(
                CultureInfo.InvariantCulture,
                $"memory: {plan.Workers} instead of {plan.RequestedWorkers} workers to stay below {options.MemoryLimit >> 20} MiB (the largest class takes {plan.LargestClassBytes >> 20} MiB)"));
        }

        if (plan.DirectFromRows is int rows)
            progress.Message(string.Create(CultureInfo.InvariantCulture, $"memory: {plan.DirectClasses} classes of {rows} rows and more are worked on in direct space"));
    }

    private ClassFit Rent(LatentElementType type) =>
        _idle.TryGetValue(type, out ConcurrentBag<ClassFit>? idle) && idle.TryTake(out ClassFit? fit) ? fit : new ClassFit(_kernels.ForRows(type));

    private void Return(ClassFit fit) => _idle.GetOrAdd(fit.RowType, static _ => []).Add(fit);

    /// <summary>One run over many classes: workers take the next class until none is left.</summary>
    private sealed class ClassDeal(
        CpuQuantizer quantizer,
        ILatentSource source,
        QuantizerOptions options,
        Action<ClassQuantization> onClassCompleted,
        IProgressSink progress,
        int[] classes,
        int workers)
    {
        private readonly Lock _deal = new();
        private readonly Lock _report = new();
        private ExceptionDispatchInfo? _failure;
        private int _next;

        public void Run(CancellationToken cancellation, CancellationToken stopping)
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            var threads = new Thread[Math.Max(0, workers - 1)];
            for (int i = 0; i < threads.Length; i++)
            {
                threads[i] = new Thread(() => Work(stop, stopping)) { IsBackground = true, Name = $"ddoq quantize {i + 1}" };
                threads[i].Start();
            }

            Work(stop, stopping);
            foreach (Thread thread in threads)
                thread.Join();
            _failure?.Throw();
            cancellation.ThrowIfCancellationRequested();
            if (_next < classes.Length)
                stopping.ThrowIfCancellationRequested();
        }

        private void Work(CancellationTokenSource stop, CancellationToken stopping)
        {
            if (classes.Length == 0)
                return;
            ClassFit fit = quantizer.Rent(source.ElementType);
            try
            {
                while (!stop.IsCancellationRequested && !stopping.IsCancellationRequested)
                {
                    int taken = Take();
                    if (taken >= classes.Length)
                        return;
                    ClassQuantization result = fit.Run(source, classes[taken], options, stop.Token);
                    source.Release(classes[taken]);
                    Report(result);
                }
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
            }
            catch (Exception exception)
            {
                lock (_report)
                    _failure ??= ExceptionDispatchInfo.Capture(exception);
                stop.Cancel();
            }
            finally
            {
                quantizer.Return(fit);
            }
        }

        // The next class in turn. Each is announced once and before anyone can take it: the first ones by who works on them,
        // the others while one before is worked on.
        private int Take()
        {
            lock (_deal)
            {
                int taken = _next++;
                if (taken < Math.Min(workers, classes.Length))
                    source.Prefetch(classes[taken]);
                if (taken + workers < classes.Length)
                    source.Prefetch(classes[taken + workers]);
                return taken;
            }
        }

        private void Report(ClassQuantization result)
        {
            lock (_report)
            {
                if (_failure is not null)
                    return;
                if (result.CentroidCount < result.RequestedCentroidCount)
                {
                    progress.Message(
                        $"class {result.ClassIndex} ({source.ClassNames[result.ClassIndex]}) has {result.RowCount - result.HeldOutRowCount - result.WeightlessRowCount} rows to fit: {result.CentroidCount} centres instead of {result.RequestedCentroidCount}");
                }

                try
                {
                    onClassCompleted(result);
                }
                catch (Exception exception)
                {
                    // Before the lock is free: no other result may follow a failed one.
                    _failure = ExceptionDispatchInfo.Capture(exception);
                    throw;
                }

                progress.Advance(1);
            }
        }
    }
}
