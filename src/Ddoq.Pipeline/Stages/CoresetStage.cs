using System.Globalization;
using Ddoq.Distilled;
using Ddoq.Imaging;
using Ddoq.Latents;
using Ddoq.Quantization;
using Ddoq.Selection;
using Ddoq.Storage;

namespace Ddoq.Pipeline.Stages;

/// <summary>Real images as a distilled set: keeps K images of each class by what their rows are to the rows of the class.</summary>
/// <remarks>
/// Rows are latents, pixels or features: whatever the store holds. No generator, decoder or teacher is needed. Resumes class by
/// class; the bytes do not depend on workers or interruptions. Memory is bounded by workers times the largest class.
/// </remarks>
public static class CoresetStage
{
    /// <summary>Runs the stage into a folder, or finds it complete there.</summary>
    /// <param name="options">Objective, number, images.</param>
    /// <param name="latents">Store with a row per training image, in their order, made from the same images.</param>
    /// <param name="fit">The size of the images that are written.</param>
    /// <param name="output">Folder of the distilled set.</param>
    /// <param name="context">Progress, workers, cancellation.</param>
    /// <returns>Whether the set is complete: a share completes it when it finds all others done in the same folder.</returns>
    /// <exception cref="DdoqException">Images, store or output folder are not usable, or do not belong together.</exception>
    public static bool Run(SelectOptions options, string latents, ImageFit fit, string output, StageContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        using LatentStore store = LatentStore.Open(latents);
        using IImageDataset data = options.Images.OpenTraining(context.Cancellation);
        RequireSameImages(data, store, latents);
        return SelectionFrame.Run(
            options,
            latents,
            store,
            new Dictionary<string, string> { ["data"] = data.Fingerprint, ["fit"] = fit.ToString() },
            ($"real training images of {options.Rule.Description}, among rows of {store.Shape}", options.Quantize.Quantizer.Seed, "cpu"),
            output,
            context,
            static () => { },
            (plan, centres, stage, own) => WriteShare(options, store, data, centres, plan, fit, stage, own));
    }

    /// <summary>Chooses for the classes of a share, and writes their images.</summary>
    private static void WriteShare(
        SelectOptions options, LatentStore store, IImageDataset data, PrototypeSet? centres, SetPlan plan, ImageFit fit, StageFolder stage, StageContext context)
    {
        IReadOnlySet<int> own = context.Share.Of(store);
        DistilledPlan images = plan.ToPlan(Choose(options, store, data, centres, own, stage, context));
        int[] rows = [.. Enumerable.Range(0, images.Count).Where(i => own.Contains(images.Row(i).Label))];
        int channels = data.IsGrey ? 1 : 3;
        context.ForEach(rows.Length, () => new PixelBuffer(3 * fit.Height * fit.Width), (i, buffer) =>
        {
            if (images.HasImages(stage.Path, rows[i], 1))
                return;
            data.ReadRgb((int)images.SourceRow(rows[i])!.Value, fit, buffer.Bytes);
            images.WriteImage(stage.Path, rows[i], buffer.Bytes, channels, fit.Height);
        });
    }

    private static ClassChoice[] Choose(
        SelectOptions options, LatentStore store, IImageDataset data, PrototypeSet? centres, IReadOnlySet<int> own, StageFolder stage, StageContext context)
    {
        QuantizerOptions quantizer = options.Quantize.Quantizer;
        using var selector = new CandidateSelector();
        return ClassChoice.ForEach(stage, store.ClassNames.Count, own, CountOf, Choose, Plan, context);

        int CountOf(int c) => Math.Min(store.RowCount(c), centres?.CenterCount(c) ?? quantizer.CentroidCount);

        PlannedImage Plan(int c, int row, int k, long count, double? mass)
        {
            int source = store.SourceRow(store.GlobalRow(c, row));
            return new PlannedImage(count, mass, k, (long)quantizer.Seed, data.NameOf(source), source);
        }

        ClassSelection Choose(int c)
        {
            int rows = store.RowCount(c);
            if (rows == 0)
                throw new DdoqException($"class '{store.ClassNames[c]}' has no images", "Add images of that class, or leave it out (--classes).");
            if (rows < quantizer.CentroidCount)
                context.Progress.Message($"select: class '{store.ClassNames[c]}' has {rows} images, fewer than {quantizer.CentroidCount}: all are kept");
            SelectionOptions selection = options.For(centres?.CenterCount(c) ?? quantizer.CentroidCount);
            ClassSelection found = selector.SelectRows(store, c, selection, centroids: centres is null ? default : centres.Centroids(c), cancellation: context.Cancellation);
            store.Release(c);
            return found;
        }
    }

    internal static void RequireSameImages(IImageDataset data, LatentStore store, string latents)
    {
        if (!data.ClassNames.SequenceEqual(store.ClassNames))
        {
            throw new DdoqException(
                $"the images in {data.Location} have other classes than the latents in {latents}",
                "Give the --data-dir and --classes that the latents were encoded with.");
        }

        int rows = store.Count + store.SkippedRows.Count;
        if (data.Count != rows)
        {
            throw new DdoqException(
                string.Create(CultureInfo.InvariantCulture, $"{data.Location} has {data.Count} training images, the latents in {latents} are of {rows}"),
                "Give the --data-dir and --classes that the latents were encoded with.");
        }

        string? folder = Directory.Exists(latents) ? latents : Path.GetDirectoryName(Path.GetFullPath(latents));
        if (folder is not null && File.Exists(Path.Combine(folder, StageFolder.RecordFileName))
            && StageFolder.Read(folder).Settings.TryGetValue("data", out string? fingerprint) && fingerprint != data.Fingerprint)
        {
            throw new DdoqException(
                $"the images in {data.Location} are not those that the latents in {latents} were encoded from",
                "Give the --data-dir that the latents were encoded with.");
        }
    }
}
