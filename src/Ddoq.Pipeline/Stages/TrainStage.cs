using System.Globalization;
using System.Runtime.InteropServices;
using Ddoq.Imaging;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Sessions;
using Ddoq.Pipeline.Configuration;
using Ddoq.Pipeline.Results;
using Ddoq.Quantization;
using Ddoq.Storage;
using Ddoq.Training;
using Ddoq.Training.Protocols;

namespace Ddoq.Pipeline.Stages;

/// <summary>Trains students on distilled sets and measures them on the real test images.</summary>
/// <remarks>
/// Every student runs on one torch thread and several run side by side, so results do not depend on the number of workers.
/// Each resumes from its own checkpoint. All arms of a call share test images, teacher, protocol and number of updates.
/// </remarks>
public static class TrainStage
{
    internal const string Name = "train";
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
        ArgumentNullException.ThrowIfNull(context);
        if (options.Weights is { } rule)
            context.Progress.Message($"train: the weights that the set stores are replaced: {SynthesizeSettings.Weights.Show(rule)} of its cluster sizes");
        return Run(options, [new StudentSet(Arm.OfOneSet(set, options.Weights), _ => set, repeat => Path.Combine(output, string.Create(CultureInfo.InvariantCulture, $"seed-{repeat}")))], context);
    }

    /// <summary>Trains the students of several arms.</summary>
    /// <param name="options">Protocol, seeds, test images.</param>
    /// <param name="sets">The arms' sets.</param>
    /// <param name="context">Progress, workers, cancellation.</param>
    /// <returns>Results, arm by arm, seed by seed.</returns>
    /// <exception cref="DdoqException">Test images, a set, its soft labels, the teacher or an output folder are not usable.</exception>
    public static IReadOnlyList<StudentResult> Run(TrainOptions options, IReadOnlyList<StudentSet> sets, StageContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(sets);
        ArgumentNullException.ThrowIfNull(context);
        ModelFolder? model = options.FindModel(sets);
        var loaded = new Dictionary<string, OpenedSet>(StringComparer.Ordinal);
        ProviderChoice.Require(options.Provider);
        foreach (string folder in Folders(sets.Where(set => !set.Arm.IsReference), options.Repeats))
            loaded.Add(folder, OpenedSet.Load(folder, context));

        // A set that was made without the model has a size of its own, which the test images follow.
        ImageFit fit = loaded.Values.FirstOrDefault() is { } own && own.Side != model?.ImageSize ? options.Images.FitFor(own.Side) : options.Images.FitFor(model!);
        foreach (string folder in Folders(sets.Where(set => set.Arm.IsReference), options.Repeats))
            loaded.Add(folder, OpenedSet.OfTraining(options.Images, fit, context));

        if (loaded.FirstOrDefault(set => set.Value.Side != fit.Height) is { Key: { } other } odd)
        {
            throw new DdoqException(
                $"the images of '{other}' are {odd.Value.Side} pixels wide, those of '{loaded.Keys.First()}' {fit.Height}",
                "Compare sets of one size.");
        }

        IReadOnlyList<string> classNames = loaded[sets[0].FolderOf(0)].ClassNames;
        using IImageDataset testData = options.Images.OpenTest(classNames, context.Cancellation);
        var shared = new Dictionary<string, string> { ["test"] = testData.Fingerprint, ["fit"] = fit.ToString() };
        string? teacher = null;
        if (options.RecipeFor(1, fit.Height, classNames.Count).NeedsTeacher)
        {
            teacher = options.RequireTeacher(model);
            shared["teacher"] = ContentHash.OfFolder(teacher);
        }

        List<Job> jobs = [.. sets.SelectMany(set => Enumerable.Range(0, options.Repeats).Select(repeat => CreateJob(options, set, loaded[set.FolderOf(repeat)], repeat, shared)))];
        var results = new StudentResult?[jobs.Count];
        using Examination? examination = jobs.All(job => context.Finds(job.Output, Name, job.Settings)) ? null : Examination.Prepare(testData, fit, teacher, classNames, options, context);
        try
        {
            for (int j = 0; j < jobs.Count; j++)
            {
                jobs[j].Open(context.Forces(Name));
                if (jobs[j].Stage!.IsComplete)
                    results[j] = ResultFiles.Read<StudentResult>(jobs[j].Stage!.PathOf(ResultFile));
            }

            int[] open = [.. Enumerable.Range(0, jobs.Count).Where(j => results[j] is null)];
            if (open.Length > 0)
                TrainAll(jobs, open, results, examination!, context);
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

    private static IEnumerable<string> Folders(IEnumerable<StudentSet> sets, int repeats) =>
        sets.SelectMany(set => Enumerable.Range(0, repeats).Select(set.FolderOf)).Distinct(StringComparer.Ordinal);

    private static void TrainAll(
        List<Job> jobs,
        int[] open,
        StudentResult?[] results,
        Examination examination,
        StageContext context)
    {
        context.Progress.Message($"train: protocol {jobs[0].Protocol}");
        context.Progress.Begin(Name, open.Sum(j => (long)jobs[j].Recipe.TotalUpdates(jobs[j].Set.Count)), "updates");
        var sink = new NestedProgress(context.Progress);
        try
        {
            context.ForEach(open.Length, () => new MemoryStream(), (i, _) =>
            {
                Job job = jobs[open[i]];
                TrainingResult result = StudentTrainer.Train(
                    job.Set.ToTraining(job.Weights, job.SoftLabels),
                    examination.Test,
                    job.Set.ClassNames.Count,
                    job.Options,
                    examination.Teacher is { } labeller ? labeller.Logits : null,
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

    private static StudentResult Finish(Job job, TrainingResult result)
    {
        var summary = new StudentResult(
            job.Arm.Name,
            (ulong)job.Set.List.Images[0].Seed,
            job.Options.Seed,
            job.Options.Protocol.ToName(),
            job.Protocol,
            job.Recipe.Network.ToString(),
            result.LastAccuracy,
            result.BestAccuracy,
            result.TeacherAgreement,
            job.Set.ImagesPerClass,
            result.Updates,
            result.LossCurve.Count > 0 ? result.LossCurve[^1] : double.NaN,
            WordOf(job.Arm.Weights),
            result.WeightStatistics);
        ResultFiles.Write(job.Stage!.PathOf(ResultFile), summary);
        job.Stage.Complete([ResultFile]);
        return summary;
    }

    private static Job CreateJob(TrainOptions options, StudentSet set, OpenedSet images, int repeat, Dictionary<string, string> shared)
    {
        // Arms share the seeds of their students, so that differences between arms can be paired.
        StudentOptions student = options.Student with { Seed = options.Student.Seed + (ulong)repeat, Threads = 1 };
        ProtocolRecipe recipe = ProtocolRecipe.For(student, images.ImagesPerClass, images.Side, images.ClassNames.Count);
        float[] weights = images.Weights(set.Arm.Weights);
        float[]? softLabels = recipe.NeedsStoredLabels ? images.ReadSoftLabels() : null;
        var settings = new Dictionary<string, string>(
            [.. shared, .. OptionsRecords.Student.Describe(recipe.Fill(student), PipelineStages.Train)])
        {
            ["images"] = images.ComputeIdentity(),
            ["weights"] = WordOf(set.Arm.Weights),
            ["weight_values"] = ContentHash.OfBytes(MemoryMarshal.AsBytes(weights.AsSpan())),
        };
        if (softLabels is not null)
            settings["soft_labels"] = ContentHash.OfBytes(MemoryMarshal.AsBytes(softLabels.AsSpan()));
        string protocol = recipe.Describe(images.ImagesPerClass, images.Side, images.ClassNames.Count);
        return new Job(set.Arm, images, weights, softLabels, student, recipe, protocol, set.OutputOf(repeat), settings);
    }

    private static string WordOf(WeightRule? rule) => rule is { } given ? SynthesizeSettings.Weights.Show(given) : "stored";

    private sealed record Job(
        Arm Arm,
        OpenedSet Set,
        float[] Weights,
        float[]? SoftLabels,
        StudentOptions Options,
        ProtocolRecipe Recipe,
        string Protocol,
        string Output,
        Dictionary<string, string> Settings)
    {
        public StageFolder? Stage { get; private set; }

        public void Open(bool force) => Stage = StageFolder.Open(Output, Name, Settings, force);
    }
}

/// <summary>An arm with its images and the place of its runs.</summary>
/// <param name="Arm">Name and weight rule.</param>
/// <param name="FolderOf">Folder of the distilled set that the student with a given 0-based repeat is trained on; repeats may share one.</param>
/// <param name="OutputOf">Folder of the student with a given 0-based repeat.</param>
public sealed record StudentSet(Arm Arm, Func<int, string> FolderOf, Func<int, string> OutputOf);
