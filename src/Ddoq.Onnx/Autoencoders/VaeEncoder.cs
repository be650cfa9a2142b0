using System.Numerics.Tensors;
using Ddoq.Latents;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Sessions;

namespace Ddoq.Onnx.Autoencoders;

/// <summary>Images to latents, <c>z = (E(x) - shift) * scale</c>.</summary>
/// <remarks>
/// Safe for concurrent callers. Batches are always full (short ones are padded), so a row's latent does not depend on
/// how many rows are encoded with it, nor on the number of threads.
/// </remarks>
public sealed class VaeEncoder : IDisposable
{
    // The bounds of the autoencoders' own posterior.
    private const float LeastLogVariance = -30, MostLogVariance = 20;

    // Pixels: autoencoders hold a hundred channels or more at full resolution.
    private const long LargestSmallImage = 128 * 128;

    private readonly OnnxSession _session;
    private readonly LanePool<Lane> _lanes;
    private readonly TensorSignature _input;
    private readonly TensorSignature _output;

    private VaeEncoder(ModelFolder folder, OnnxSession session, OnnxSessionOptions options)
    {
        _session = session;
        LatentShape = folder.LatentShape;
        ImageSize = folder.ImageSize;
        ScalingFactor = folder.ScalingFactor;
        ShiftFactor = folder.ShiftFactor;
        int c = LatentShape.Channels, h = LatentShape.Height, w = LatentShape.Width;
        session.RequireInputCount(1);
        _input = session.RequireInput(new TensorContract(["sample"], TensorContract.Floats, new("b"), new("3", 3), new("H", ImageSize), new("W", ImageSize)));
        HasPosterior = session.Outputs.All(t => t.Name != "latent_sample");
        _output = session.RequireOutput(HasPosterior
            ? new TensorContract(["latent_parameters"], TensorContract.Floats, new("b"), new("2c", 2 * c), new("h", h), new("w", w))
            : new TensorContract(["latent_sample"], TensorContract.Floats, new("b"), new("c", c), new("h", h), new("w", w)));
        BatchSize = _input.Dimensions[0] ?? (options.BatchSize > 0 ? options.BatchSize : session.ChooseBatchSize((long)ImageSize * ImageSize, LargestSmallImage));
        _lanes = new LanePool<Lane>(() => new Lane(this));
    }

    /// <summary>Shape of one latent.</summary>
    public LatentShape LatentShape { get; }

    /// <summary>Side of the square images, in pixels.</summary>
    public int ImageSize { get; }

    /// <summary>Factor applied to the autoencoder's latents.</summary>
    public double ScalingFactor { get; }

    /// <summary>Subtracted before scaling.</summary>
    public double ShiftFactor { get; }

    /// <summary>Whether the network gives mean and variance. Older exports give one latent only, already drawn.</summary>
    public bool HasPosterior { get; }

    /// <summary>Rows per call of the network.</summary>
    public int BatchSize { get; }

    /// <summary>Provider, device and threads in words.</summary>
    public string Description => _session.Description;

    /// <summary>What the network takes and gives, in words.</summary>
    public string Signature => _session.Signature;

    /// <summary>Loads the encoder of a model folder.</summary>
    /// <param name="folder">The model.</param>
    /// <param name="options">Provider, threads, batch size; null for the defaults.</param>
    /// <param name="progress">Told of a fallback; null to tell nobody.</param>
    /// <exception cref="DdoqException">The network is missing, damaged, or not an encoder for this model.</exception>
    public static VaeEncoder Open(ModelFolder folder, OnnxSessionOptions? options = null, IProgressSink? progress = null)
    {
        ArgumentNullException.ThrowIfNull(folder);
        options ??= new OnnxSessionOptions();
        options = options with
        {
            RowsPerCall = options.BatchSize,
            InputShapes = new Dictionary<string, int[]> { ["sample"] = [3, folder.ImageSize, folder.ImageSize] },
        };
        OnnxSession session = OnnxSession.Open(folder.EncoderFile, options, progress);
        try
        {
            return new VaeEncoder(folder, session, options);
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <summary>The mean of the posterior: the same image always gives the same latent.</summary>
    /// <param name="images">[n, 3, H, W] in [-1, 1].</param>
    /// <param name="count">n.</param>
    /// <param name="latents">Receives [n, c, h, w], scaled.</param>
    /// <param name="cancellation">Looked at between batches.</param>
    /// <exception cref="ArgumentException">A span is shorter than <paramref name="count"/> rows.</exception>
    /// <exception cref="DdoqException">The network fails.</exception>
    public void EncodeMean(ReadOnlySpan<float> images, int count, Span<float> latents, CancellationToken cancellation = default) =>
        Encode(images, count, [], latents, cancellation);

    /// <summary>A draw from the posterior, <c>mean + exp(logvar / 2) * noise</c>, as D4M encodes.</summary>
    /// <param name="images">[n, 3, H, W] in [-1, 1].</param>
    /// <param name="count">n.</param>
    /// <param name="noise">[n, c, h, w] standard normal.</param>
    /// <param name="latents">Receives [n, c, h, w], scaled.</param>
    /// <param name="cancellation">Looked at between batches.</param>
    /// <exception cref="ArgumentException">A span is shorter than <paramref name="count"/> rows.</exception>
    /// <exception cref="DdoqException">The network gives no variance (<see cref="HasPosterior"/>), or fails.</exception>
    public void EncodeSample(ReadOnlySpan<float> images, int count, ReadOnlySpan<float> noise, Span<float> latents, CancellationToken cancellation = default)
    {
        if (!HasPosterior)
            throw new DdoqException($"{_session.Path} gives 'latent_sample' without a variance, so no seeded sample can be drawn", "export the encoder with 'latent_parameters', or encode the mean");
        RowSpans.Check(nameof(noise), noise.Length, count, LatentShape.Length);
        Encode(images, count, noise, latents, cancellation);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _lanes.Dispose();
        _session.Dispose();
    }

    private unsafe void Encode(ReadOnlySpan<float> images, int count, ReadOnlySpan<float> noise, Span<float> latents, CancellationToken cancellation)
    {
        int pixels = 3 * ImageSize * ImageSize, length = LatentShape.Length;
        RowSpans.Check(nameof(images), images.Length, count, pixels);
        RowSpans.Check(nameof(latents), latents.Length, count, length);
        bool draws = !noise.IsEmpty;
        fixed (float* imagesPin = images, noisePin = noise, latentsPin = latents)
        {
            float* source = imagesPin, random = noisePin, destination = latentsPin;
            BatchLoop.Run(count, BatchSize, _session.LaneCount, _lanes, (lane, first, rows) =>
            {
                lane.Run(new ReadOnlySpan<float>(source + ((long)first * pixels), rows * pixels));
                for (int row = 0; row < rows; row++)
                {
                    long offset = (long)(first + row) * length;
                    lane.Finish(row, draws ? new ReadOnlySpan<float>(random + offset, length) : [], new Span<float>(destination + offset, length));
                }
            }, cancellation);
        }
    }

    private sealed class Lane : IDisposable
    {
        private readonly VaeEncoder _owner;
        private readonly TensorBuffer _images;
        private readonly TensorBuffer _parameters;
        private readonly BoundCall _call;

        public Lane(VaeEncoder owner)
        {
            _owner = owner;
            LatentShape shape = owner.LatentShape;
            _images = new TensorBuffer(owner._input, owner.BatchSize, 3, owner.ImageSize, owner.ImageSize);
            _parameters = new TensorBuffer(owner._output, owner.BatchSize, shape.Channels * (owner.HasPosterior ? 2 : 1), shape.Height, shape.Width);
            _call = new BoundCall(owner._session, [_images], [_parameters]);
        }

        public void Run(ReadOnlySpan<float> images)
        {
            images.CopyTo(_images.Floats);
            _images.Floats[images.Length..].Clear();
            _call.Run();
        }

        public void Finish(int row, ReadOnlySpan<float> noise, Span<float> latent)
        {
            int length = latent.Length, stride = _parameters.Floats.Length / _owner.BatchSize;
            ReadOnlySpan<float> parameters = _parameters.Floats.Slice(row * stride, stride);
            ReadOnlySpan<float> mean = parameters[..length];
            if (noise.IsEmpty)
            {
                mean.CopyTo(latent);
            }
            else
            {
                ReadOnlySpan<float> logVariance = parameters[length..];
                for (int i = 0; i < length; i++)
                    latent[i] = mean[i] + (MathF.Exp(0.5f * Math.Clamp(logVariance[i], LeastLogVariance, MostLogVariance)) * noise[i]);
            }

            if (_owner.ShiftFactor != 0)
                TensorPrimitives.Subtract(latent, (float)_owner.ShiftFactor, latent);
            TensorPrimitives.Multiply(latent, (float)_owner.ScalingFactor, latent);
        }

        public void Dispose() => _call.Dispose();
    }
}
