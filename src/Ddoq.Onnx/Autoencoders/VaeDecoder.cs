using System.Numerics.Tensors;
using Ddoq.Latents;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Sessions;

namespace Ddoq.Onnx.Autoencoders;

/// <summary>Latents to images, <c>x = D(z / scale + shift)</c>.</summary>
/// <remarks>Safe for concurrent callers; a row's image depends on that row alone (<see cref="BatchedNetwork"/>).</remarks>
public sealed class VaeDecoder : BatchedNetwork
{
    private readonly float _inverseScale;
    private readonly float _shift;

    private VaeDecoder(ModelFolder folder, OnnxSession session, OnnxSessionOptions options)
        : base(session, Tensors(folder, session), options, folder.ImageSize, VaeEncoder.LargestSmallImage)
    {
        LatentShape = folder.LatentShape;
        ImageSize = folder.ImageSize;
        ScalingFactor = folder.ScalingFactor;
        ShiftFactor = folder.ShiftFactor;
        _inverseScale = (float)(1 / ScalingFactor);
        _shift = (float)ShiftFactor;
    }

    /// <summary>Shape of one latent.</summary>
    public LatentShape LatentShape { get; }

    /// <summary>Side of the square images, in pixels.</summary>
    public int ImageSize { get; }

    /// <summary>Factor the latents were scaled by.</summary>
    public double ScalingFactor { get; }

    /// <summary>What was subtracted before scaling.</summary>
    public double ShiftFactor { get; }

    /// <summary>Loads the decoder of a model folder.</summary>
    /// <param name="folder">The model.</param>
    /// <param name="options">Provider, threads, batch size; null for the defaults.</param>
    /// <param name="progress">Told of a fallback; null to tell nobody.</param>
    /// <exception cref="DdoqException">The network is missing, damaged, or not a decoder for this model.</exception>
    public static VaeDecoder Open(ModelFolder folder, OnnxSessionOptions? options = null, IProgressSink? progress = null)
    {
        ArgumentNullException.ThrowIfNull(folder);
        LatentShape shape = folder.LatentShape;
        options = (options ?? new OnnxSessionOptions()).ForRows("latent_sample", shape.Channels, shape.Height, shape.Width);
        return OnnxSession.Open(folder.DecoderFile, options, progress, session => new VaeDecoder(folder, session, options));
    }

    /// <summary>Decodes latents.</summary>
    /// <param name="latents">[n, c, h, w], scaled.</param>
    /// <param name="count">n.</param>
    /// <param name="images">Receives [n, 3, H, W]; about [-1, 1], not clipped.</param>
    /// <param name="nameOf">Words for a row, for errors; null for its number.</param>
    /// <param name="cancellation">Looked at between batches.</param>
    /// <exception cref="ArgumentException">A span is shorter than <paramref name="count"/> rows.</exception>
    /// <exception cref="DdoqException">The network fails, or gives a pixel that is not finite.</exception>
    public void Decode(ReadOnlySpan<float> latents, int count, Span<float> images, Func<int, string>? nameOf = null, CancellationToken cancellation = default)
    {
        int pixels = 3 * ImageSize * ImageSize;
        RowSpans.Check(nameof(latents), latents.Length, count, LatentShape.Length);
        RowSpans.Check(nameof(images), images.Length, count, pixels);
        Run(latents, [], images, count, LatentShape.Length, pixels, nameOf, cancellation);
    }

    private protected override void Prepare(ReadOnlySpan<float> row, Span<float> input)
    {
        TensorPrimitives.Multiply(row, _inverseScale, input);
        if (_shift != 0)
            TensorPrimitives.Add(input, _shift, input);
    }

    private static NetworkTensors Tensors(ModelFolder folder, OnnxSession session)
    {
        LatentShape shape = folder.LatentShape;
        int size = folder.ImageSize;
        session.RequireInputCount(1);
        return new NetworkTensors(
            session.RequireInput(NetworkTensors.Latents("latent_sample", shape)), [shape.Channels, shape.Height, shape.Width],
            session.RequireOutput(NetworkTensors.Images(["sample"], size)), [3, size, size]);
    }
}
