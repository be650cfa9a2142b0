using System.Globalization;
using Ddoq.Imaging;
using Ddoq.Numerics;
using Ddoq.Onnx.Models;
using Ddoq.Storage;
using ImageFit = Ddoq.Imaging.ImageFit;

namespace Ddoq.Pipeline.Stages;

/// <summary>The control that every distillation must beat: K random real training images of each class, as a distilled set.</summary>
public static class RandomImagesStage
{
    /// <summary>Runs the stage into a folder, or finds it complete there.</summary>
    /// <param name="source">Where the images are and how they are fitted.</param>
    /// <param name="imagesPerClass">K; a class with fewer images gives all it has.</param>
    /// <param name="output">Folder of the set.</param>
    /// <param name="context">Progress, workers, cancellation.</param>
    /// <exception cref="DdoqException">The images or the output folder are not usable.</exception>
    public static void Run(EncodeOptions source, int imagesPerClass, string output, StageContext context)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(context);
        ImageFit fit = SourceImages.FitFor(ModelFolder.Open(source.Model), source.Fit);
        using IImageDataset dataset = source.OpenTrainingImages();
        var settings = new Dictionary<string, string>
        {
            ["data"] = dataset.Fingerprint,
            ["fit"] = fit.ToString(),
            ["ipc"] = imagesPerClass.ToString(CultureInfo.InvariantCulture),
            ["seed"] = source.Seed.ToString(CultureInfo.InvariantCulture),
        };
        using StageFolder stage = StageFolder.Open(output, "random-images", settings, context.Force);
        if (stage.IsComplete)
            return;

        int[][] chosen = Choose(dataset, imagesPerClass, source, fit, context);
        int channels = dataset.IsGrey ? 1 : 3;
        DistilledPlan plan = DistilledPlan.Uniform(dataset.ClassNames, [.. chosen.Select(rows => rows.Length)], source.Seed);
        int pixels = 3 * fit.Height * fit.Width;
        context.ForEach(plan.Count, () => new PixelBuffer(pixels), (i, buffer) =>
        {
            (int label, int k) = plan.Row(i);
            dataset.ReadRgb(chosen[label][k], fit, buffer.Bytes);
            plan.WriteImage(stage.Path, i, buffer.Bytes, channels, fit.Height);
        });
        plan.Complete(stage, "random real training images", source.Seed, "cpu", distortion: null);
    }

    private static int[][] Choose(IImageDataset dataset, int imagesPerClass, EncodeOptions source, ImageFit fit, StageContext context)
    {
        List<int>[] rows = [.. dataset.ClassNames.Select(_ => new List<int>())];
        for (int i = 0; i < dataset.Count; i++)
            rows[dataset.LabelOf(i)].Add(i);
        var chosen = new int[rows.Length][];
        context.ForEach(rows.Length, () => new PixelBuffer(3 * fit.Height * fit.Width), (c, buffer) =>
        {
            int[] shuffled = [.. rows[c]];
            CounterRandom random = RandomStreams.RealImages(source.Seed, c);
            random.Shuffle<int>(shuffled);

            // Where damaged images are skipped, the next one takes the place of a damaged one.
            IEnumerable<int> usable = source.MaxDamaged == 0 ? shuffled : shuffled.Where(index => IsReadable(dataset, index, fit, buffer));
            chosen[c] = [.. usable.Take(imagesPerClass)];
        });
        return chosen;
    }

    private static bool IsReadable(IImageDataset dataset, int index, ImageFit fit, PixelBuffer buffer)
    {
        try
        {
            dataset.ReadRgb(index, fit, buffer.Bytes);
            return true;
        }
        catch (DamagedImageException)
        {
            // Encoding reports it.
            return false;
        }
    }
}
