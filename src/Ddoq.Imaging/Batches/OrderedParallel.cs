using System.Runtime.ExceptionServices;

namespace Ddoq.Imaging;

/// <summary>A parallel loop whose error does not depend on the order of work: the one with the lowest index is thrown.</summary>
internal static class OrderedParallel
{
    /// <summary>Runs <paramref name="body"/> for 0 to <paramref name="count"/> - 1.</summary>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static void For(int count, int workers, Action<int> body, CancellationToken cancellationToken)
    {
        var gate = new Lock();
        (int Index, ExceptionDispatchInfo Error)? first = null;
        var options = new ParallelOptions { MaxDegreeOfParallelism = workers, CancellationToken = cancellationToken };
        Parallel.For(0, count, options, (i, loop) =>
        {
            try
            {
                body(i);
            }
            catch (Exception e)
            {
                lock (gate)
                {
                    if (first is null || i < first.Value.Index)
                        first = (i, ExceptionDispatchInfo.Capture(e));
                }

                // Unlike Stop, Break still runs every lower index.
                loop.Break();
            }
        });
        first?.Error.Throw();
    }
}
