using Ddoq.Distilled;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Sessions;
using Ddoq.Onnx.Teachers;
using Ddoq.Pipeline.Configuration;
using Ddoq.Storage;

namespace Ddoq.Pipeline.Stages;

/// <summary>What <see cref="LabelStage"/> is asked to do.</summary>
/// <param name="Teacher">Teacher folder.</param>
/// <param name="Provider">Execution provider.</param>
public sealed record LabelOptions(string Teacher, ExecutionProvider Provider)
{
    /// <summary>Reads the options from a configuration.</summary>
    /// <exception cref="DdoqException">No teacher is given and the model has none.</exception>
    public static LabelOptions From(PipelineConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        string folder = TrainOptions.From(configuration).TeacherFolder(ModelFolder.Open(SettingsMapping.Model(configuration)));
        return new LabelOptions(folder, SettingsMapping.Provider(configuration.Get(Settings.Provider)));
    }
}

/// <summary>What the teacher says of a distilled set.</summary>
/// <param name="Images">Images labelled.</param>
/// <param name="Top1">Share of the images that the teacher gives their class.</param>
/// <param name="Chance">Share that guessing would reach.</param>
public sealed record LabelResult(int Images, double Top1, double Chance);

/// <summary>Labels a distilled set with a teacher: <c>soft_labels.safetensors</c>, after checking that the class orders agree.</summary>
public static class LabelStage
{
    private const string ResultFile = "class-check.json";

    /// <summary>Runs the stage on a distilled set, or finds it complete there.</summary>
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
        ProviderChoice.Require(options.Provider);
        var settings = new Dictionary<string, string>
        {
            ["set"] = StageIdentity.Of(set),
            ["teacher"] = ContentHash.OfFolder(options.Teacher),
            ["provider"] = options.Provider.ToString(),
        };
        using StageFolder stage = StageFolder.Open(Path.Combine(set, "labels"), "label", settings, context.Force);
        string resultPath = stage.PathOf(ResultFile);
        if (stage.IsComplete)
            return ResultFiles.Read<LabelResult>(resultPath);

        ProviderChoice.Announce(options.Provider, context.Progress);
        DistilledImages images = DistilledImages.Load(set, context);
        using var teacher = AlignedTeacher.Open(options, images.ClassNames, context);
        context.Progress.Begin("label", images.Count, "images");
        float[] logits;
        try
        {
            logits = teacher.LogitsOf(images, context);
        }
        finally
        {
            context.Progress.End();
        }

        ClassOrderCheck check = ClassOrderCheck.Evaluate(logits, images.Labels, images.ClassNames, images.ClassNames);
        context.Progress.Message(check.Diagnosis);
        check.ThrowIfNearChance();
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
}
