using Ddoq.Distilled;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Sessions;
using Ddoq.Pipeline.Configuration;
using Ddoq.Quantization;
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
