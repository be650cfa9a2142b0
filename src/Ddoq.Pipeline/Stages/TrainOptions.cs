using Ddoq.Imaging;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Sessions;
using Ddoq.Pipeline.Configuration;
using Ddoq.Quantization;
using Ddoq.Training;
using Ddoq.Training.Protocols;

namespace Ddoq.Pipeline.Stages;

/// <summary>What <see cref="TrainStage"/> is asked to do.</summary>
/// <param name="DataDir">Source images; their test split measures the students.</param>
/// <param name="Model">Model folder: gives the image size and, unless <paramref name="Teacher"/> names another, the teacher.</param>
/// <param name="Teacher">Teacher folder; null takes the model's.</param>
/// <param name="Fit">Fit of the test images; null takes the model's.</param>
/// <param name="Weights">Weight rule when one set is trained on; arms bring their own.</param>
/// <param name="Repeats">Students per arm.</param>
/// <param name="Seed">The run's seed; the students' seeds follow from it.</param>
/// <param name="Provider">Execution provider of the teacher.</param>
/// <param name="Customise">Turns a protocol's numbers into the ones to use.</param>
/// <param name="Protocol">Protocol.</param>
public sealed record TrainOptions(
    string DataDir,
    string Model,
    string? Teacher,
    FitMode? Fit,
    WeightRule Weights,
    int Repeats,
    ulong Seed,
    ExecutionProvider Provider,
    StudentProtocol Protocol,
    Func<StudentOptions, StudentOptions> Customise)
{
    /// <summary>The classes to take of the source images; null takes all.</summary>
    public ClassSubset? Classes { get; init; }

    /// <summary>Damaged test images skipped before the stage fails.</summary>
    public int MaxDamaged { get; init; }

    /// <summary>Reads the options from a configuration.</summary>
    public static TrainOptions From(PipelineConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return new TrainOptions(
            SettingsMapping.DataDir(configuration),
            SettingsMapping.Model(configuration),
            configuration.TryGet(Settings.Teacher, out string? teacher) ? teacher : null,
            SettingsMapping.Fit(configuration.Get(Settings.Fit)),
            SettingsMapping.Weights(configuration.Get(Settings.Weights)),
            configuration.Get(Settings.Repeats),
            SettingsMapping.Seed(configuration),
            SettingsMapping.Provider(configuration.Get(Settings.Provider)),
            StudentProtocolNames.Parse(configuration.Get(Settings.Protocol)),
            options => Apply(configuration, options))
        {
            Classes = SettingsMapping.Classes(configuration),
            MaxDamaged = configuration.Get(Settings.MaxDamaged),
        };
    }

    /// <summary>The teacher's folder.</summary>
    /// <exception cref="DdoqException">Neither the options nor the model name one.</exception>
    internal string TeacherFolder(ModelFolder model) => Teacher ?? model.TeacherFolder
        ?? throw new DdoqException($"the model {model.Path} has no folder 'teacher'", "Give --teacher.");

    private static StudentOptions Apply(PipelineConfiguration configuration, StudentOptions options)
    {
        options = options with
        {
            NetworkWidth = configuration.Get(Settings.NetworkWidth),
            Updates = configuration.Get(Settings.Updates),
            WeightNormalisation = SettingsMapping.WeightNormalisation(configuration.Get(Settings.WeightNormalisation)),
            CutMixWeight = SettingsMapping.CutMixWeight(configuration.Get(Settings.CutMixWeight)),
        };
        if (configuration.TryGet(Settings.Network, out string? network))
            options = options with { Network = SettingsMapping.Network(network) };
        if (configuration.TryGet(Settings.Epochs, out int epochs))
            options = options with { Epochs = epochs, Updates = 0 };
        if (configuration.Get(Settings.TrainBatchSize) is > 0 and int batchSize)
            options = options with { BatchSize = batchSize };
        if (configuration.TryGet(Settings.LearningRate, out double rate))
            options = options with { LearningRate = rate };
        if (configuration.TryGet(Settings.Temperature, out double temperature))
            options = options with { Temperature = temperature };
        return options;
    }
}
