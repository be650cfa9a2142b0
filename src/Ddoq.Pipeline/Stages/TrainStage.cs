using System.Globalization;
using Ddoq.Imaging;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Sessions;
using Ddoq.Pipeline.Results;
using Ddoq.Storage;
using Ddoq.Training;
using Ddoq.Training.Protocols;
using ImageFit = Ddoq.Imaging.ImageFit;

namespace Ddoq.Pipeline.Stages;

/// <summary>Trains students on distilled sets and measures them on the real test images.</summary>
/// <remarks>
/// Every student runs on one torch thread and several run side by side, so results do not depend on the number of workers.
/// Each resumes from its own checkpoint. All arms of a call share test images, teacher, protocol and number of updates.
/// </remarks>
public static class TrainStage
{
    private const string ResultFile = "result.json";

    /// <summary>Trains the students of one distilled set.</summary>
    /// <param name="options">Protocol, seeds, test images.</param>
    /// <param name="set">Folder of the distilled set.</param>
    /// <param name="output">Folder of the runs; each gets <c>seed-k</c>.</param>
    /// <param name="context">Progress, workers, cancellation.</param>
    /// <returns>One result per seed.</returns>
    public static IReadOnlyList<StudentResult> RunOne(TrainOptions options, string set, string output, StageContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        var arm = new Arm(Path.GetFileName(Path.TrimEndingDirectorySeparator(set)), DistilledSetKind.Ddoq, options.Weights, "one set");
        return Run(options, [new StudentSet(arm, set, repeat => Path.Combine(output, string.Create(CultureInfo.InvariantCulture, $"seed-{repeat}")))], context);
    }

    /// <summary>Trains the students of several arms.</summary>
    /// <param name="options">Protocol, seeds, test images.</param>
    /// <param name="sets">The arms' sets.</param>
    /// <param name="context">Progress, workers, cancellation.</param>
    /// <returns>Results, arm by arm, seed by seed.</returns>
    /// <exception cref="DdoqException">Test images, a set, the teacher or an output folder are not usable.</exception>
    public static IReadOnlyList<StudentResult> Run(TrainOptions options, IReadOnlyList<StudentSet> sets, StageContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(sets);
        ArgumentNullException.ThrowIfNull(context);
        ProviderChoice.Require(options.Provider);
        ModelFolder model = ModelFolder.Open(options.Model);
        var labelling = new LabelOptions(options.TeacherFolder(model), options.Provider);
        ImageFit fit = SourceImages.FitFor(model, options.Fit);
        var loaded = sets.Select(set => DistilledImages.Load(set.Folder, context)).ToArray();
        using IImageDataset testData = ImageDatasets.Open(
            options.DataDir, DatasetSplit.Test, new ImageDatasetOptions { ClassNames = loaded[0].ClassNames, Classes = options.Classes });
        string teacherHash = ContentHash.OfFolder(labelling.Teacher);

        var jobs = new List<Job>();
        for (int s = 0; s < sets.Count; s++)
        {
            for (int repeat = 0; repeat < options.Repeats; repeat++)
                jobs.Add(CreateJob(options, sets[s], loaded[s], repeat, testData.Fingerprint, fit, teacherHash));
        }

        var results = new StudentResult?[jobs.Count];
        try
        {
            for (int j = 0; j < jobs.Count; j++)
            {
                jobs[j].Open(context.Force);
                if (jobs[j].Stage!.IsComplete)
                    results[j] = ResultFiles.Read<StudentResult>(jobs[j].Stage!.PathOf(ResultFile));
            }

            int[] open = [.. Enumerable.Range(0, jobs.Count).Where(j => results[j] is null)];
            if (open.Length > 0)
                TrainAll(jobs, open, results, labelling, testData, fit, options.MaxDamaged, context);
            else
                context.Progress.Message($"train: all {jobs.Count} students complete");
        }
        finally
        {
            foreach (Job job in jobs)
                job.Stage?.Dispose();
        }

        return results!;
    }

    private static void TrainAll(
        List<Job> jobs,
        int[] open,
        StudentResult?[] results,
        LabelOptions labelling,
        IImageDataset testData,
        ImageFit fit,
        int maxDamaged,
        StageContext context)
    {
        using var teacher = AlignedTeacher.Open(labelling, jobs[0].Images.ClassNames, context);
        TrainingImages test = TestImages(testData, fit, maxDamaged, teacher, jobs[0].Images, context);

        // The teacher is asked from every student's thread; each call then uses its own.
        using var labeller = AlignedTeacher.Open(labelling, jobs[0].Images.ClassNames, context with { Workers = 1 });
        long updates = open.Sum(j => UpdatesOf(jobs[j]));
        context.Progress.Begin("train", updates, "updates");
        var sink = new NestedProgress(context.Progress);
        try
        {
            context.ForEach(open.Length, () => new MemoryStream(), (i, _) =>
            {
                Job job = jobs[open[i]];
                TrainingResult result = StudentTrainer.Train(
                    job.Images.ToTrainingImages(job.Arm.Weights),
                    test,
                    job.Images.ClassNames.Count,
                    job.Options,
                    labeller.Logits,
                    job.Stage!.PathOf("checkpoint"),
                    sink,
                    context.Cancellation);
                results[open[i]] = Finish(job, result);
            });
        }
        finally
        {
            context.Progress.End();
        }
    }

    private static long UpdatesOf(Job job)
    {
        int batch = Math.Min(job.Options.BatchSize, job.Images.Count);
        return job.Options.Updates > 0 ? job.Options.Updates : job.Options.Epochs * (((long)job.Images.Count + batch - 1) / batch);
    }

    private static StudentResult Finish(Job job, TrainingResult result)
    {
        var summary = new StudentResult(
            job.Arm.Name,
            job.Options.Seed,
            job.Options.Protocol.ToName(),
            job.Options.Network.ToString(),
            result.LastAccuracy,
            result.BestAccuracy,
            result.TeacherAgreement,
            result.Updates,
            result.LossCurve.Count > 0 ? result.LossCurve[^1] : double.NaN,
            [.. result.WeightStatistics.Select(w => new WeightSpread(w.ClassIndex, w.Count, w.Minimum, w.Maximum, w.Mean, w.EffectiveSampleSize))]);
        ResultFiles.Write(job.Stage!.PathOf(ResultFile), summary);
        job.Stage.Complete([ResultFile]);
        return summary;
    }

    private static Job CreateJob(TrainOptions options, StudentSet set, DistilledImages images, int repeat, string testFingerprint, ImageFit fit, string teacherHash)
    {
        int perClass = (int)Math.Ceiling((double)images.Count / images.ClassNames.Count);
        StudentOptions student = options.Customise(StudentOptions.ForProtocol(options.Protocol, perClass, images.Side, images.ClassNames.Count)) with
        {
            // Arms share the seeds of their students, so that differences between arms can be paired.
            Seed = options.Seed + (ulong)repeat,
            Threads = 1,
        };
        var settings = new Dictionary<string, string>
        {
            ["set"] = images.Identity,
            ["test"] = testFingerprint,
            ["fit"] = fit.ToString(),
            ["teacher"] = teacherHash,
            ["weights"] = set.Arm.Weights.ToString(),
            ["student"] = student.ToString(),
        };
        return new Job(set.Arm, images, student, set.OutputOf(repeat), settings);
    }

    private static TrainingImages TestImages(
        IImageDataset data, ImageFit fit, int maxDamaged, AlignedTeacher teacher, DistilledImages like, StageContext context)
    {
        int pixels = 3 * fit.Height * fit.Width, count = 0;
        if ((long)data.Count * pixels > Array.MaxLength)
        {
            throw new DdoqException(
                $"the {data.Count} test images of {data.Location} take {(long)data.Count * pixels / 1e9:F1} GB as {fit.Width}x{fit.Height} pixels; {Array.MaxLength / 1e9:F1} GB are held at most",
                "Take a subset of the classes (--classes), or a model of smaller images.");
        }

        var bytes = new byte[data.Count * pixels];
        var labels = new int[data.Count];
        var reader = new ImageBatchReader(data, fit, new ImageBatchOptions { Workers = context.Workers, Damage = DamagePolicy.Skip(maxDamaged) });
        foreach (ImageBatch batch in reader.ReadAll(context.Cancellation))
        {
            batch.Bytes.Span.CopyTo(bytes.AsSpan(count * pixels));
            batch.Labels.CopyTo(labels.AsSpan(count));
            count += batch.Count;
        }

        foreach (DamagedImage image in reader.Damaged)
            context.Progress.Message($"skipped: {image.Name}: {image.Reason}");
        if (count == 0)
            throw new DdoqException($"all {data.Count} test images of {data.Location} are damaged", "Fetch the data again.");
        if (count < data.Count)
            (bytes, labels) = (bytes[..(count * pixels)], labels[..count]);
        var images = new DistilledImages(bytes, labels, new double[count], like.ClassNames, fit.Height, string.Empty);
        float[] logits = teacher.LogitsOf(images, context with { Progress = NullProgress.Instance });
        return new TrainingImages(bytes, labels, null, logits, count, fit.Height, fit.Width);
    }

    private sealed record Job(Arm Arm, DistilledImages Images, StudentOptions Options, string Output, Dictionary<string, string> Settings)
    {
        public StageFolder? Stage { get; private set; }

        public void Open(bool force) => Stage = StageFolder.Open(Output, "train", Settings, force);
    }
}

/// <summary>An arm with its images and the place of its runs.</summary>
/// <param name="Arm">Name and weight rule.</param>
/// <param name="Folder">Folder of the distilled set.</param>
/// <param name="OutputOf">Folder of the student with a given 0-based repeat.</param>
public sealed record StudentSet(Arm Arm, string Folder, Func<int, string> OutputOf);
