using System.Runtime.ExceptionServices;

namespace Ddoq;

/// <summary>A parallel loop that deals its indices one by one, in ascending order, and whose failure does not depend on the order of work.</summary>
/// <remarks>
/// Workers stay close to each other, so what is stored together is read together. The first failure stops the dealing; of all
/// failures the one with the lowest index is thrown, for every lower index was dealt before.
/// </remarks>
public static class WorkerLoop
{
    // Deep enough for the native libraries that workers call, which the pool's threads need not be.
    private const int StackBytes = 16 << 20;

    /// <summary>Runs a body for 0 to <paramref name="count"/> - 1 on threads of the pool.</summary>
    /// <param name="count">Number of indices.</param>
    /// <param name="workers">Indices in work at most, at least 1.</param>
    /// <param name="body">Does one index; results must not depend on which worker does it.</param>
    /// <param name="cancellation">Looked at before each index.</param>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static void Run(int count, int workers, Action<int> body, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(body);
        var deal = new Deal(count, cancellation, default);
        int most = Math.Clamp(workers, 1, Math.Max(1, count));
        if (most == 1)
            deal.WorkOff(body);
        else
            Parallel.For(0, most, new ParallelOptions { MaxDegreeOfParallelism = most }, _ => deal.WorkOff(body));
        deal.Finish();
    }

    /// <summary>Runs a body for 0 to <paramref name="count"/> - 1 on threads of its own, for work that takes long or blocks.</summary>
    /// <param name="count">Number of indices.</param>
    /// <param name="workers">Threads at most, at least 1.</param>
    /// <param name="createState">Makes one worker's private state, for example its network session; what it throws comes before all other failures.</param>
    /// <param name="body">Does one index; results must not depend on which worker does it.</param>
    /// <param name="cancellation">Looked at before each index.</param>
    /// <param name="stopping">Ends the loop as <paramref name="cancellation"/> does, but lets the indices in work be done.</param>
    /// <typeparam name="TState">A worker's private state; disposed at the end.</typeparam>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static void Run<TState>(int count, int workers, Func<TState> createState, Action<int, TState> body, CancellationToken cancellation, CancellationToken stopping = default)
        where TState : IDisposable
    {
        ArgumentNullException.ThrowIfNull(createState);
        ArgumentNullException.ThrowIfNull(body);
        var deal = new Deal(count, cancellation, stopping);
        var threads = new Thread[Math.Clamp(workers, 1, Math.Max(1, count))];
        for (int i = 0; i < threads.Length; i++)
        {
            threads[i] = new Thread(Work, StackBytes) { IsBackground = true, Name = $"ddoq-worker-{i}" };
            threads[i].Start();
        }

        foreach (Thread thread in threads)
            thread.Join();
        deal.Finish();

        void Work()
        {
            try
            {
                using TState state = createState();
                deal.WorkOff(index => body(index, state));
            }
            catch (Exception e)
            {
                deal.Fail(-1, e);
            }
        }
    }

    private sealed class Deal(int count, CancellationToken cancellation, CancellationToken stopping)
    {
        private readonly Lock _gate = new();
        private (int Index, ExceptionDispatchInfo Error)? _first;
        private int _next = -1;
        private readonly int _count = count;
        private int _end = count;

        public void WorkOff(Action<int> body)
        {
            int index;
            while (!cancellation.IsCancellationRequested && !stopping.IsCancellationRequested && (index = Interlocked.Increment(ref _next)) < Volatile.Read(ref _end))
            {
                try
                {
                    body(index);
                }
                catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
                {
                    return;
                }
                catch (Exception e)
                {
                    Fail(index, e);
                }
            }
        }

        public void Fail(int index, Exception error)
        {
            lock (_gate)
            {
                if (_first is null || index < _first.Value.Index)
                    _first = (index, ExceptionDispatchInfo.Capture(error));
                Volatile.Write(ref _end, _first.Value.Index);
            }
        }

        public void Finish()
        {
            _first?.Error.Throw();
            cancellation.ThrowIfCancellationRequested();

            // A stop that came behind the last index left nothing undone.
            if (_next < _count - 1)
                stopping.ThrowIfCancellationRequested();
        }
    }
}
