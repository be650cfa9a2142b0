using System.Numerics.Tensors;
using Ddoq.Onnx.Sessions;
using Ddoq.Onnx.Teachers;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Ddoq.Onnx.Features;

/// <summary>Any network from images to features: images [b, 3, H, W] to a row of F values each.</summary>
/// <remarks>
/// The output is <c>pooler_output</c>, <c>image_embeds</c>, <c>embeddings</c> or <c>features</c> where the network has one of these names, else the first of rank 2,
/// else of rank 4, whose positions [b, F, h, w] are averaged, else of rank 3, whose tokens [b, T, F] are. Images are normalised as a
/// <c>preprocessor_config.json</c> in the network's folder says; without one the network takes [0, 1]. Safe for concurrent callers;
/// a row depends on its image alone (<see cref="BatchedNetwork"/>).
/// </remarks>
public sealed class FeatureNetwork : BatchedNetwork
{
    private const long LargestSmallImage = 256 * 256;

    private static readonly string[] s_names = ["pooler_output", "image_embeds", "embeddings", "features"];

    private readonly ImagePreprocessor _preprocessor;
    private readonly long[] _shape;

    private FeatureNetwork(OnnxSession session, NetworkTensors tensors, ImagePreprocessor preprocessor, OnnxSessionOptions options, int side)
        : base(session, tensors, options, side, LargestSmallImage)
    {
        ImageSize = side;
        _shape = tensors.OutputShape;
        FeatureCount = (int)_shape[_shape.Length == 2 ? 1 : 0];
        Output = tensors.Output.Name;
        IsNormalised = preprocessor.File is not null;
        _preprocessor = preprocessor;
    }

    /// <summary>Side of the square images it takes, in pixels.</summary>
    public int ImageSize { get; }

    /// <summary>Values of a row (F).</summary>
    public int FeatureCount { get; }

    /// <summary>Name of the output in use.</summary>
    public string Output { get; }

    /// <summary>Whether a file beside the network says how images are normalised.</summary>
    public bool IsNormalised { get; }

    /// <summary>Loads a network.</summary>
    /// <param name="path">The ONNX file.</param>
    /// <param name="options">Provider, threads, batch size; null for the defaults.</param>
    /// <param name="progress">Told of a fallback, and of what is assumed; null to tell nobody.</param>
    /// <param name="imageSize">Side of the images where network and preprocessor leave it open.</param>
    /// <exception cref="DdoqException">The file is missing or damaged, takes no images, or gives no features.</exception>
    public static FeatureNetwork Open(string path, OnnxSessionOptions? options = null, IProgressSink? progress = null, int imageSize = 224)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new OnnxSessionOptions();
        FeatureNetwork network = OnnxSession.Open(path, options, progress, session =>
        {
            session.RequireInputCount(1);
            TensorSignature input = session.RequireInput(NetworkTensors.Images([session.Inputs[0].Name], null));
            ImagePreprocessor preprocessor = ImagePreprocessor.Load(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path))!);
            int side = input.Dimensions[2] ?? preprocessor.Side("crop_size") ?? preprocessor.Side("size") ?? imageSize;
            if (input.Dimensions[3] is { } width && width != side)
                throw new DdoqException($"{path} takes images of {side}x{width}; square ones are expected");
            TensorSignature output = Choose(session);
            return new FeatureNetwork(session, new NetworkTensors(input, [3, side, side], output, Probe(session, input, output, side)), preprocessor, options, side);
        });
        progress?.Message(
            $"features {path}: '{network.Output}', {network.FeatureCount} values of images of {network.ImageSize} pixels"
            + (network.IsNormalised ? string.Empty : "; no preprocessor_config.json beside it: pixels from 0 to 1 are given"));
        return network;
    }

    /// <summary>The features of images.</summary>
    /// <param name="images">[n, 3, side, side] in [0, 1] with <see cref="ImageSize"/>; normalised here.</param>
    /// <param name="count">n.</param>
    /// <param name="features">Receives [n, F].</param>
    /// <param name="nameOf">Words for a row, for errors; null for its number.</param>
    /// <param name="cancellation">Looked at between batches.</param>
    /// <exception cref="ArgumentException">A span is shorter than <paramref name="count"/> rows.</exception>
    /// <exception cref="DdoqException">The network fails, or gives a feature that is not finite.</exception>
    public void Extract(ReadOnlySpan<float> images, int count, Span<float> features, Func<int, string>? nameOf = null, CancellationToken cancellation = default)
    {
        int pixels = 3 * ImageSize * ImageSize;
        RowSpans.Check(nameof(images), images.Length, count, pixels);
        RowSpans.Check(nameof(features), features.Length, count, FeatureCount);
        Run(images, [], features, count, pixels, FeatureCount, nameOf, cancellation);
    }

    private protected override void Prepare(ReadOnlySpan<float> row, Span<float> input) => _preprocessor.Normalise(row, input);

    private protected override void Finish(ReadOnlySpan<float> raw, ReadOnlySpan<float> extra, Span<float> output)
    {
        if (_shape.Length == 1)
        {
            raw.CopyTo(output);
            return;
        }

        if (_shape.Length == 3)
        {
            int positions = raw.Length / output.Length;
            for (int feature = 0; feature < output.Length; feature++)
                output[feature] = TensorPrimitives.Sum(raw.Slice(feature * positions, positions)) / positions;
            return;
        }

        output.Clear();
        for (int token = 0; token < raw.Length / output.Length; token++)
            TensorPrimitives.Add(output, raw.Slice(token * output.Length, output.Length), output);
        TensorPrimitives.Divide(output, raw.Length / output.Length, output);
    }

    private static TensorSignature Choose(OnnxSession session)
    {
        TensorSignature[] usable = [.. session.Outputs.Where(output => output.Dimensions.Count is >= 2 and <= 4 && output.Element is TensorElementType.Float or TensorElementType.Float16)];
        return s_names.Select(name => usable.FirstOrDefault(output => output.Name == name)).FirstOrDefault(output => output is not null)
            ?? ((int[])[2, 4, 3]).Select(rank => usable.FirstOrDefault(output => output.Dimensions.Count == rank)).FirstOrDefault(output => output is not null)
            ?? throw new DdoqException(
                $"{session.Path} gives no features: found {string.Join(", ", session.Outputs)}; a float output [b,F], [b,F,h,w] or [b,T,F] is expected", "export the network with its pooled output");
    }

    // The sizes behind the batch, which a file may leave open: those that one image gives.
    private static long[] Probe(OnnxSession session, TensorSignature input, TensorSignature output, int side)
    {
        if (output.Dimensions.Skip(1).All(size => size is > 0))
            return [.. output.Dimensions.Skip(1).Select(size => (long)size!.Value)];
        int rows = input.Dimensions[0] ?? 1;
        using var image = new TensorBuffer(input, rows, 3, side, side);
        using var options = new RunOptions();
        using IDisposableReadOnlyCollection<OrtValue> results = session.Session.Run(options, [input.Name], [image.Value], [output.Name]);
        return results[0].GetTensorTypeAndShape().Shape[1..];
    }
}
