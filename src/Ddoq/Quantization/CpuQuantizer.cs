using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.ExceptionServices;
using Ddoq.Latents;
using Ddoq.Numerics.Kernels;

namespace Ddoq.Quantization;

/// <summary>Quantises on the processor: one class per worker, each on a thread of its own.</summary>
/// <remarks>
/// Results are bit-identical for any number of workers on one kind of processor (another instruction set rounds
/// differently). Memory: per worker, the working space of the largest class it met, which <see cref="Dispose"/> frees.
/// Thread-safe. The environment variable <c>DDOQ_SIMD</c> (<c>AVX-512</c>, <c>AVX2</c>, <c>Vector128</c>, <c>scalar</c>)
/// forces an instruction set.
/// </remarks>
public sealed class CpuQuantizer : IQuantizer
{
    private readonly LatentKernels _kernels;
    private readonly ConcurrentBag<ClassFit> _idle = [];

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
        CancellationToken cancellation)
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
        progress.Begin("quantize", total, "classes", total - classes.Length);
        try
        {
            new ClassDeal(this, source, options, onClassCompleted, progress, classes).Run(cancellation);
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
        ClassFit fit = Rent();
        try
        {
            return fit.Run(source, classIndex, options, cancellation);
        }
        finally
        {
            _idle.Add(fit);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        while (_idle.TryTake(out ClassFit? fit))
            fit.Dispose();
    }

    internal unsafe ClassQuantization FitRows(ReadOnlySpan<Half> rows, int rowCount, int dimension, QuantizerOptions options)
    {
        ClassFit fit = Rent();
        try
        {
            fixed (Half* values = rows)
                return fit.Run(values, rowCount, dimension, 0, "rows", options, Stopwatch.GetTimestamp(), CancellationToken.None);
        }
        finally
        {
            _idle.Add(fit);
        }
    }

    private ClassFit Rent() => _idle.TryTake(out ClassFit? fit) ? fit : new ClassFit(_kernels);

    /// <summary>One run over many classes: workers take the next class until none is left.</summary>
    private sealed class ClassDeal(
        CpuQuantizer quantizer,
        ILatentSource source,
        QuantizerOptions options,
        Action<ClassQuantization> onClassCompleted,
        IProgressSink progress,
        int[] classes)
    {
        private readonly Lock _report = new();
        private ExceptionDispatchInfo? _failure;
        private int _next;

        public void Run(CancellationToken cancellation)
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            int workers = Math.Min(options.Workers > 0 ? options.Workers : Environment.ProcessorCount, classes.Length);
            var threads = new Thread[Math.Max(0, workers - 1)];
            for (int i = 0; i < threads.Length; i++)
            {
                threads[i] = new Thread(() => Work(stop)) { IsBackground = true, Name = $"ddoq quantize {i + 1}" };
                threads[i].Start();
            }

            Work(stop);
            foreach (Thread thread in threads)
                thread.Join();
            _failure?.Throw();
            cancellation.ThrowIfCancellationRequested();
        }

        private void Work(CancellationTokenSource stop)
        {
            if (classes.Length == 0)
                return;
            ClassFit fit = quantizer.Rent();
            try
            {
                while (!stop.IsCancellationRequested)
                {
                    int taken = Interlocked.Increment(ref _next) - 1;
                    if (taken >= classes.Length)
                        return;
                    Report(fit.Run(source, classes[taken], options, stop.Token));
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
                quantizer._idle.Add(fit);
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
                        $"class {result.ClassIndex} ({source.ClassNames[result.ClassIndex]}) has {result.RowCount - result.HeldOutRowCount} rows to fit: {result.CentroidCount} centres instead of {result.RequestedCentroidCount}");
                }

                onClassCompleted(result);
                progress.Advance(1);
            }
        }
    }
}
