using System.Diagnostics;
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
public static class LabelStage
{
    internal const string Name = "label";
    private const string ResultFile = "class-check.json";

    /// <summary>Runs the stage on a distilled set, or finds it complete there; a teacher that does not fit is refused before anything is written.</summary>
    /// <param name="options">Teacher and provider.</param>
    /// <param name="set">Folder of the distilled set; <c>soft_labels.safetensors</c> is written into it.</param>
    /// <param name="context">Progress, workers, cancellation.</param>
    /// <exception cref="DdoqException">
    /// The teacher does not fit the classes, or recognises hardly any image: its class order probably differs.
    /// </exception>
    public static LabelResult Run(LabelOptions options, string set, StageContext context)
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
        string output = Path.Combine(set, "labels"), resultPath = Path.Combine(output, ResultFile);
        if (context.Finds(output, Name, settings))
            return ResultFiles.Read<LabelResult>(resultPath);

        long started = Stopwatch.GetTimestamp();
        ProviderChoice.Announce(options.Provider, context.Progress);
        OpenedSet images = OpenedSet.Load(set, context);
        using var teacher = AlignedTeacher.Open(folder, options.Provider, images.ClassNames, images.Side, context);
        context.Progress.Begin(Name, images.Count, "images");
        float[] logits;
        try
        {
            logits = teacher.LogitsOf(images.Pixels, images.Count, row => $"{Path.Combine(set, DistilledSet.TrainFolder, images.List.Images[row].FileName)}", context);
        }
        finally
        {
            context.Progress.End();
        }

        ClassOrderCheck check = ClassOrderCheck.Evaluate(logits, images.Labels, images.ClassNames, images.ClassNames);
        context.Progress.Message(check.Diagnosis);
        if (options.StopsAtClassCheck)
            check.ThrowIfWrong();
        using StageFolder stage = StageFolder.Open(output, Name, settings, context.Forces(Name), isFixedPlace: true);
        stage.AddTime(Stopwatch.GetElapsedTime(started));
        using (var writer = SoftLabelWriter.Create(Path.Combine(set, SoftLabels.FileName), images.Count, images.ClassNames.Count))
        {
            writer.Append(logits, images.Labels);
            writer.Complete();
        }

        var result = new LabelResult(images.Count, check.Top1, check.Chance);
        ResultFiles.Write(resultPath, result);
        stage.Complete([ResultFile, "../" + SoftLabels.FileName]);
        return result;
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
}
