using Ddoq.Distilled;
using Ddoq.Imaging;
using Ddoq.Onnx.Models;
using Ddoq.Pipeline.Configuration;
using Ddoq.Storage;

namespace Ddoq.Pipeline.Stages;

/// <summary>From a folder of images to a coreset of them: makes the rows where none are given, then chooses.</summary>
/// <remarks>Without a model the rows are pixels: that needs no network at all.</remarks>
public static class SelectRun
{
    // Distances between pixels say little beyond small images, and cost with every pixel.
    private const int LargestPixelSide = 32, LargestImageSide = 224;
    private const string RowsFolder = "rows";

    /// <summary>Selects among candidates into a folder, or finds everything complete there.</summary>
    /// <param name="configuration">Settings; without <c>--ipc</c> as many are kept as there were prototypes asked for.</param>
    /// <param name="candidates">Folder of the candidates.</param>
    /// <param name="latents">Latent store of the data.</param>
    /// <param name="prototypes">Prototypes for objectives that need any; null makes them.</param>
    /// <param name="output">Folder of the distilled set.</param>
    /// <param name="context">Progress, workers, cancellation.</param>
    /// <returns>Whether the set is complete: a share completes it when it finds all others done in the same folder.</returns>
    /// <exception cref="DdoqException">Candidates, store, model or output folder are not usable, or do not belong together.</exception>
    public static bool RunOnCandidates(PipelineConfiguration configuration, string candidates, string latents, string? prototypes, string output, StageContext context)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(context);
        CandidateSet set = CandidateSet.Open(candidates);
        return CandidateStage.Run(OptionsFor(set, configuration, prototypes), set, candidates, latents, output, context);
    }

    /// <summary>The options of a choice among candidates: without <c>--ipc</c> as many are kept as there were prototypes asked for.</summary>
    internal static SelectOptions OptionsFor(CandidateSet candidates, PipelineConfiguration configuration, string? prototypes)
    {
        SelectOptions options = SelectOptions.From(configuration) with { Prototypes = prototypes };
        return configuration.IsGiven(QuantizeSettings.Ipc) ? options : options.WithCount(candidates.List.CentersPerClass);
    }

    /// <summary>Runs into a folder, or finds everything complete there.</summary>
    /// <param name="configuration">Settings.</param>
    /// <param name="latents">Store with a row per training image; null encodes them into the folder <c>rows</c> of the output: by the model or the feature network where one is given, else as pixels.</param>
    /// <param name="prototypes">Prototypes for objectives that need any; null makes them.</param>
    /// <param name="output">Folder of the distilled set.</param>
    /// <param name="context">Progress, workers, cancellation.</param>
    /// <returns>Whether the set is complete: a share completes it when it finds all others done in the same folder.</returns>
    /// <exception cref="DdoqException">Images, store, model or output folder are not usable, or do not belong together.</exception>
    public static bool Run(PipelineConfiguration configuration, string? latents, string? prototypes, string output, StageContext context)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(context);
        (EncodeOptions encode, ImageFit fit) = Plan(configuration, context);
        if (latents is not null && encode.Features is not null)
            throw new UsageException("--latents and --features exclude each other: both are what images are compared by", "Leave one out.");
        if (latents is null)
        {
            if (context.Share.IsPartial)
                throw new UsageException("--shard: the rows to choose by are not there, and every share would make them anew", "Run 'ddoq encode' in shares, merge, and give the store with --latents.");
            StageFolder.RequireUsable(output);
            latents = Path.Combine(output, RowsFolder);
            EncodeStage.Run(encode, latents, context);
        }

        return CoresetStage.Run(SelectOptions.From(configuration) with { Prototypes = prototypes }, latents, fit, output, context);
    }

    /// <summary>How rows are made where none are given, and the size of the images that are kept.</summary>
    internal static (EncodeOptions Encode, ImageFit Fit) Plan(PipelineConfiguration configuration, StageContext context)
    {
        EncodeOptions encode = EncodeOptions.From(configuration);
        bool hasModel = configuration.IsGiven(DataSettings.Model);
        ImageFit fit = FitOf(SelectOptions.From(configuration), hasModel ? encode.OpenModel() : null, context);
        return (hasModel || encode.Features is not null ? encode : encode with { PixelSide = Math.Min(fit.Height, LargestPixelSide) }, fit);
    }

    private static ImageFit FitOf(SelectOptions options, ModelFolder? model, StageContext context)
    {
        if (options.ImageSize is { } side)
            return options.Images.FitFor(side);
        if (model is not null)
            return options.Images.FitFor(model);
        using IImageDataset data = options.Images.OpenTraining(context.Cancellation);
        ImageSize first = data.SizeOf(0);
        return options.Images.FitFor(Math.Min(Math.Max(first.Width, first.Height), LargestImageSide));
    }
}
