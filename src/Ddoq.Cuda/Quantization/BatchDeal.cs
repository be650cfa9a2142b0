using System.Runtime.ExceptionServices;
using Ddoq.Latents;
using Ddoq.Quantization;

namespace Ddoq.Cuda.Quantization;

/// <summary>The classes of one run: dealt to devices in batches as they ask, and reported one at a time.</summary>
/// <remarks>Thread-safe. What a device could not finish it gives back, and another takes it.</remarks>
internal sealed class BatchDeal
{
    private readonly Lock _deal = new();
    private readonly Lock _report = new();
    private readonly LinkedList<int> _waiting;
    private readonly List<int> _forHost = [];
    private readonly HashSet<int> _reported = [];
    private readonly int _devices;
    private readonly Action<ClassQuantization> _onCompleted;
    private readonly CancellationToken _cancellation;
    private ExceptionDispatchInfo? _failure;

    /// <summary>Starts a run.</summary>
    /// <param name="source">The latents.</param>
    /// <param name="options">The settings.</param>
    /// <param name="classes">The classes to quantise, largest first.</param>
    /// <param name="devices">Devices that share them.</param>
    /// <param name="onCompleted">Receives each result, one call at a time.</param>
    /// <param name="progress">Receives messages.</param>
    /// <param name="cancellation">Stops between batches.</param>
    public BatchDeal(
        ILatentSource source, QuantizerOptions options, IEnumerable<int> classes, int devices, Action<ClassQuantization> onCompleted, IProgressSink progress, CancellationToken cancellation)
    {
        Source = source;
        Format = RowFormat.Of(source);
        Options = options;
        Progress = progress;
        _waiting = new LinkedList<int>(classes);
        _devices = devices;
        _onCompleted = onCompleted;
        _cancellation = cancellation;
    }

    /// <summary>The latents.</summary>
    public ILatentSource Source { get; }

    /// <summary>How its rows are stored.</summary>
    public RowFormat Format { get; }

    /// <summary>The settings.</summary>
    public QuantizerOptions Options { get; }

    /// <summary>Receives messages.</summary>
    public IProgressSink Progress { get; }

    /// <summary>Stops between batches.</summary>
    public CancellationToken Cancellation => _cancellation;

    /// <summary>Whether the run has failed or was cancelled: no more batches are dealt and no more results reported.</summary>
    public bool IsStopped => Volatile.Read(ref _failure) is not null || _cancellation.IsCancellationRequested;

    /// <summary>Classes that no device has taken.</summary>
    public int WaitingCount
    {
        get
        {
            lock (_deal)
                return _waiting.Count;
        }
    }

    /// <summary>Classes that do not fit a device.</summary>
    public IReadOnlyList<int> ForHost => _forHost;

    /// <summary>The next classes, laid out as a batch; none when all are dealt or the run has stopped.</summary>
    public BatchClass[] Take(BatchLimits limits)
    {
        lock (_deal)
        {
            var batch = new List<BatchClass>();
            long device = 0, result = 0;
            int share = (_waiting.Count + _devices - 1) / _devices;
            int full = limits.FullClasses(share);
            while (_waiting.First is { } first && batch.Count < Math.Max(1, share) && !IsStopped)
            {
                int index = first.Value;
                var next = new BatchClass(index, Source.RowCount(index), Source.Shape.Length, Format, Options, batch.Count == 0 ? default : batch[^1]);
                if (next.DeviceBytes > limits.DeviceBytes)
                {
                    _waiting.RemoveFirst();
                    LeaveToHost(next, $"clustering it on a device takes {next.DeviceBytes >> 20} MiB, of {limits.DeviceBytes >> 20} MiB");
                    continue;
                }

                if (!limits.Admit(batch.Count, full, device, result, next))
                    break;
                _waiting.RemoveFirst();
                batch.Add(next);
                device += next.DeviceBytes;
                result += next.ResultBytes;
            }

            return [.. batch];
        }
    }

    /// <summary>Takes back classes whose results have not been reported.</summary>
    public void GiveBack(IEnumerable<BatchClass> classes)
    {
        lock (_report)
        {
            lock (_deal)
            {
                foreach (BatchClass one in classes.Reverse())
                {
                    if (!_reported.Contains(one.ClassIndex))
                        _waiting.AddFirst(one.ClassIndex);
                }
            }
        }
    }

    /// <summary>Leaves a class to the processor, which needs no more memory than its rows take.</summary>
    public void LeaveToHost(in BatchClass one, string reason)
    {
        lock (_deal)
            _forHost.Add(one.ClassIndex);
        Progress.Message($"class {one.ClassIndex} ({Source.ClassNames[one.ClassIndex]}) has {one.Rows} rows: {reason}; the processor quantises it");
    }

    /// <summary>Hands a result out, once, unless the run has stopped.</summary>
    public void Report(ClassQuantization result)
    {
        lock (_report)
        {
            if (IsStopped || !_reported.Add(result.ClassIndex))
                return;
            if (result.CentroidCount < result.RequestedCentroidCount)
            {
                Progress.Message(
                    $"class {result.ClassIndex} ({Source.ClassNames[result.ClassIndex]}) has {result.RowCount - result.HeldOutRowCount} rows to fit: {result.CentroidCount} centres instead of {result.RequestedCentroidCount}");
            }

            try
            {
                _onCompleted(result);
            }
            catch (Exception exception)
            {
                Stop(exception);
                throw;
            }

            Progress.Advance(1);
        }
    }

    /// <summary>Stops the run; the first cause is kept.</summary>
    public void Stop(Exception cause) => Interlocked.CompareExchange(ref _failure, ExceptionDispatchInfo.Capture(cause), null);

    /// <summary>Throws what stopped the run.</summary>
    public void ThrowIfStopped()
    {
        _failure?.Throw();
        _cancellation.ThrowIfCancellationRequested();
    }
}

/// <summary>How much goes into one batch.</summary>
/// <param name="DeviceBytes">Device memory at most.</param>
/// <param name="ResultBytes">Page-locked memory of the results at most.</param>
/// <param name="Classes">Classes at most.</param>
/// <param name="WaveClasses">Classes that the device works on at a time: a batch of fewer leaves a part of it idle.</param>
internal readonly record struct BatchLimits(long DeviceBytes, long ResultBytes, int Classes, int WaveClasses)
{
    /// <summary>Tile numbers are 32-bit, and a batch beyond this gains nothing.</summary>
    public const int MostClasses = 16384;

    // Blocks take a new class when they are done with one, so the more classes in a launch, the less the slowest counts.
    private const int MostWaves = 4;

    // Page-locked memory is taken from the rest of the machine; four such parts keep within a limit that was asked for.
    private const long MostResultBytes = 1L << 30;
    private const int PartsOfTheLimit = 4;

    // Below it a batch costs more to start than to work off.
    private const long TinyBytes = 64L << 20;

    /// <summary>Bytes of a batch's results under a limit on the process's memory; 0 is none.</summary>
    public static long ResultsWithin(long memoryLimit) =>
        memoryLimit > 0 ? Math.Min(MostResultBytes, memoryLimit / PartsOfTheLimit) : MostResultBytes;

    /// <summary>
    /// Classes of a batch that is full, unless it is tiny: half of those that wait, so that the first batches are long and
    /// the last, which nothing is sent behind, are short; whole waves.
    /// </summary>
    public int FullClasses(int waiting) => WaveClasses * Math.Clamp((waiting + WaveClasses) / 2 / WaveClasses, 1, MostWaves);

    /// <summary>Whether a batch takes one class more.</summary>
    public bool Admit(int classes, int fullClasses, long deviceBytes, long resultBytes, in BatchClass next) =>
        classes == 0
        || (classes < Classes
            && deviceBytes + next.DeviceBytes <= DeviceBytes
            && resultBytes + next.ResultBytes <= ResultBytes
            && (classes < fullClasses || deviceBytes < TinyBytes));
}
