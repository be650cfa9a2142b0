using System.Numerics.Tensors;
using Ddoq.Latents;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Sessions;

namespace Ddoq.Onnx.Autoencoders;

/// <summary>Images to latents, <c>z = (E(x) - shift) * scale</c>.</summary>
/// <remarks>Safe for concurrent callers; a row's latent depends on that row alone (<see cref="BatchedNetwork"/>).</remarks>
public sealed class VaeEncoder : BatchedNetwork
{
    // Pixels: autoencoders hold a hundred channels or more at full resolution.
    internal const long LargestSmallImage = 128 * 128;

    // The bounds of the autoencoders' own posterior.
    private const float LeastLogVariance = -30, MostLogVariance = 20;

    private VaeEncoder(ModelFolder folder, OnnxSession session, OnnxSessionOptions options)
        : base(session, Tensors(folder, session), options, folder.ImageSize, LargestSmallImage)
    {
        LatentShape = folder.LatentShape;
        ImageSize = folder.ImageSize;
        ScalingFactor = folder.ScalingFactor;
        ShiftFactor = folder.ShiftFactor;
        HasPosterior = GivesPosterior(session);
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

    /// <summary>Loads the encoder of a model folder.</summary>
    /// <param name="folder">The model.</param>
    /// <param name="options">Provider, threads, batch size; null for the defaults.</param>
    /// <param name="progress">Told of a fallback; null to tell nobody.</param>
    /// <exception cref="DdoqException">The network is missing, damaged, or not an encoder for this model.</exception>
    public static VaeEncoder Open(ModelFolder folder, OnnxSessionOptions? options = null, IProgressSink? progress = null)
    {
        ArgumentNullException.ThrowIfNull(folder);
        options = (options ?? new OnnxSessionOptions()).ForRows("sample", 3, folder.ImageSize, folder.ImageSize);
        return OnnxSession.Open(folder.EncoderFile, options, progress, session => new VaeEncoder(folder, session, options));
    }

    /// <summary>The mean of the posterior: the same image always gives the same latent.</summary>
    /// <param name="images">[n, 3, H, W] in [-1, 1].</param>
    /// <param name="count">n.</param>
    /// <param name="latents">Receives [n, c, h, w], scaled.</param>
    /// <param name="nameOf">Words for a row, for errors; null for its number.</param>
    /// <param name="cancellation">Looked at between batches.</param>
    /// <exception cref="ArgumentException">A span is shorter than <paramref name="count"/> rows.</exception>
    /// <exception cref="DdoqException">The network fails, or gives a value that is not finite.</exception>
    public void EncodeMean(ReadOnlySpan<float> images, int count, Span<float> latents, Func<int, string>? nameOf = null, CancellationToken cancellation = default) =>
        Encode(images, count, [], latents, nameOf, cancellation);

    /// <summary>A draw from the posterior, <c>mean + exp(logvar / 2) * noise</c>, as D4M encodes.</summary>
    /// <param name="images">[n, 3, H, W] in [-1, 1].</param>
    /// <param name="count">n.</param>
    /// <param name="noise">[n, c, h, w] standard normal.</param>
    /// <param name="latents">Receives [n, c, h, w], scaled.</param>
    /// <param name="nameOf">Words for a row, for errors; null for its number.</param>
    /// <param name="cancellation">Looked at between batches.</param>
    /// <exception cref="ArgumentException">A span is shorter than <paramref name="count"/> rows.</exception>
    /// <exception cref="DdoqException">The network gives no variance (<see cref="HasPosterior"/>), fails, or gives a value that is not finite.</exception>
    public void EncodeSample(
        ReadOnlySpan<float> images, int count, ReadOnlySpan<float> noise, Span<float> latents, Func<int, string>? nameOf = null, CancellationToken cancellation = default)
    {
        if (!HasPosterior)
            throw new DdoqException($"{Path} gives 'latent_sample' without a variance, so no seeded sample can be drawn", "export the encoder with 'latent_parameters', or encode the mean");
        RowSpans.Check(nameof(noise), noise.Length, count, LatentShape.Length);
        Encode(images, count, noise, latents, nameOf, cancellation);
    }

    private protected override void Prepare(ReadOnlySpan<float> row, Span<float> input) => row.CopyTo(input);

    private protected override void Finish(ReadOnlySpan<float> raw, ReadOnlySpan<float> extra, Span<float> output)
    {
        int length = output.Length;
        ReadOnlySpan<float> mean = raw[..length];
        if (extra.IsEmpty)
        {
            mean.CopyTo(output);
        }
        else
        {
            ReadOnlySpan<float> logVariance = raw[length..];
            for (int i = 0; i < length; i++)
                output[i] = mean[i] + (MathF.Exp(0.5f * Math.Clamp(logVariance[i], LeastLogVariance, MostLogVariance)) * extra[i]);
        }

        if (ShiftFactor != 0)
            TensorPrimitives.Subtract(output, (float)ShiftFactor, output);
        TensorPrimitives.Multiply(output, (float)ScalingFactor, output);
    }

    private void Encode(ReadOnlySpan<float> images, int count, ReadOnlySpan<float> noise, Span<float> latents, Func<int, string>? nameOf, CancellationToken cancellation)
    {
        int pixels = 3 * ImageSize * ImageSize;
        RowSpans.Check(nameof(images), images.Length, count, pixels);
        RowSpans.Check(nameof(latents), latents.Length, count, LatentShape.Length);
        Run(images, noise, latents, count, pixels, LatentShape.Length, nameOf, cancellation);
    }

    private static bool GivesPosterior(OnnxSession session) => session.Outputs.All(t => t.Name != "latent_sample");

    private static NetworkTensors Tensors(ModelFolder folder, OnnxSession session)
    {
        LatentShape shape = folder.LatentShape;
        int size = folder.ImageSize, perChannel = GivesPosterior(session) ? 2 : 1;
        session.RequireInputCount(1);
        return new NetworkTensors(
            session.RequireInput(NetworkTensors.Images(["sample"], size)), [3, size, size],
            session.RequireOutput(NetworkTensors.Latents(perChannel == 2 ? "latent_parameters" : "latent_sample", shape, perChannel)),
            [perChannel * shape.Channels, shape.Height, shape.Width]);
    }
}
