using System.Runtime.ExceptionServices;

namespace Ddoq.Imaging;

/// <summary>A parallel loop whose error does not depend on the order of work: the one with the lowest index is thrown.</summary>
/// <remarks>
/// Indices are dealt one by one in ascending order, so workers stay close to each other, and images that are stored
/// together are read together.
/// </remarks>
internal static class OrderedParallel
{
    /// <summary>Runs <paramref name="body"/> for 0 to <paramref name="count"/> - 1.</summary>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static void For(int count, int workers, Action<int> body, CancellationToken cancellationToken)
    {
        var gate = new Lock();
        (int Index, ExceptionDispatchInfo Error)? first = null;
        int next = -1, end = count;
        var options = new ParallelOptions { MaxDegreeOfParallelism = workers, CancellationToken = cancellationToken };
        Parallel.For(0, Math.Min(workers, count), options, _ =>
        {
            int i;
            while ((i = Interlocked.Increment(ref next)) < Volatile.Read(ref end))
            {
                cancellationToken.ThrowIfCancellationRequested();
                try
                {
                    body(i);
                }
                catch (Exception e)
                {
                    // Lower indices are still run: one of them may fail too.
                    lock (gate)
                    {
                        if (first is null || i < first.Value.Index)
                            first = (i, ExceptionDispatchInfo.Capture(e));
                        Volatile.Write(ref end, first.Value.Index);
                    }
                }
            }
        });
        first?.Error.Throw();
    }
}
