using System.Globalization;
using Ddoq.Imaging;
using Ddoq.Latents;
using Ddoq.Onnx.Autoencoders;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Sessions;
using Ddoq.Pipeline.Configuration;
using Ddoq.Selection;
using Ddoq.Storage;

namespace Ddoq.Pipeline.Stages;

/// <summary>The finished images of a distilled set back to latents: a latent store with a row per image, class by class in the order of the metadata.</summary>
/// <remarks>These are what the prototypes became. Distances to the data and masses of the data are measured on them.</remarks>
internal static class ImageLatentsStage
{
    // Images encoded together.
    private const int ChunkRows = 64;

    /// <summary>Runs the stage into a folder, or finds it complete there.</summary>
    /// <param name="options">Model, provider and batch; the latents are the posterior's means.</param>
    /// <param name="set">Folder of the distilled set.</param>
    /// <param name="output">Folder of the latent store.</param>
    /// <param name="context">Progress, workers, cancellation.</param>
    /// <exception cref="DdoqException">Set, model or output folder are not usable, or the images are not of the model's size.</exception>
    public static void Run(EncodeOptions options, string set, string output, StageContext context)
    {
        ModelFolder model = options.OpenModel();
        ProviderChoice.Require(options.Provider);
        string encoderHash = model.ComputeEncoderHash();
        var settings = new Dictionary<string, string>
        {
            ["set"] = StageIdentity.OfImages(set),
            ["encoder"] = encoderHash,
            ["provider"] = RunSettings.Provider.Show(options.Provider),
            ["encode_batch_size"] = options.BatchSize.ToString(CultureInfo.InvariantCulture),
        };
        using StageFolder stage = StageFolder.Open(output, "image-latents", settings, context.Forces("image-latents"));
        if (stage.IsComplete)
            return;

        OpenedSet images = OpenedSet.Load(set, context);
        if (images.Side != model.ImageSize)
        {
            throw new DdoqException(
                $"the images of '{set}' are {images.Side} pixels wide, the model {model.Path} encodes {model.ImageSize}",
                "Use the model that made the images.");
        }

        using VaeEncoder encoder = VaeEncoder.Open(model, context.Networks with { Provider = options.Provider, Threads = context.Workers, BatchSize = options.BatchSize });
        var info = new LatentStoreInfo
        {
            Shape = model.LatentShape,
            ClassNames = images.ClassNames,
            EncoderHash = encoderHash,
            ScalingFactor = model.ScalingFactor,
            ImageSize = model.ImageSize,
            Kind = LatentKind.Mean,
        };
        using var writer = LatentStoreWriter.Open(output, info, images.Count, images.Count);
        int pixels = 3 * images.Side * images.Side, length = model.LatentShape.Length;
        var values = new float[Math.Min(images.Count, ChunkRows) * pixels];
        var latents = new float[Math.Min(images.Count, ChunkRows) * length];
        for (int first = writer.AppendedRows; first < images.Count; first += ChunkRows)
        {
            context.Cancellation.ThrowIfCancellationRequested();
            int start = first, rows = Math.Min(ChunkRows, images.Count - first);
            PlanarPixels.ToSigned(images.Pixels.AsSpan(first * pixels, rows * pixels), values.AsSpan(0, rows * pixels));
            encoder.EncodeMean(values.AsSpan(0, rows * pixels), rows, latents.AsSpan(0, rows * length), row => images.List.Images[start + row].FileName, context.Cancellation);
            writer.Append(latents.AsSpan(0, rows * length), images.Labels.AsSpan(first, rows));
        }

        writer.Complete();
        stage.Complete(Directory.EnumerateFiles(output, "latents*.safetensors*").Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal));
    }
}

/// <summary>What the finished images of a set stand for: the masses of the data at the images' latents.</summary>
/// <remarks>The latents are kept in the folder <c>image-latents</c> of the set, as a stage of their own.</remarks>
internal static class ImageMasses
{
    private const string Folder = "image-latents";

    /// <summary>Encodes the images of a complete set, and counts the data's rows nearest to each.</summary>
    /// <param name="options">Model, provider, and the latents of the data.</param>
    /// <param name="set">Folder of the set.</param>
    /// <param name="context">Progress, workers, cancellation.</param>
    /// <returns>Per class, in the order of the metadata.</returns>
    /// <exception cref="DdoqException">Latents or model are not usable, or do not belong together.</exception>
    public static PointMasses[] Measure(SynthesizeOptions options, string set, StageContext context)
    {
        string folder = Path.Combine(set, Folder);
        using LatentStore data = LatentStore.Open(options.DataLatents!);
        ImageLatentsStage.Run(new EncodeOptions { Model = options.Model, Provider = options.Provider }, set, folder, context);
        using LatentStore images = LatentStore.Open(folder);
        if (!data.ClassNames.SequenceEqual(images.ClassNames) || data.Shape != images.Shape)
            throw new DdoqException($"the latents in {options.DataLatents} are of other classes or another shape than the images of '{set}'", "Give the latents that the prototypes were made from.");
        if (data.Info.EncoderHash.Length > 0 && data.Info.EncoderHash != images.Info.EncoderHash)
            throw new DdoqException($"the latents in {options.DataLatents} are of another encoder than the model's", "Encode and synthesize with the same model.");
        var masses = new PointMasses[data.ClassNames.Count];
        context.Progress.Begin("weights", masses.Length, "classes");
        try
        {
            context.ForEach(masses.Length, () => new MemoryStream(), (c, _) =>
            {
                var points = new float[images.RowCount(c) * images.Shape.Length];
                ((ILatentSource)images).ReadRows(c, 0, points);
                masses[c] = PointMasses.Measure(data, c, points, context.Cancellation);
                data.Release(c);
                context.Progress.Advance(1);
            });
        }
        finally
        {
            context.Progress.End();
        }

        if (masses.Sum(cells => cells.Counts.Count(count => count == 0)) is > 0 and int empty)
            context.Progress.Message($"weights: {empty} images are nearest to no row of the data: their weights by masses are 0");
        return masses;
    }
}
