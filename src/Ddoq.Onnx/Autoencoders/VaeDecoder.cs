using System.Numerics.Tensors;
using Ddoq.Latents;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Sessions;

namespace Ddoq.Onnx.Autoencoders;

/// <summary>Latents to images, <c>x = D(z / scale + shift)</c>.</summary>
/// <remarks>
/// Safe for concurrent callers. Batches are always full (short ones are padded), so a row's image does not depend on
/// how many rows are decoded with it, nor on the number of threads.
/// </remarks>
public sealed class VaeDecoder : IDisposable
{
    // Pixels: autoencoders hold a hundred channels or more at full resolution.
    private const long LargestSmallImage = 128 * 128;

    private readonly OnnxSession _session;
    private readonly LanePool<Lane> _lanes;
    private readonly TensorSignature _input;
    private readonly TensorSignature _output;

    private VaeDecoder(ModelFolder folder, OnnxSession session, OnnxSessionOptions options)
    {
        _session = session;
        LatentShape = folder.LatentShape;
        ImageSize = folder.ImageSize;
        ScalingFactor = folder.ScalingFactor;
        ShiftFactor = folder.ShiftFactor;
        session.RequireInputCount(1);
        _input = session.RequireInput(new TensorContract(["latent_sample"], TensorContract.Floats, new("b"), new("c", LatentShape.Channels), new("h", LatentShape.Height), new("w", LatentShape.Width)));
        _output = session.RequireOutput(new TensorContract(["sample"], TensorContract.Floats, new("b"), new("3", 3), new("H", ImageSize), new("W", ImageSize)));
        BatchSize = _input.Dimensions[0] ?? (options.BatchSize > 0 ? options.BatchSize : session.ChooseBatchSize((long)ImageSize * ImageSize, LargestSmallImage));
        _lanes = new LanePool<Lane>(() => new Lane(this));
    }

    /// <summary>Shape of one latent.</summary>
    public LatentShape LatentShape { get; }

    /// <summary>Side of the square images, in pixels.</summary>
    public int ImageSize { get; }

    /// <summary>Factor the latents were scaled by.</summary>
    public double ScalingFactor { get; }

    /// <summary>What was subtracted before scaling.</summary>
    public double ShiftFactor { get; }

    /// <summary>Rows per call of the network.</summary>
    public int BatchSize { get; }

    /// <summary>Provider, device and threads in words.</summary>
    public string Description => _session.Description;

    /// <summary>What the network takes and gives, in words.</summary>
    public string Signature => _session.Signature;

    /// <summary>Loads the decoder of a model folder.</summary>
    /// <param name="folder">The model.</param>
    /// <param name="options">Provider, threads, batch size; null for the defaults.</param>
    /// <param name="progress">Told of a fallback; null to tell nobody.</param>
    /// <exception cref="DdoqException">The network is missing, damaged, or not a decoder for this model.</exception>
    public static VaeDecoder Open(ModelFolder folder, OnnxSessionOptions? options = null, IProgressSink? progress = null)
    {
        ArgumentNullException.ThrowIfNull(folder);
        options ??= new OnnxSessionOptions();
        options = options with
        {
            RowsPerCall = options.BatchSize,
            InputShapes = new Dictionary<string, int[]> { ["latent_sample"] = [folder.LatentShape.Channels, folder.LatentShape.Height, folder.LatentShape.Width] },
        };
        OnnxSession session = OnnxSession.Open(folder.DecoderFile, options, progress);
        try
        {
            return new VaeDecoder(folder, session, options);
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <summary>Decodes latents.</summary>
    /// <param name="latents">[n, c, h, w], scaled.</param>
    /// <param name="count">n.</param>
    /// <param name="images">Receives [n, 3, H, W]; about [-1, 1], not clipped.</param>
    /// <param name="cancellation">Looked at between batches.</param>
    /// <exception cref="ArgumentException">A span is shorter than <paramref name="count"/> rows.</exception>
    /// <exception cref="DdoqException">The network fails.</exception>
    public unsafe void Decode(ReadOnlySpan<float> latents, int count, Span<float> images, CancellationToken cancellation = default)
    {
        int pixels = 3 * ImageSize * ImageSize, length = LatentShape.Length;
        RowSpans.Check(nameof(latents), latents.Length, count, length);
        RowSpans.Check(nameof(images), images.Length, count, pixels);
        fixed (float* latentsPin = latents, imagesPin = images)
        {
            float* source = latentsPin, destination = imagesPin;
            BatchLoop.Run(count, BatchSize, _session.LaneCount, _lanes, (lane, first, rows) => lane.Run(
                new ReadOnlySpan<float>(source + ((long)first * length), rows * length),
                new Span<float>(destination + ((long)first * pixels), rows * pixels)), cancellation);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _lanes.Dispose();
        _session.Dispose();
    }

    private sealed class Lane : IDisposable
    {
        private readonly TensorBuffer _latents;
        private readonly TensorBuffer _images;
        private readonly BoundCall _call;
        private readonly float _inverseScale;
        private readonly float _shift;

        public Lane(VaeDecoder owner)
        {
            LatentShape shape = owner.LatentShape;
            _latents = new TensorBuffer(owner._input, owner.BatchSize, shape.Channels, shape.Height, shape.Width);
            _images = new TensorBuffer(owner._output, owner.BatchSize, 3, owner.ImageSize, owner.ImageSize);
            _call = new BoundCall(owner._session, [_latents], [_images]);
            _inverseScale = (float)(1 / owner.ScalingFactor);
            _shift = (float)owner.ShiftFactor;
        }

        public void Run(ReadOnlySpan<float> latents, Span<float> images)
        {
            Span<float> input = _latents.Floats[..latents.Length];
            TensorPrimitives.Multiply(latents, _inverseScale, input);
            if (_shift != 0)
                TensorPrimitives.Add(input, _shift, input);
            _latents.Floats[latents.Length..].Clear();
            _call.Run();
            _images.Floats[..images.Length].CopyTo(images);
        }

        public void Dispose() => _call.Dispose();
    }
}
