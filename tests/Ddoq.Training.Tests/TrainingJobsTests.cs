using Ddoq.Training.Protocols;

namespace Ddoq.Training.Tests;

public sealed class TrainingJobsTests
{
    private static readonly TrainingImages Test = SyntheticImages.Make(30, 2);

    [TestCase(1)]
    [TestCase(3)]
    public void Run_AnyConcurrency_GivesEachJobsOwnResultInOrder(int concurrency)
    {
        TrainingJob[] jobs = [Job(1, 4), Job(2, 2), Job(3, 3), Job(1, 4)];
        var progress = new CountingProgress();

        IReadOnlyList<TrainingResult> results = Run(jobs, concurrency, progress);

        for (int i = 0; i < jobs.Length; i++)
        {
            TrainingResult alone = StudentTrainer.Train(
                jobs[i].Train, Test, SyntheticImages.Classes, jobs[i].Options, SyntheticImages.Teach, null, NullProgress.Instance);
            Assert.That(results[i].LossCurve, Is.EqualTo(alone.LossCurve), jobs[i].Name);
        }

        Assert.That((progress.Total, progress.Seen), Is.EqualTo((39L, 39L)));
    }

    [Test]
    public void Run_OneJobFails_ItsErrorIsReported()
    {
        TrainingJob[] jobs = [Job(1, 200), Job(2, 2) with { Options = Job(2, 2).Options with { Protocol = StudentProtocol.StoredSoft } }, Job(3, 200)];

        Assert.That(
            () => Run(jobs, 2, new CountingProgress()),
            Throws.TypeOf<UsageException>().With.Message.Contains("stored-soft"));
    }

    [Test]
    public void Run_Cancelled_Stops()
    {
        using var source = new CancellationTokenSource();
        source.Cancel();

        Assert.That(
            () => TrainingJobs.Run([Job(1, 2)], Test, SyntheticImages.Classes, SyntheticImages.Teach, 1, NullProgress.Instance, source.Token),
            Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public void Run_SharedCheckpointFolder_IsRefused()
    {
        TrainingJob[] jobs = [Job(1, 2) with { CheckpointFolder = "x/a" }, Job(2, 2) with { CheckpointFolder = "x/../x/a" }];

        Assert.That(() => Run(jobs, 1, new CountingProgress()), Throws.TypeOf<UsageException>().With.Message.Contains("seed 1").And.Message.Contains("seed 2"));
    }

    private static TrainingJob Job(ulong seed, int epochs) => new(
        $"seed {seed}",
        SyntheticImages.Make(24, seed),
        StudentOptions.ForProtocol(StudentProtocol.Rded, 8, SyntheticImages.Size) with { NetworkWidth = 16, Epochs = epochs, BatchSize = 10, Seed = seed },
        null);

    private static IReadOnlyList<TrainingResult> Run(TrainingJob[] jobs, int concurrency, IProgressSink progress) =>
        TrainingJobs.Run(jobs, Test, SyntheticImages.Classes, SyntheticImages.Teach, concurrency, progress);

    private sealed class CountingProgress : IProgressSink
    {
        private long _seen;

        public long Total { get; private set; }

        public long Seen => _seen;

        public void Begin(string stage, long total, string unit, long completed = 0) => Total += total;

        public void Advance(long units) => Interlocked.Add(ref _seen, units);

        public void End()
        {
        }

        public void Message(string text)
        {
        }
    }
}
