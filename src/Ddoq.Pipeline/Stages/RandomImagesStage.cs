using System.Globalization;
using Ddoq.Imaging;
using Ddoq.Numerics;
using Ddoq.Onnx.Autoencoders;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Sessions;
using Ddoq.Pipeline.Configuration;
using Ddoq.Quantization;
using Ddoq.Storage;

namespace Ddoq.Pipeline.Stages;

/// <summary>
/// The control that every distillation must beat: K random real training images of each class, as a distilled set. Passed
/// through encoder and decoder they are a second one, which bears the decoder's marks as synthesised images do.
/// </summary>
public static class RandomImagesStage
{
    // Images encoded and decoded together.
    private const int ChunkRows = 64;

    /// <summary>Runs the stage into a folder, or finds it complete there.</summary>
    /// <param name="source">Where the images are and how they are fitted.</param>
    /// <param name="imagesPerClass">K; a class with fewer images gives all it has.</param>
    /// <param name="throughAutoencoder">Whether the images pass through the model's encoder (mean) and decoder.</param>
    /// <param name="output">Folder of the set.</param>
    /// <param name="context">Progress, workers, cancellation.</param>
    /// <exception cref="DdoqException">The images, the model or the output folder are not usable.</exception>
    public static void Run(EncodeOptions source, int imagesPerClass, bool throughAutoencoder, string output, StageContext context)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(context);
        ModelFolder model = source.OpenModel(throughAutoencoder ? ModelUse.Encoder | ModelUse.Decoder : ModelUse.None);
        ImageFit fit = source.Images.FitFor(model);
        using IImageDataset dataset = source.Images.OpenTraining(context.Cancellation);
        var settings = new Dictionary<string, string>
        {
            ["data"] = dataset.Fingerprint,
            ["fit"] = fit.ToString(),
            ["ipc"] = imagesPerClass.ToString(CultureInfo.InvariantCulture),
            ["seed"] = source.Seed.ToString(CultureInfo.InvariantCulture),
        };
        if (throughAutoencoder)
        {
            ProviderChoice.Require(source.Provider);
            settings["encoder"] = model.ComputeEncoderHash();
            settings["decoder"] = ContentHash.OfFile(model.DecoderFile);
            settings["provider"] = RunSettings.Provider.Show(source.Provider);
        }

        using AutoencoderNetworks? networks = throughAutoencoder && !context.Finds(output, "random-images", settings) ? AutoencoderNetworks.Open(model, source, context) : null;
        using StageFolder stage = StageFolder.Open(output, "random-images", settings, context.Forces("random-images"));
        if (stage.IsComplete)
            return;

        int[][] chosen = Choose(dataset, imagesPerClass, source, fit, context);
        int channels = dataset.IsGrey ? 1 : 3;
        DistilledPlan plan = DistilledPlan.Uniform(dataset.ClassNames, [.. chosen.Select(rows => rows.Length)], source.Seed);
        int pixels = 3 * fit.Height * fit.Width;
        void Read(int i, byte[] bytes)
        {
            (int label, int k) = plan.Row(i);
            dataset.ReadRgb(chosen[label][k], fit, bytes);
        }

        if (throughAutoencoder)
        {
            WriteDecoded(networks!, model.LatentShape.Length, plan.Count, pixels, Read, (i, bytes) => plan.WriteImage(stage.Path, i, bytes, channels, fit.Height), context);
        }
        else
        {
            context.ForEach(plan.Count, () => new PixelBuffer(pixels), (i, buffer) =>
            {
                Read(i, buffer.Bytes);
                plan.WriteImage(stage.Path, i, buffer.Bytes, channels, fit.Height);
            });
        }

        plan.Complete(
            stage,
            WeightRule.None,
            throughAutoencoder ? "random real training images, encoded and decoded" : "random real training images",
            source.Seed,
            throughAutoencoder ? source.Provider.ToString() : "cpu",
            distortion: null);
    }

    private static void WriteDecoded(
        AutoencoderNetworks networks, int length, int count, int pixels, Action<int, byte[]> read, Action<int, byte[]> write, StageContext context)
    {
        var images = new float[Math.Min(count, ChunkRows) * pixels];
        var latents = new float[Math.Min(count, ChunkRows) * length];
        for (int first = 0; first < count; first += ChunkRows)
        {
            int start = first, rows = Math.Min(ChunkRows, count - first);
            context.ForEach(rows, () => new PixelBuffer(pixels), (i, buffer) =>
            {
                read(start + i, buffer.Bytes);
                PlanarPixels.ToSigned(buffer.Bytes, images.AsSpan(i * pixels, pixels));
            });
            networks.Encoder.EncodeMean(images, rows, latents, row => $"image {start + row} of the set", context.Cancellation);
            networks.Decoder.Decode(latents, rows, images, row => $"image {start + row} of the set", context.Cancellation);
            context.ForEach(rows, () => new PixelBuffer(pixels), (i, buffer) =>
            {
                PlanarPixels.FromSigned(images.AsSpan(i * pixels, pixels), buffer.Bytes);
                write(start + i, buffer.Bytes);
            });
        }
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
            var random = new CounterRandom(source.Seed, RandomStreams.RealImages(c));
            random.Shuffle<int>(shuffled);

            // Where damaged images are skipped, the next one takes the place of a damaged one.
            IEnumerable<int> usable = source.Images.MaxDamaged == 0 ? shuffled : shuffled.Where(index => IsReadable(dataset, index, fit, buffer));
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

    /// <summary>Encoder and decoder, loaded before anything is written.</summary>
    private sealed class AutoencoderNetworks : IDisposable
    {
        private AutoencoderNetworks(VaeEncoder encoder, VaeDecoder decoder) => (Encoder, Decoder) = (encoder, decoder);

        public VaeEncoder Encoder { get; }

        public VaeDecoder Decoder { get; }

        /// <summary>Loads both and passes a grey image through them.</summary>
        /// <exception cref="DdoqException">A network is missing, damaged, or gives values that are not finite.</exception>
        public static AutoencoderNetworks Open(ModelFolder model, EncodeOptions source, StageContext context)
        {
            OnnxSessionOptions session = context.Networks with { Provider = source.Provider, Threads = context.Workers, BatchSize = source.BatchSize };
            VaeEncoder encoder = VaeEncoder.Open(model, session);
            VaeDecoder? decoder = null;
            try
            {
                decoder = VaeDecoder.Open(model, session);
                var image = new float[3 * model.ImageSize * model.ImageSize];
                var latent = new float[model.LatentShape.Length];
                encoder.EncodeMean(image, 1, latent, _ => "a grey image", context.Cancellation);
                decoder.Decode(latent, 1, image, _ => "a grey image", context.Cancellation);
                return new AutoencoderNetworks(encoder, decoder);
            }
            catch
            {
                encoder.Dispose();
                decoder?.Dispose();
                throw;
            }
        }

        public void Dispose()
        {
            Encoder.Dispose();
            Decoder.Dispose();
        }
    }
}
