using Ddoq.Imaging;
using Ddoq.Onnx.Autoencoders;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Sessions;
using Ddoq.Onnx.Synthesis;
using Ddoq.Pipeline.Configuration;
using Ddoq.Pipeline.Stages;
using Ddoq.Training;
using Ddoq.Training.Protocols;

namespace Ddoq.Pipeline;

/// <summary>The trainings of the comparison when nobody says otherwise: shortened, so that a run on the sample takes minutes; results, tables and report say so.</summary>
/// <remarks>
/// Hard labels decide the comparison: under them the choice of the images shows. A teacher that labels every batch levels
/// most of it, so soft labels have a table of their own.
/// </remarks>
internal static class ComparisonProtocols
{
    // Images of one update of the student of the full data.
    private const int FullBatchSize = 64;

    private static readonly Setting[] s_numbers = [TrainSettings.Updates, TrainSettings.Epochs, TrainSettings.BatchSize];

    /// <summary>The protocol of the first table: <c>small-image</c> of 300 updates of 10 images at IPC 10, rising to 600 of 50 at IPC 50.</summary>
    public static PipelineConfiguration Main(PipelineConfiguration configuration)
    {
        if (configuration.IsGiven(TrainSettings.Protocol))
            return configuration;
        int ipc = Math.Clamp(configuration.Get(QuantizeSettings.Ipc), 10, 50);
        return Shorten(configuration, StudentProtocol.SmallImage, updates: 300 + (300 * (ipc - 10) / 40), batch: ipc);
    }

    /// <summary>The protocol of the table of soft labels: <c>rded</c> of 600 updates of 10 images.</summary>
    public static PipelineConfiguration Soft(PipelineConfiguration configuration) => Shorten(configuration, StudentProtocol.Rded, updates: 600, batch: 10);

    /// <summary>The training of the full data's student: the first table's, with updates of its own.</summary>
    public static StudentOptions Full(StudentOptions student, int updates) => student with { Epochs = null, Updates = updates, BatchSize = FullBatchSize };

    // Numbers that the user gives stay.
    private static PipelineConfiguration Shorten(PipelineConfiguration configuration, StudentProtocol protocol, int updates, int batch)
    {
        PipelineConfiguration named = configuration.With(TrainSettings.Protocol, protocol.ToName());
        return s_numbers.Any(configuration.IsGiven) ? named : named.With(TrainSettings.Updates, $"{updates}").With(TrainSettings.BatchSize, $"{batch}");
    }
}

/// <summary>What every stage of a whole run would refuse, refused before the first of them begins: hours may lie between them.</summary>
internal static class DistillChecks
{
    /// <summary>Looks at data, model, teacher, protocols and disk; networks are loaded, nothing is written.</summary>
    /// <param name="configuration">Settings.</param>
    /// <param name="protocols">The protocols that students are trained by.</param>
    /// <param name="setCount">Distilled sets that are made.</param>
    /// <param name="needsTeacher">Whether a set is made with the teacher's help.</param>
    /// <param name="layout">Where the results go.</param>
    /// <param name="context">Workers, cancellation.</param>
    /// <exception cref="DdoqException">Something is missing or does not fit the rest; the message says what and where.</exception>
    public static void Run(PipelineConfiguration configuration, IEnumerable<TrainOptions> protocols, int setCount, bool needsTeacher, OutputLayout layout, StageContext context)
    {
        EncodeOptions encode = EncodeOptions.From(configuration);
        SynthesizeOptions synthesize = SynthesizeOptions.From(configuration);
        QuantizerFactory.Require(QuantizeOptions.From(configuration).Device);
        ProviderChoice.Require(encode.Provider);
        using IImageDataset data = encode.Images.OpenTraining(context.Cancellation);
        ShippedModel.RequireFits(encode.Model, data);
        ModelFolder encoder = encode.OpenModel(), generator = synthesize.OpenModel();
        ClassConditions conditions = ClassConditions.Resolve(synthesize, data.ClassNames, generator);
        using (encode.Images.OpenTest(data.ClassNames, context.Cancellation))
        {
        }

        CheckTeachers(configuration, [.. protocols], needsTeacher, data, encoder, context with { Progress = NullProgress.Instance });
        if (File.Exists(Path.Combine(layout.Latents, Ddoq.Storage.StageFolder.RecordFileName)) && !context.Forces(EncodeStage.Name))
            return;
        int ipc = QuantizeOptions.From(configuration).Quantizer.CentroidCount;
        long latents = (long)data.Count * encoder.LatentShape.Length * sizeof(ushort);
        long images = (long)setCount * ipc * data.ClassNames.Count * 3 * generator.ImageSize * generator.ImageSize;
        DiskSpace.Require(layout.Root, latents + images, $"the run ({data.Count} latents of {encoder.LatentShape}, {setCount} sets of {ipc} images for each of {data.ClassNames.Count} classes)");
        RunNetworks(encode, synthesize, encoder, generator, conditions, context with { Progress = NullProgress.Instance });
    }

    private static void CheckTeachers(PipelineConfiguration configuration, TrainOptions[] protocols, bool needsTeacher, IImageDataset data, ModelFolder model, StageContext context)
    {
        var teachers = new HashSet<string>(StringComparer.Ordinal);
        foreach (TrainOptions options in protocols)
        {
            if (options.RecipeFor(1, model.ImageSize, data.ClassNames.Count).NeedsTeacher)
                teachers.Add(options.RequireTeacher(model));
        }

        LabelOptions label = LabelOptions.From(configuration);
        if ((needsTeacher || protocols.Any(options => options.NeedsStoredLabels) ? label.RequireTeacher() : label.FindTeacher()) is { } labelling)
            teachers.Add(labelling);
        foreach (string teacher in teachers)
        {
            using var asked = AlignedTeacher.Open(teacher, label.Provider, data.ClassNames, model.ImageSize, context);
            asked.Logits(new float[3 * model.ImageSize * model.ImageSize], 1, new float[data.ClassNames.Count], _ => "a black image");
        }
    }

    // The encoder is run once when encoding begins, so that here it is enough that it loads; the others' turn may come hours later.
    private static void RunNetworks(
        EncodeOptions encode, SynthesizeOptions synthesize, ModelFolder encoder, ModelFolder generator, ClassConditions conditions, StageContext context)
    {
        SynthesisOptions sampling = synthesize.SamplingFor(generator, algorithm: null);
        VaeEncoder.Open(encoder, context.Networks with { Provider = encode.Provider, Threads = context.Workers, BatchSize = encode.BatchSize }).Dispose();
        using var networks = SynthesisNetworks.Open(
            sampling.Start is { IsNoDiffusion: true } ? null : conditions, generator, SynthesizeStage.SessionOptions(synthesize, sampling, context), context.Progress);
        networks.RequireFinite(new float[generator.LatentShape.Length], conditions.Labels[0], sampling, "a latent of zeros", context.Cancellation);
    }
}
