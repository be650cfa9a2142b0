using System.Globalization;
using Ddoq.Imaging;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Sessions;
using Ddoq.Pipeline.Configuration;
using Ddoq.Quantization;
using Ddoq.Storage;
using Ddoq.Training;
using Ddoq.Training.Augmentation;

namespace Ddoq.Pipeline.Stages;

/// <summary>RDED's distilled set, rebuilt as a control: crops of real training images that the teacher is surest of, 2 x 2 in an image.</summary>
/// <remarks>Resumes class by class. Memory is that of a pool of images per worker. Source: see <see cref="CropMosaic"/>.</remarks>
public static class MosaicStage
{
    private const string Name = "mosaics";

    // Crops in an image.
    private const int Tiles = 4;

    /// <summary>Runs the stage into a folder, or finds it complete there.</summary>
    /// <param name="source">Where the images are, how they are fitted, and the seed.</param>
    /// <param name="label">The teacher.</param>
    /// <param name="imagesPerClass">K; a class of few images gives what its crops fill.</param>
    /// <param name="output">Folder of the set.</param>
    /// <param name="context">Progress, workers, cancellation.</param>
    /// <exception cref="DdoqException">The images, the teacher or the output folder are not usable, or do not belong together.</exception>
    public static void Run(EncodeOptions source, LabelOptions label, int imagesPerClass, string output, StageContext context)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(label);
        ArgumentNullException.ThrowIfNull(context);
        ProviderChoice.Require(label.Provider);
        string teacherFolder = label.RequireTeacher();
        ModelFolder model = source.OpenModel(ModelUse.None);
        ImageFit fit = source.Images.FitFor(model);
        using IImageDataset dataset = source.Images.OpenTraining(context.Cancellation);
        var options = new MosaicOptions { ImagesPerClass = imagesPerClass, Seed = source.Seed };
        var settings = new Dictionary<string, string>
        {
            ["data"] = dataset.Fingerprint,
            ["fit"] = fit.ToString(),
            ["teacher"] = ContentHash.OfFolder(teacherFolder),
            ["provider"] = RunSettings.Provider.Show(label.Provider),
            ["ipc"] = imagesPerClass.ToString(CultureInfo.InvariantCulture),
            ["seed"] = source.Seed.ToString(CultureInfo.InvariantCulture),
            ["pool"] = options.PoolSize.ToString(CultureInfo.InvariantCulture),
            ["crops"] = options.CropsPerImage.ToString(CultureInfo.InvariantCulture),
        };
        using StageFolder stage = StageFolder.Open(output, Name, settings, context.Forces(Name));
        if (stage.IsComplete)
            return;

        int[][] pools = Pools(dataset, options);
        int[] counts = [.. pools.Select(pool => Math.Min(imagesPerClass, pool.Length * options.CropsPerImage / Tiles))];
        for (int c = 0; c < counts.Length; c++)
        {
            if (counts[c] == 0)
                throw new DdoqException($"class '{dataset.ClassNames[c]}' has no images", "Add images of that class, or leave it out (--classes).");
            if (counts[c] < imagesPerClass)
                context.Progress.Message($"{Name}: class '{dataset.ClassNames[c]}' has {pools[c].Length} images, whose crops fill {counts[c]} instead of {imagesPerClass}");
        }

        DistilledPlan plan = DistilledPlan.Uniform(dataset.ClassNames, counts, source.Seed);
        int[] first = [.. counts.Select((_, c) => counts.Take(c).Sum())];
        int[] open = [.. Enumerable.Range(0, counts.Length).Where(c => !plan.HasImages(stage.Path, first[c], counts[c]))];
        context.Progress.Begin(Name, counts.Length, "classes", counts.Length - open.Length);
        try
        {
            // Every class's thread asks it; each call uses one thread.
            using AlignedTeacher teacher = AlignedTeacher.Open(teacherFolder, label.Provider, dataset.ClassNames, fit.Height, context with { Workers = 1 });
            context.ForEach(open.Length, () => new PixelBuffer(3 * fit.Height * fit.Width), (i, buffer) =>
            {
                int c = open[i];
                TrainingImages images = Read(dataset, pools[c], c, fit, source.Images.MaxDamaged > 0, buffer);
                IReadOnlyList<Mosaic> mosaics = CropMosaic.Make(
                    images, dataset.ClassNames.Count, c, options with { ImagesPerClass = counts[c] }, teacher.Logits, context.Cancellation);
                for (int k = 0; k < mosaics.Count; k++)
                    plan.WriteImage(stage.Path, first[c] + k, mosaics[k].Pixels, dataset.IsGrey ? 1 : 3, fit.Height);
                context.Progress.Advance(1);
            });
        }
        finally
        {
            context.Progress.End();
        }

        plan.Complete(stage, WeightRule.None, "crops of real training images, chosen by a teacher, four in an image (RDED)", source.Seed, label.Provider.ToString(), distortion: null);
    }

    private static int[][] Pools(IImageDataset dataset, MosaicOptions options)
    {
        List<int>[] rows = [.. dataset.ClassNames.Select(_ => new List<int>())];
        for (int i = 0; i < dataset.Count; i++)
            rows[dataset.LabelOf(i)].Add(i);
        return [.. rows.Select((own, c) => CropMosaic.DrawPool(own.Count, c, options).Select(place => own[place]).ToArray())];
    }

    private static TrainingImages Read(IImageDataset dataset, int[] pool, int c, ImageFit fit, bool skipsDamaged, PixelBuffer buffer)
    {
        int pixels = buffer.Bytes.Length, count = 0;
        var bytes = new byte[pool.Length * pixels];
        foreach (int row in pool)
        {
            try
            {
                dataset.ReadRgb(row, fit, buffer.Bytes);
            }
            catch (DamagedImageException) when (skipsDamaged)
            {
                // Encoding reports it.
                continue;
            }

            buffer.Bytes.CopyTo(bytes, count++ * pixels);
        }

        int[] labels = new int[count];
        Array.Fill(labels, c);
        return new TrainingImages(bytes[..(count * pixels)], labels, null, null, count, fit.Height, fit.Width);
    }
}
