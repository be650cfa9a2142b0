using System.Runtime.ExceptionServices;

namespace Ddoq.Training;

/// <summary>Trains many students side by side.</summary>
/// <remarks>
/// Runs of one thread each, as many at a time as there are cores, make the best use of a processor: on two cores, two
/// runs of one thread do twice the work of one run with two, whose threads wait for each other at every operation.
/// Results do not depend on how many run at a time.
/// </remarks>
public static class TrainingJobs
{
    /// <summary>Runs all jobs and gives their results in the jobs' order.</summary>
    /// <param name="jobs">Any number; their checkpoint folders must differ.</param>
    /// <param name="test">Real images, the same for all.</param>
    /// <param name="classCount">C.</param>
    /// <param name="teacher">See <see cref="TeacherFunction"/>; called by several runs at the same time.</param>
    /// <param name="concurrency">Runs at a time; 0 for as many as fit the processors with each job's threads.</param>
    /// <param name="progress">Receives one stage over the updates of all jobs, and messages with the job's name.</param>
    /// <param name="cancellation">Stops all; every run keeps its state.</param>
    /// <exception cref="UsageException">Two jobs share a checkpoint folder, or an option is out of range.</exception>
    /// <exception cref="DdoqException">A job failed; the others were stopped and kept their state.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static IReadOnlyList<TrainingResult> Run(
        IReadOnlyList<TrainingJob> jobs,
        TrainingImages test,
        int classCount,
        TeacherFunction? teacher,
        int concurrency,
        IProgressSink progress,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(jobs);
        ArgumentNullException.ThrowIfNull(progress);
        ArgumentOutOfRangeException.ThrowIfNegative(concurrency);
        RequireOwnFolders(jobs);
        if (jobs.Count == 0)
            return [];
        if (concurrency == 0)
            concurrency = Math.Max(1, Environment.ProcessorCount / jobs.Max(job => Math.Max(1, job.Options.Threads)));

        var results = new TrainingResult[jobs.Count];
        ExceptionDispatchInfo? failure = null;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        int next = -1;
        void Work()
        {
            int index;
            while ((index = Interlocked.Increment(ref next)) < jobs.Count && !stop.IsCancellationRequested)
            {
                TrainingJob job = jobs[index];
                try
                {
                    results[index] = StudentTrainer.Train(
                        job.Train, test, classCount, job.Options, teacher, job.CheckpointFolder, new JobProgress(job.Name, progress), stop.Token);
                }
                catch (Exception exception)
                {
                    // The first failure is the one to report; those after it are the stops that it caused.
                    Interlocked.CompareExchange(ref failure, ExceptionDispatchInfo.Capture(exception), null);
                    stop.Cancel();
                }
            }
        }

        progress.Begin("train", jobs.Sum(job => (long)job.Options.TotalUpdates(job.Train.Count)), "updates");
        try
        {
            Thread[] workers = [.. Enumerable.Range(0, Math.Min(concurrency, jobs.Count)).Select(_ => new Thread(Work) { IsBackground = true })];
            foreach (Thread worker in workers)
                worker.Start();
            foreach (Thread worker in workers)
                worker.Join();
        }
        finally
        {
            progress.End();
        }

        failure?.Throw();
        cancellation.ThrowIfCancellationRequested();
        return results;
    }

    private static void RequireOwnFolders(IReadOnlyList<TrainingJob> jobs)
    {
        var folders = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (TrainingJob job in jobs.Where(job => job.CheckpointFolder is not null))
        {
            string folder = Path.GetFullPath(job.CheckpointFolder!);
            if (!folders.TryAdd(folder, job.Name))
                throw new UsageException($"the training jobs '{folders[folder]}' and '{job.Name}' share the checkpoint folder '{folder}'", "Give each a folder of its own.");
        }
    }

    /// <summary>One job's progress as a part of the whole's.</summary>
    private sealed class JobProgress(string name, IProgressSink whole) : IProgressSink
    {
        public void Begin(string stage, long total, string unit, long completed = 0)
        {
            if (completed > 0)
                whole.Advance(completed);
        }

        public void Advance(long units) => whole.Advance(units);

        public void End()
        {
        }

        public void Message(string text) => whole.Message($"{name}: {text}");
    }
}
