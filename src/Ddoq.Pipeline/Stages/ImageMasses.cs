using Ddoq.Latents;
using Ddoq.Selection;

namespace Ddoq.Pipeline.Stages;

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
