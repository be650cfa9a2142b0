using CsCheck;

namespace Ddoq.Tests;

public class WorkerLoopTests
{
    /// <summary>Whatever the number of workers and the failures: every index up to the first failure is done once, and that failure is thrown.</summary>
    [Test]
    public void TheFailureOfTheLowestIndexIsThrown_AndAllBelowItAreDone([Values] bool ownThreads) =>
        Gen.Select(Gen.Int[0, 60], Gen.Int[1, 6], Gen.Int[0, 70].Array[0, 4]).Sample(
            (count, workers, failing) =>
            {
                var done = new int[count];
                int lowest = failing.Where(i => i < count).Append(count).Min();
                void Body(int index)
                {
                    Interlocked.Increment(ref done[index]);
                    if (failing.Contains(index))
                        throw new DdoqException($"index {index}");
                }

                string? error = null;
                try
                {
                    if (ownThreads)
                        WorkerLoop.Run(count, workers, () => new MemoryStream(), (index, _) => Body(index), default);
                    else
                        WorkerLoop.Run(count, workers, Body, default);
                }
                catch (DdoqException e)
                {
                    error = e.Message;
                }

                return error == (lowest < count ? $"index {lowest}" : null) && done.Take(lowest + 1).All(times => times == 1) && done.All(times => times <= 1);
            },
            iter: 200,
            threads: 1);

    [Test]
    public void Stopping_LetsTheIndicesInWorkBeDone()
    {
        using var stop = new CancellationTokenSource();
        int done = 0;
        Assert.That(
            () => WorkerLoop.Run(
                1000,
                2,
                () => new MemoryStream(),
                (_, _) =>
                {
                    stop.Cancel();
                    Interlocked.Increment(ref done);
                },
                default,
                stop.Token),
            Throws.InstanceOf<OperationCanceledException>());
        Assert.That(done, Is.InRange(1, 2));
    }
    [Test]
    public void AStopAfterTheLastIndex_LeavesNothingUndone()
    {
        using var stop = new CancellationTokenSource();
        WorkerLoop.Run(
            3,
            1,
            () => new MemoryStream(),
            (index, _) =>
            {
                if (index == 2)
                    stop.Cancel();
            },
            default,
            stop.Token);
        Assert.That(stop.IsCancellationRequested, Is.True);
    }
}
