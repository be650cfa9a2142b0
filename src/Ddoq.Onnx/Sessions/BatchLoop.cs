using System.Collections.Concurrent;

namespace Ddoq.Onnx.Sessions;

/// <summary>Runs a body over rows in batches whose borders do not depend on the number of threads.</summary>
internal static class BatchLoop
{
    /// <summary>Calls <c>body(lane, firstRow, rows)</c> for every batch, several at once.</summary>
    /// <typeparam name="TLane">Buffers and bindings of one batch in flight.</typeparam>
    /// <param name="count">Rows.</param>
    /// <param name="batchSize">Rows per batch; the last may have fewer.</param>
    /// <param name="lanes">Batches in flight at most.</param>
    /// <param name="pool">Where lanes come from.</param>
    /// <param name="body">The work.</param>
    /// <param name="cancellation">Looked at before each batch.</param>
    public static void Run<TLane>(int count, int batchSize, int lanes, LanePool<TLane> pool, Action<TLane, int, int> body, CancellationToken cancellation)
        where TLane : class, IDisposable
    {
        int batches = (count + batchSize - 1) / batchSize;
        void One(int batch)
        {
            TLane lane = pool.Rent();
            try
            {
                body(lane, batch * batchSize, Math.Min(batchSize, count - (batch * batchSize)));
            }
            catch
            {
                // Its state is unknown, so it is not used again.
                lane.Dispose();
                throw;
            }

            pool.Return(lane);
        }

        WorkerLoop.Run(batches, lanes, One, cancellation);
    }
}

/// <summary>Lanes (buffers and bindings of one batch in flight) that are made when needed and used again.</summary>
internal sealed class LanePool<TLane>(Func<TLane> create) : IDisposable
    where TLane : class, IDisposable
{
    private readonly ConcurrentBag<TLane> _free = [];

    public TLane Rent() => _free.TryTake(out TLane? lane) ? lane : create();

    public void Return(TLane lane) => _free.Add(lane);

    public void Dispose()
    {
        while (_free.TryTake(out TLane? lane))
            lane.Dispose();
    }
}

/// <summary>Checks that spans of rows are long enough.</summary>
internal static class RowSpans
{
    /// <exception cref="ArgumentException">The span is shorter than its rows.</exception>
    public static void Check(string name, int length, int count, int rowLength)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (length < (long)count * rowLength)
            throw new ArgumentException($"{name} holds {length} values; {count} rows of {rowLength} are {(long)count * rowLength}", name);
    }
}
