using System.Diagnostics;
using System.Globalization;
using Ddoq.Distilled;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Sessions;
using Ddoq.Onnx.Teachers;
using Ddoq.Pipeline.Configuration;
using Ddoq.Storage;

namespace Ddoq.Pipeline.Stages;

/// <summary>What <see cref="LabelStage"/> is asked to do.</summary>
public sealed record LabelOptions
{
    /// <summary>Model folder whose teacher labels, unless <see cref="Teacher"/> names another; null takes the shipped one.</summary>
    public string? Model { get; init; }

    /// <summary>Teacher folder.</summary>
    public string? Teacher { get; init; }

    /// <summary>Whether a teacher that does not recognise the images' classes stops the run, or is only warned of.</summary>
    public bool StopsAtClassCheck { get; init; } = true;

    /// <summary>Execution provider.</summary>
    public ExecutionProvider Provider { get; init; }

    /// <summary>Reads the options from a configuration.</summary>
    public static LabelOptions From(PipelineConfiguration configuration) => OptionsRecords.Label.Read(configuration);

    /// <summary>The teacher's folder; null when none is named and the model has none.</summary>
    /// <exception cref="DdoqException">The model is not usable.</exception>
    internal string? FindTeacher() => Teacher ?? OpenModel().TeacherFolder;

    /// <summary>The teacher's folder.</summary>
    /// <exception cref="DdoqException">Neither the options nor the model name one.</exception>
    internal string RequireTeacher() => FindTeacher() ?? throw new DdoqException($"the model {OpenModel().Path} has no folder 'teacher'", "Give --teacher.");

    private ModelFolder OpenModel() => ModelFolder.Open(Model ?? ShippedResources.ReferenceModel, ModelUse.None);
}

/// <summary>What the teacher says of a distilled set.</summary>
/// <param name="Images">Images labelled.</param>
/// <param name="Top1">Share of the images that the teacher gives their class.</param>
/// <param name="Chance">Share that guessing would reach.</param>
public sealed record LabelResult(int Images, double Top1, double Chance);

/// <summary>Labels a distilled set with a teacher: <c>soft_labels.safetensors</c>, after checking that the class orders agree.</summary>
/// <remarks>Sets of more than 4,096 images, and shares, are labelled in parts of so many, which are the units of resuming; memory is bounded by one.</remarks>
public static class LabelStage
{
    internal const string Name = "label";

    /// <summary>Folder of the parts, until they are joined.</summary>
    internal const string PartsFolder = "parts";

    private const string ResultFile = "class-check.json";
    private const int RowsPerPart = 4096;

    /// <summary>Runs the stage on a distilled set, or finds it complete there; a teacher that does not fit is refused before a label is written.</summary>
    /// <param name="options">Teacher and provider.</param>
    /// <param name="set">Folder of the distilled set; <c>soft_labels.safetensors</c> is written into it.</param>
    /// <param name="context">Progress, workers, cancellation.</param>
    /// <returns>What the teacher says; null when other shares are not done yet.</returns>
    /// <exception cref="DdoqException">
    /// The teacher does not fit the classes, or recognises hardly any image: its class order probably differs.
    /// </exception>
    public static LabelResult? Run(LabelOptions options, string set, StageContext context) => Run(options, set, context, RowsPerPart);

    /// <summary>The same with parts of another size.</summary>
    internal static LabelResult? Run(LabelOptions options, string set, StageContext context, int rowsPerPart)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        string folder = TeacherFor(options, set);
        var settings = new Dictionary<string, string>
        {
            ["set"] = StageIdentity.OfImages(set),
            ["teacher"] = ContentHash.OfFolder(folder),
            ["provider"] = RunSettings.Provider.Show(options.Provider),
        };
        DistilledSet list = DistilledSet.Load(set);
        string output = Path.Combine(set, "labels"), resultPath = Path.Combine(output, ResultFile);
        if (context.Finds(output, Name, settings))
        {
            RemoveParts(output);
            return ResultFiles.Read<LabelResult>(resultPath);
        }

        long started = Stopwatch.GetTimestamp();
        ProviderChoice.Announce(options.Provider, context.Progress);
        using var images = SetImages.Open(set, list);
        using var teacher = AlignedTeacher.Open(folder, options.Provider, list.ClassNames, images.Side, context);
        var plan = new LabelPlan(list.Images.Count, list.ClassNames.Count, rowsPerPart, options.StopsAtClassCheck);
        if (plan.Parts == 1 && !context.Share.IsPartial)
        {
            // Kept in memory, and the folder is opened behind the judgement: a teacher that is refused leaves nothing.
            float[] only = [];
            MakeParts(images, teacher, plan, [0], [0], (_, logits) => only = logits, context);
            return Finish(set, list, plan, _ => only, () =>
            {
                StageFolder whole = StageFolder.Open(output, Name, settings, context.Forces(Name), isFixedPlace: true);
                whole.AddTime(Stopwatch.GetElapsedTime(started));
                return whole;
            }, context);
        }

        using StageFolder stage = context.Open(output, Name, settings, isFixedPlace: true);
        stage.AddTime(Stopwatch.GetElapsedTime(started));
        bool isWhole = ShareWork.Run(output, context, plan, own => WriteParts(images, teacher, plan, stage, own));
        try
        {
            if (isWhole)
                return Join(stage, plan, context);
        }
        catch (Exception e) when (e is DdoqException or IOException && StageFolder.IsCompleteIn(output, Name, settings))
        {
            // The same share in another process joined first, and took the parts away.
        }

        if (StageFolder.IsCompleteIn(output, Name, settings))
        {
            RemoveParts(output);
            return ResultFiles.Read<LabelResult>(resultPath);
        }

        ShareWork.TellDone(Name, context, output);
        return null;
    }

    /// <summary>Parts of a set.</summary>
    internal static int PartsOf(int images) => ((images - 1) / RowsPerPart) + 1;

    /// <summary>What the teacher said of a set.</summary>
    /// <param name="labels">The folder <c>labels</c> of the set.</param>
    /// <exception cref="DdoqException">It is not labelled.</exception>
    public static LabelResult ReadResult(string labels) => ResultFiles.Read<LabelResult>(Path.Combine(labels, ResultFile));

    /// <summary>Joins the parts of all shares to the soft labels of the set, after judging them.</summary>
    /// <param name="stage">The folder <c>labels</c> of the set.</param>
    /// <param name="plan">What the shares were asked for.</param>
    /// <param name="context">Told what the teacher sees.</param>
    /// <exception cref="DdoqException">A part is missing, or the teacher does not fit.</exception>
    internal static LabelResult Join(StageFolder stage, LabelPlan plan, StageContext context)
    {
        string set = Path.GetDirectoryName(Path.GetFullPath(stage.Path))!;
        DistilledSet list = DistilledSet.Load(set, requireImages: false);
        if (list.Images.Count != plan.Images)
            throw new DdoqException($"'{set}' has {list.Images.Count} images, the shares labelled {plan.Images}", "Give the folder 'labels' of the set that was labelled.");
        int[] missing = [.. Enumerable.Range(0, plan.Parts).Where(part => !IsWhole(stage, plan, part))];
        if (missing.Length > 0)
            throw MissingUnits.Of("part", missing.Select(part => $"images {plan.First(part)} to {plan.First(part) + plan.Rows(part) - 1}"), missing.Length, plan.Parts, stage.Path, Name);
        LabelResult result = Finish(set, list, plan, part => ReadPart(stage, plan, part, list), () => stage, context);
        RemoveParts(stage.Path);
        return result;
    }

    /// <summary>Removes all that only shares of labels need, when they are joined.</summary>
    internal static void RemoveParts(string labels)
    {
        ShareFolder.Remove(Path.Combine(labels, PartsFolder));
        new ShareFolder(labels).Remove();
    }

    /// <summary>The teacher's folder, when it can be asked for the images of a set.</summary>
    /// <exception cref="DdoqException">There is none, or it is the shipped one and the set has other classes.</exception>
    /// <exception cref="DeviceUnavailableException">The provider is not usable.</exception>
    internal static string TeacherFor(LabelOptions options, string set)
    {
        ProviderChoice.Require(options.Provider);
        if (options.Teacher is null)
            ShippedModel.RequireKnows(options.Model, DistilledSet.Load(set).ClassNames, set);
        return options.RequireTeacher();
    }

    private static void WriteParts(SetImages images, AlignedTeacher teacher, LabelPlan plan, StageFolder stage, StageContext context)
    {
        (int firstPart, int endPart) = context.Share.Range(plan.Parts);
        int[] own = [.. Enumerable.Range(firstPart, endPart - firstPart)], open = [.. own.Where(part => !IsWhole(stage, plan, part))];
        MakeParts(images, teacher, plan, own, open, (part, logits) =>
        {
            Directory.CreateDirectory(stage.PathOf(PartsFolder));
            using var writer = SoftLabelWriter.Create(PathOf(stage, part), plan.Rows(part), plan.Classes);
            writer.Append(logits, images.LabelsOf(plan.First(part), plan.Rows(part)));
            writer.Complete();
            stage.SaveTiming();
        }, context);
    }

    /// <summary>Asks the teacher for the parts that are missing of a share's own.</summary>
    private static void MakeParts(SetImages images, AlignedTeacher teacher, LabelPlan plan, int[] own, int[] open, Action<int, float[]> keep, StageContext context)
    {
        context.Progress.Begin(Name, own.Sum(plan.Rows), "images", own.Except(open).Sum(plan.Rows));
        try
        {
            foreach (int part in open)
            {
                context.ThrowIfStopped();
                int first = plan.First(part), rows = plan.Rows(part);
                keep(part, teacher.LogitsOf(images.Read(first, rows, context), rows, row => images.PathOf(first + row), context));
            }
        }
        finally
        {
            context.Progress.End();
        }
    }

    /// <summary>Judges the teacher by the logits of all parts, and writes them to the set.</summary>
    private static LabelResult Finish(string set, DistilledSet list, LabelPlan plan, Func<int, float[]> logitsOf, Func<StageFolder> open, StageContext context)
    {
        Dictionary<(int Label, int Predicted), int> seen = [];

        // The labels lie beside the stage's folder, which alone is cleaned when it is opened.
        AtomicFile.CleanPartials(set);
        using var writer = SoftLabelWriter.Create(Path.Combine(set, SoftLabels.FileName), plan.Images, plan.Classes);
        for (int part = 0; part < plan.Parts; part++)
        {
            float[] logits = logitsOf(part);
            int[] labels = [.. list.Images.Skip(plan.First(part)).Take(plan.Rows(part)).Select(image => image.Label)];
            ClassOrderCheck.Count(logits, labels, plan.Classes, seen);
            writer.Append(logits, labels);
        }

        ClassOrderCheck check = ClassOrderCheck.Of(seen, list.ClassNames, list.ClassNames);
        context.Progress.Message(check.Diagnosis);
        if (plan.StopsAtClassCheck)
            check.ThrowIfWrong();
        var result = new LabelResult(list.Images.Count, check.Top1, check.Chance);
        StageFolder stage = open();
        writer.Complete();
        ResultFiles.Write(stage.PathOf(ResultFile), result);
        stage.Complete([ResultFile, "../" + SoftLabels.FileName]);
        return result;
    }

    private static float[] ReadPart(StageFolder stage, LabelPlan plan, int part, DistilledSet list)
    {
        using SoftLabels labels = SoftLabels.Load(PathOf(stage, part));
        var logits = new float[labels.Count * plan.Classes];
        for (int row = 0; row < labels.Count; row++)
        {
            int label = list.Images[plan.First(part) + row].Label;
            if (labels.Labels[row] != label)
                throw new DdoqException($"'{PathOf(stage, part)}': row {row} has label {labels.Labels[row]}, the set has {label}", "Delete the folder 'labels' and label again.");
            labels.Logits(row).CopyTo(logits.AsSpan(row * plan.Classes));
        }

        return logits;
    }

    private static bool IsWhole(StageFolder stage, LabelPlan plan, int part)
    {
        if (!File.Exists(PathOf(stage, part)))
            return false;
        try
        {
            using SoftLabels labels = SoftLabels.Load(PathOf(stage, part));
            return labels.Count == plan.Rows(part) && labels.ClassCount == plan.Classes;
        }
        catch (DdoqException)
        {
            return false;
        }
    }

    private static string PathOf(StageFolder stage, int part) => stage.PathOf(PartsFolder, string.Create(CultureInfo.InvariantCulture, $"{part:D5}.safetensors"));
}

/// <summary>What the shares of a labelling were asked for.</summary>
/// <param name="Images">Images of the set.</param>
/// <param name="Classes">Classes of the teacher.</param>
/// <param name="RowsPerPart">Images of a part; the last one may have fewer.</param>
/// <param name="StopsAtClassCheck">Whether a teacher that does not recognise the classes is refused.</param>
internal sealed record LabelPlan(int Images, int Classes, int RowsPerPart, bool StopsAtClassCheck)
{
    public int Parts => (int)((Images + (long)RowsPerPart - 1) / RowsPerPart);

    public int First(int part) => part * RowsPerPart;

    public int Rows(int part) => Math.Min(RowsPerPart, Images - First(part));
}
