namespace Ddoq.Pipeline.Tests;

public class StageContextTests
{
    [TestCase(1, 0)]
    [TestCase(1, 7)]
    [TestCase(3, 1)]
    [TestCase(4, 257)]
    public void ForEach_DoesEveryIndexOnce(int workers, int count)
    {
        var done = new int[count];
        Context(workers).ForEach(count, () => new MemoryStream(), (i, _) => Interlocked.Increment(ref done[i]));
        Assert.That(done, Has.All.EqualTo(1));
    }

    [Test]
    public void ForEach_GivesEachWorkerItsOwnState_AndDisposesIt()
    {
        int made = 0, disposed = 0;
        Context(3).ForEach(100, () => new Probe(() => Interlocked.Increment(ref made), () => Interlocked.Increment(ref disposed)), (_, _) => { });
        Assert.That((made, disposed), Is.EqualTo((3, 3)));
    }

    [Test]
    public void ForEach_ThrowsTheFirstFailure_AndStops()
    {
        int done = 0;
        Assert.That(
            () => Context(2).ForEach(100_000, () => new MemoryStream(), (i, _) =>
            {
                Interlocked.Increment(ref done);
                if (i == 5)
                    throw new DdoqException("row 5");
            }),
            Throws.InstanceOf<DdoqException>().With.Message.EqualTo("row 5"));
        Assert.That(done, Is.LessThan(100_000));
    }

    [Test]
    public void ForEach_StopsWhenCancelled()
    {
        using var source = new CancellationTokenSource();
        var context = Context(2) with { Cancellation = source.Token };
        Assert.That(
            () => context.ForEach(100_000, () => new MemoryStream(), (i, _) =>
            {
                if (i == 10)
                    source.Cancel();
            }),
            Throws.InstanceOf<OperationCanceledException>());
    }

    private static StageContext Context(int workers) => new(NullProgress.Instance, workers, false, CancellationToken.None);

    private sealed class Probe : IDisposable
    {
        private readonly Action _disposed;

        public Probe(Action made, Action disposed)
        {
            _disposed = disposed;
            made();
        }

        public void Dispose() => _disposed();
    }
}
