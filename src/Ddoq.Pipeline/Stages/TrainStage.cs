using System.Globalization;
using System.Runtime.InteropServices;
using Ddoq.Distilled;
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

/// <summary>What <see cref="TrainStage"/> is asked to do.</summary>
public sealed record TrainOptions
{
    /// <summary>Source images; their test split measures the students.</summary>
    public ImageOptions Images { get; init; } = new();

    /// <summary>Model folder: gives the image size and, unless <see cref="Teacher"/> names another, the teacher; null takes the shipped one.</summary>
    public string? Model { get; init; }

    /// <summary>Teacher folder; null takes the model's. Only protocols whose batches the teacher labels open it.</summary>
    public string? Teacher { get; init; }

    /// <summary>Whether a teacher that does not recognise the test images' classes stops the run, or is only warned of.</summary>
    public bool StopsAtClassCheck { get; init; } = true;

    /// <summary>Rule that replaces the weights a set stores; null trains with the stored ones.</summary>
    public WeightRule? Weights { get; init; }

    /// <summary>Students per arm.</summary>
    public int Repeats { get; init; } = 3;

    /// <summary>Execution provider of the teacher.</summary>
    public ExecutionProvider Provider { get; init; }

    /// <summary>Protocol and what differs from it; its seed is that of the first student, the next have the next.</summary>
    public StudentOptions Student { get; init; } = new();

    /// <summary>Whether the protocol trains on the teacher's stored logits.</summary>
    internal bool NeedsStoredLabels => RecipeFor(1, 1, 1).NeedsStoredLabels;

    /// <summary>Reads the options from a configuration.</summary>
    public static TrainOptions From(PipelineConfiguration configuration) => OptionsRecords.Train.Read(configuration) with
    {
        Images = OptionsRecords.Images.Read(configuration),
        Student = OptionsRecords.Student.Read(configuration),
    };

    /// <summary>Everything a run on such images uses.</summary>
    /// <param name="imagesPerClass">Images per class (IPC).</param>
    /// <param name="imageSize">Side of the images in pixels.</param>
    /// <param name="classCount">C.</param>
    public ProtocolRecipe RecipeFor(int imagesPerClass, int imageSize, int classCount) => ProtocolRecipe.For(Student, imagesPerClass, imageSize, classCount);

    /// <summary>The model that says how test images are fitted: the one that is named, or the shipped one for sets of its classes.</summary>
    /// <param name="sets">The sets to train on.</param>
    /// <returns>Null where there is none: the sets' own size serves then.</returns>
    /// <exception cref="DdoqException">It is not usable.</exception>
    internal ModelFolder? FindModel(IReadOnlyList<StudentSet> sets) =>
        Model is null && sets.All(set => !set.Arm.IsReference) && !ShippedModel.Knows(DistilledSet.Load(sets[0].FolderOf(0)).ClassNames)
            ? null
            : ModelFolder.Open(Model ?? ShippedResources.ReferenceModel, ModelUse.None);

    /// <summary>The teacher's folder.</summary>
    /// <exception cref="DdoqException">Neither the options nor the model name one.</exception>
    internal string RequireTeacher(ModelFolder? model) => Teacher ?? model?.TeacherFolder ?? throw new DdoqException(
        $"protocol {Student.Protocol.ToName()} labels every batch with a teacher, and {(model is null ? "there is no model of these classes" : $"the model {model.Path} has no folder 'teacher'")}",
        $"Give --teacher, or take hard labels, which need none: --protocol {StudentProtocol.SmallImage.ToName()}. --dry-run says how long it takes, and --updates 300 --train-batch-size 10 shorten it.");
}

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
    /// <returns>One result per seed; null when other shares are not done yet.</returns>
    public static IReadOnlyList<StudentResult>? RunOne(TrainOptions options, string set, string output, StageContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        if (options.Weights is { } rule)
            context.Progress.Message($"train: the weights that the set stores are replaced: {SynthesizeSettings.Weights.Show(rule)} of its cluster sizes");
        IReadOnlyList<StudentResult> results = [];
        var plan = new TrainPlan(options.Repeats);
        bool isWhole = ShareWork.Run(output, context, plan, own =>
        {
            (int first, int end) = own.Share.Range(options.Repeats);
            if (first < end)
                results = Run(options, [new StudentSet(Arm.OfOneSet(set, options.Weights), _ => set, repeat => FolderOf(output, repeat))], own);
        });
        if (!isWhole)
        {
            ShareWork.TellDone(Name, context);
            return null;
        }

        if (context.Share.IsPartial)
            Join([output], output, plan, context);
        else
            new ShareFolder(output).Remove();
        return context.Share.IsPartial ? ReadResults(output) : results;
    }

    /// <summary>Puts the students of all shares into one folder, and looks that none is missing.</summary>
    /// <exception cref="DdoqException">A student is missing, of another run, or different in two folders.</exception>
    internal static void Join(IReadOnlyList<string> parts, string output, TrainPlan plan, StageContext context)
    {
        StageRecord? first = null;
        foreach (string part in parts)
        {
            for (int repeat = 0; repeat < plan.Repeats; repeat++)
            {
                string student = FolderOf(part, repeat);
                if (!File.Exists(Path.Combine(student, StageFolder.RecordFileName)) || StageFolder.Read(student) is not { Completed: true } record)
                    continue;
                first ??= record;
                string[] other = [.. first.Settings.Keys.Union(record.Settings.Keys)
                    .Where(key => key != DataSettings.Seed.RecordKey && first.Settings.GetValueOrDefault(key) != record.Settings.GetValueOrDefault(key))];
                if (other.Length > 0)
                    throw new DdoqException($"'{student}' belongs to another run: {string.Join("; ", other.Select(key => $"{key} is {record.Settings.GetValueOrDefault(key, "(not set)")} instead of {first.Settings.GetValueOrDefault(key, "(not set)")}"))}", "Give the shares of one run: same set, same settings.");
                MergeStage.Gather(part, output, Directory.EnumerateFiles(student, "*", SearchOption.AllDirectories).Where(file => Path.GetFileName(file) != StageFolder.TimingFileName), _ => true);
            }
        }

        int[] missing = [.. Enumerable.Range(0, plan.Repeats).Where(repeat => !IsComplete(FolderOf(output, repeat)))];
        if (missing.Length > 0)
            throw MissingUnits.Of("student", missing.Select(repeat => Path.GetFileName(FolderOf(output, repeat))), missing.Length, plan.Repeats, output, Name);
        MergeStage.CopySettings(parts[0], output);
        new ShareFolder(output).Remove();
        context.Progress.Message($"train: all {plan.Repeats} students complete");

        static bool IsComplete(string folder) =>
            File.Exists(Path.Combine(folder, StageFolder.RecordFileName)) && StageFolder.Read(folder) is { } record && StageFolder.IsCompleteIn(folder, Name, record.Settings);
    }

    /// <summary>What some folders of students are parts of; null when they hold none.</summary>
    internal static TrainPlan? FindPlan(IReadOnlyList<string> parts)
    {
        if (parts.Select(part => new ShareFolder(part).ReadPlan<TrainPlan>()).FirstOrDefault(plan => plan is not null) is { } plan)
            return plan;
        int students = 0;
        while (parts.Any(part => Directory.Exists(FolderOf(part, students))))
            students++;
        return students > 0 ? new TrainPlan(students) : null;
    }

    /// <summary>The results of all students in a folder.</summary>
    /// <param name="output">Folder of the runs.</param>
    public static IReadOnlyList<StudentResult> ReadResults(string output) =>
    [
        .. Directory.EnumerateDirectories(output, "seed-*")
            .OrderBy(folder => int.Parse(Path.GetFileName(folder)["seed-".Length..], CultureInfo.InvariantCulture))
            .Select(folder => ResultFiles.Read<StudentResult>(Path.Combine(folder, ResultFile))),
    ];

    private static string FolderOf(string output, int repeat) => Path.Combine(output, string.Create(CultureInfo.InvariantCulture, $"seed-{repeat}"));

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
        (int firstRepeat, int endRepeat) = context.Share.Range(options.Repeats);
        int[] repeats = [.. Enumerable.Range(firstRepeat, endRepeat - firstRepeat)];
        ModelFolder? model = options.FindModel(sets);
        var loaded = new Dictionary<string, OpenedSet>(StringComparer.Ordinal);
        ProviderChoice.Require(options.Provider);
        foreach (string folder in Folders(sets.Where(set => !set.Arm.IsReference), repeats))
            loaded.Add(folder, OpenedSet.Load(folder, context));

        // A set that was made without the model has a size of its own, which the test images follow.
        ImageFit fit = loaded.Values.FirstOrDefault() is { } own && own.Side != model?.ImageSize ? options.Images.FitFor(own.Side) : options.Images.FitFor(model!);
        foreach (string folder in Folders(sets.Where(set => set.Arm.IsReference), repeats))
            loaded.Add(folder, OpenedSet.OfTraining(options.Images, fit, context));

        if (loaded.FirstOrDefault(set => set.Value.Side != fit.Height) is { Key: { } other } odd)
        {
            throw new DdoqException(
                $"the images of '{other}' are {odd.Value.Side} pixels wide, those of '{loaded.Keys.First()}' {fit.Height}",
                "Compare sets of one size.");
        }

        IReadOnlyList<string> classNames = loaded[sets[0].FolderOf(firstRepeat)].ClassNames;
        using IImageDataset testData = options.Images.OpenTest(classNames, context.Cancellation);
        var shared = new Dictionary<string, string> { ["test"] = testData.Fingerprint, ["fit"] = fit.ToString() };
        string? teacher = null;
        if (options.RecipeFor(1, fit.Height, classNames.Count).NeedsTeacher)
        {
            teacher = options.RequireTeacher(model);
            shared["teacher"] = ContentHash.OfFolder(teacher);
        }

        List<Job> jobs = [.. sets.SelectMany(set => repeats.Select(repeat => CreateJob(options, set, loaded[set.FolderOf(repeat)], repeat, shared)))];
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

    private static IEnumerable<string> Folders(IEnumerable<StudentSet> sets, int[] repeats) =>
        sets.SelectMany(set => repeats.Select(set.FolderOf)).Distinct(StringComparer.Ordinal);

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

        // A student that is stopped saves where it is.
        using var either = CancellationTokenSource.CreateLinkedTokenSource(context.Cancellation, context.Stopping);
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
                    either.Token);
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

/// <summary>What the shares of a training were asked for.</summary>
/// <param name="Repeats">Students.</param>
internal sealed record TrainPlan(int Repeats);
