using System.Numerics.Tensors;
using Ddoq.Imaging;
using Ddoq.Latents;
using Ddoq.Numerics;
using Ddoq.Onnx.Autoencoders;
using Ddoq.Onnx.Features;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Sessions;
using Ddoq.Storage;

namespace Ddoq.Pipeline.Stages;

/// <summary>What turns images into the rows of a store: a model's encoder, or nothing but the fit to a size.</summary>
internal abstract class RowEncoding : IDisposable
{
    /// <summary>How images are fitted before they are encoded.</summary>
    public abstract ImageFit Fit { get; }

    /// <summary>Identity of what encodes.</summary>
    public abstract string Hash { get; }

    /// <summary>Chooses the encoding of the options.</summary>
    /// <exception cref="DdoqException">The model is not usable.</exception>
    /// <exception cref="DeviceUnavailableException">Its provider is not.</exception>
    public static RowEncoding Of(EncodeOptions options, IImageDataset dataset, StageContext context)
    {
        if (options.Features is { } network)
        {
            ProviderChoice.Require(options.Provider);
            return new FeatureEncoding(network, options, dataset, context);
        }

        if (options.PixelSide is { } side)
            return new PixelEncoding(options.Images.FitFor(side), dataset.IsGrey ? 1 : 3);
        ShippedModel.RequireFits(options.Model, dataset);
        ModelFolder model = options.OpenModel();
        model.TellAssumptions(context.Progress);
        ProviderChoice.Require(options.Provider);
        return new ModelEncoding(options, model, dataset);
    }

    /// <summary>The store's description, but for the classes and channels of the source.</summary>
    public abstract LatentStoreInfo Describe(IReadOnlyList<string> classNames);

    /// <summary>Whether a network encodes.</summary>
    public virtual bool IsNetwork => false;

    /// <summary>Rows that are encoded together; the next are begun when these are done.</summary>
    public virtual int RowsAtOnce => int.MaxValue;

    /// <summary>Loads what encodes, once; before the first rows.</summary>
    /// <exception cref="DdoqException">A network is missing or damaged.</exception>
    public virtual void Open(StageContext context)
    {
    }

    /// <summary>Encodes images.</summary>
    /// <param name="batch">Images in [-1, 1].</param>
    /// <param name="first">The first to encode.</param>
    /// <param name="count">n.</param>
    /// <param name="rows">Receives [n, D].</param>
    /// <param name="cancellation">Looked at between calls of a network.</param>
    /// <exception cref="DdoqException">A network fails, or gives a value that is not finite; the message names the image.</exception>
    public abstract void Encode(ImageBatch batch, int first, int count, Span<float> rows, CancellationToken cancellation);

    public abstract void Dispose();

    /// <summary>The latents of a model's encoder: the posterior's mean, or a seeded sample.</summary>
    private sealed class ModelEncoding(EncodeOptions options, ModelFolder model, IImageDataset dataset) : RowEncoding
    {
        private VaeEncoder? _encoder;
        private float[] _noise = [];

        public override ImageFit Fit { get; } = options.Images.FitFor(model);

        public override string Hash { get; } = model.ComputeEncoderHash();

        public override LatentStoreInfo Describe(IReadOnlyList<string> classNames) => new()
        {
            Shape = model.LatentShape,
            ClassNames = classNames,
            EncoderHash = Hash,
            ScalingFactor = model.ScalingFactor,
            ImageSize = model.ImageSize,
            Kind = options.SamplePosterior ? LatentKind.Sample : LatentKind.Mean,
        };

        public override bool IsNetwork => true;

        public override int RowsAtOnce => _encoder!.BatchSize * Math.Max(1, _encoder.LaneCount);

        public override void Open(StageContext context)
        {
            ProviderChoice.Announce(options.Provider, context.Progress);
            _encoder = VaeEncoder.Open(model, context.Networks with { Provider = options.Provider, Threads = context.Workers, BatchSize = options.BatchSize });
        }

        public override void Encode(ImageBatch batch, int first, int count, Span<float> rows, CancellationToken cancellation)
        {
            int length = model.LatentShape.Length, pixels = 3 * model.ImageSize * model.ImageSize;
            ReadOnlySpan<float> images = batch.Values.Span.Slice(first * pixels, count * pixels);
            if (!options.SamplePosterior)
            {
                _encoder!.EncodeMean(images, count, rows, Name, cancellation);
                return;
            }

            if (_noise.Length < count * length)
                _noise = new float[count * length];
            for (int i = 0; i < count; i++)
                new CounterRandom(options.Seed, RandomStreams.Posterior(batch.Indices[first + i])).FillGaussian(_noise.AsSpan(i * length, length));
            _encoder!.EncodeSample(images, count, _noise.AsSpan(0, count * length), rows, Name, cancellation);

            string Name(int row) => dataset.NameOf(batch.Indices[first + row]);
        }

        public override void Dispose() => _encoder?.Dispose();
    }

    /// <summary>The features of any network.</summary>
    private sealed class FeatureEncoding : RowEncoding
    {
        private readonly FeatureNetwork _network;
        private readonly IImageDataset _dataset;
        private float[] _pixels = [];

        // Its side decides how images are fitted, which only the network itself may say.
        public FeatureEncoding(string path, EncodeOptions options, IImageDataset dataset, StageContext context)
        {
            _dataset = dataset;
            _network = FeatureNetwork.Open(
                path, context.Networks with { Provider = options.Provider, Threads = context.Workers, BatchSize = options.BatchSize, AllowHalfPrecision = false }, context.Progress);
            Fit = options.Images.FitFor(_network.ImageSize);
            string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
            Hash = ContentHash.OfText(string.Join('\n', Directory.EnumerateFiles(folder)
                .Where(file => Path.GetFileName(file) is var name && (name.StartsWith(Path.GetFileName(path), StringComparison.Ordinal) || name == "preprocessor_config.json"))
                .Order(StringComparer.Ordinal)
                .Select(file => $"{Path.GetFileName(file)} {ContentHash.OfFile(file)}")));
        }

        public override ImageFit Fit { get; }

        public override string Hash { get; }

        public override bool IsNetwork => true;

        public override int RowsAtOnce => _network.BatchSize * Math.Max(1, _network.LaneCount);

        public override LatentStoreInfo Describe(IReadOnlyList<string> classNames) => new()
        {
            Shape = new LatentShape(_network.FeatureCount, 1, 1),
            ClassNames = classNames,
            EncoderHash = Hash,
            ImageSize = _network.ImageSize,
        };

        public override void Encode(ImageBatch batch, int first, int count, Span<float> rows, CancellationToken cancellation)
        {
            int pixels = 3 * _network.ImageSize * _network.ImageSize;
            if (_pixels.Length < count * pixels)
                _pixels = new float[count * pixels];
            Span<float> unit = _pixels.AsSpan(0, count * pixels);
            TensorPrimitives.Multiply(batch.Values.Span.Slice(first * pixels, count * pixels), 0.5f, unit);
            TensorPrimitives.Add(unit, 0.5f, unit);
            _network.Extract(unit, count, rows, row => _dataset.NameOf(batch.Indices[first + row]), cancellation);
        }

        public override void Dispose() => _network.Dispose();
    }

    /// <summary>The fitted pixels themselves, in [-1, 1]: one channel where all images are grey, else three.</summary>
    private sealed class PixelEncoding(ImageFit fit, int channels) : RowEncoding
    {
        public override ImageFit Fit => fit;

        public override string Hash => "pixels";

        public override LatentStoreInfo Describe(IReadOnlyList<string> classNames) => new()
        {
            Shape = new LatentShape(channels, fit.Height, fit.Width),
            ClassNames = classNames,
            EncoderHash = Hash,
            ImageSize = fit.Height,
        };

        public override void Encode(ImageBatch batch, int first, int count, Span<float> rows, CancellationToken cancellation)
        {
            int plane = fit.Height * fit.Width;
            for (int i = 0; i < count; i++)
                batch.Values.Span.Slice((first + i) * 3 * plane, channels * plane).CopyTo(rows[(i * channels * plane)..]);
        }

        public override void Dispose()
        {
        }
    }
}
