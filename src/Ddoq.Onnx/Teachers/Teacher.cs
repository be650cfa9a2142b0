using System.Globalization;
using System.Numerics.Tensors;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Sessions;

namespace Ddoq.Onnx.Teachers;

/// <summary>The classifier whose logits are the soft labels: <c>pixel_values</c> [b,3,H,W] to <c>logits</c> [b,C].</summary>
/// <remarks>
/// Safe for concurrent callers. Batches are always full (short ones are padded), so a row's logits do not depend on how
/// many rows are labelled with it, nor on the number of threads.
/// </remarks>
public sealed class Teacher : IDisposable
{
    private const long LargestSmallImage = 256 * 256;

    private readonly OnnxSession _session;
    private readonly LanePool<Lane> _lanes;
    private readonly TensorSignature _input;
    private readonly TensorSignature _output;
    private readonly float[] _scale;
    private readonly float[] _shift;

    private Teacher(string folder, OnnxSession session, OnnxSessionOptions options)
    {
        _session = session;
        Path = folder;
        ConfigurationFile? configuration = ConfigurationFile.LoadIfPresent(System.IO.Path.Combine(folder, "config.json"));
        ConfigurationFile? preprocessor = ConfigurationFile.LoadIfPresent(System.IO.Path.Combine(folder, "preprocessor_config.json"));
        session.RequireInputCount(1);
        _input = session.RequireInput(new TensorContract(["pixel_values", "input"], TensorContract.Floats, new("b"), new("3", 3), new("H"), new("W")));
        _output = session.RequireOutput(new TensorContract(["logits", "output"], TensorContract.Floats, new("b"), new("C")));
        ImageSize = _input.Dimensions[2] ?? Side(preprocessor) ?? configuration?.Integer("image_size")
            ?? throw new DdoqException($"{session.Path} takes images of any size and no configuration names one", $"write \"size\" to {System.IO.Path.Combine(folder, "preprocessor_config.json")}");
        if (_input.Dimensions[3] is { } width && width != ImageSize)
            throw new DdoqException($"{session.Path} takes images of {ImageSize}x{width}; square ones are expected");

        IReadOnlyList<string>? names = configuration?.Names("id2label");
        int classes = _output.Dimensions[1] ?? names?.Count ?? configuration?.Integer("num_labels")
            ?? throw new DdoqException($"{session.Path} leaves the number of classes open and no configuration names it", $"write \"id2label\" to {System.IO.Path.Combine(folder, "config.json")}");
        if (names is not null && names.Count != classes)
            throw new DdoqException($"{configuration!.Path}: 'id2label' names {names.Count} classes, the network gives {classes} logits", "write id2label with one entry per class");
        ClassNames = names ?? [.. Enumerable.Range(0, classes).Select(i => i.ToString(CultureInfo.InvariantCulture))];
        HasClassNames = names is not null;

        // (x / 255 - mean) / std for bytes is (x - mean) / std for the [0, 1] images taken here.
        bool normalises = preprocessor?.Boolean("do_normalize") ?? true;
        double[] mean = Channels(preprocessor, "image_mean", 0, normalises), deviation = Channels(preprocessor, "image_std", 1, normalises);
        _scale = Array.ConvertAll(deviation, d => (float)(1 / d));
        _shift = [.. mean.Zip(deviation, (m, d) => (float)(-m / d))];
        BatchSize = _input.Dimensions[0] ?? (options.BatchSize > 0 ? options.BatchSize : session.ChooseBatchSize((long)ImageSize * ImageSize, LargestSmallImage));
        _lanes = new LanePool<Lane>(() => new Lane(this));
    }

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>Class names in the order of the logits; the indices as text when the folder names none.</summary>
    public IReadOnlyList<string> ClassNames { get; }

    /// <summary>Whether the folder names the classes.</summary>
    public bool HasClassNames { get; }

    /// <summary>Logits per image (C).</summary>
    public int ClassCount => ClassNames.Count;

    /// <summary>Side of the square images, in pixels.</summary>
    public int ImageSize { get; }

    /// <summary>Rows per call of the network.</summary>
    public int BatchSize { get; }

    /// <summary>Provider, device and threads in words.</summary>
    public string Description => _session.Description;

    /// <summary>What the network takes and gives, in words.</summary>
    public string Signature => _session.Signature;

    /// <summary>Loads a teacher.</summary>
    /// <param name="folder">The folder that holds <c>model.onnx</c>, <c>config.json</c> and <c>preprocessor_config.json</c>.</param>
    /// <param name="options">Provider, threads, batch size; null for the defaults.</param>
    /// <param name="progress">Told of a fallback; null to tell nobody.</param>
    /// <exception cref="DdoqException">The network is missing, damaged, or not a classifier, or a configuration file contradicts it.</exception>
    public static Teacher Open(string folder, OnnxSessionOptions? options = null, IProgressSink? progress = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        options ??= new OnnxSessionOptions();
        OnnxSession session = OnnxSession.Open(System.IO.Path.Combine(folder, "model.onnx"), options, progress);
        try
        {
            return new Teacher(folder, session, options);
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <summary>Labels images.</summary>
    /// <param name="images">[n, 3, H, W] in [0, 1]; normalised here.</param>
    /// <param name="count">n.</param>
    /// <param name="logits">Receives [n, C].</param>
    /// <param name="cancellation">Looked at between batches.</param>
    /// <exception cref="ArgumentException">A span is shorter than <paramref name="count"/> rows.</exception>
    /// <exception cref="DdoqException">The network fails.</exception>
    public unsafe void Logits(ReadOnlySpan<float> images, int count, Span<float> logits, CancellationToken cancellation = default)
    {
        int pixels = 3 * ImageSize * ImageSize, classes = ClassCount;
        RowSpans.Check(nameof(images), images.Length, count, pixels);
        RowSpans.Check(nameof(logits), logits.Length, count, classes);
        fixed (float* imagesPin = images, logitsPin = logits)
        {
            float* source = imagesPin, destination = logitsPin;
            BatchLoop.Run(count, BatchSize, _session.LaneCount, _lanes, (lane, first, rows) => lane.Run(
                new ReadOnlySpan<float>(source + ((long)first * pixels), rows * pixels),
                new Span<float>(destination + ((long)first * classes), rows * classes)), cancellation);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _lanes.Dispose();
        _session.Dispose();
    }

    private static int? Side(ConfigurationFile? preprocessor)
    {
        // Where both are given, images are resized to "size" and then cut to "crop_size".
        foreach (string key in (ReadOnlySpan<string>)["crop_size", "size"])
        {
            if (preprocessor is null || !preprocessor.Root.TryGetProperty(key, out System.Text.Json.JsonElement element))
                continue;
            if (element.ValueKind == System.Text.Json.JsonValueKind.Number)
                return preprocessor.Integer(key);
            if (preprocessor.Section(key) is { } size)
                return size.Integer("height") ?? size.Integer("shortest_edge");
        }

        return null;
    }

    private static double[] Channels(ConfigurationFile? preprocessor, string key, double fallback, bool read)
    {
        IReadOnlyList<double>? values = read ? preprocessor?.Numbers(key) : null;
        if (values is null)
            return [fallback, fallback, fallback];
        return values.Count == 3 && values.All(double.IsFinite) && (key != "image_std" || values.All(v => v > 0))
            ? [.. values]
            : throw new DdoqException($"{preprocessor!.Path}: '{key}' must hold 3 {(key == "image_std" ? "positive " : "")}numbers, found {values.Count}");
    }

    private sealed class Lane : IDisposable
    {
        private readonly Teacher _owner;
        private readonly TensorBuffer _images;
        private readonly TensorBuffer _logits;
        private readonly BoundCall _call;

        public Lane(Teacher owner)
        {
            _owner = owner;
            _images = new TensorBuffer(owner._input, owner.BatchSize, 3, owner.ImageSize, owner.ImageSize);
            _logits = new TensorBuffer(owner._output, owner.BatchSize, owner.ClassCount);
            _call = new BoundCall(owner._session, [_images], [_logits]);
        }

        public void Run(ReadOnlySpan<float> images, Span<float> logits)
        {
            int plane = _owner.ImageSize * _owner.ImageSize;
            Span<float> input = _images.Floats;
            for (int start = 0, channel = 0; start < images.Length; start += plane, channel = (channel + 1) % 3)
            {
                Span<float> target = input.Slice(start, plane);
                TensorPrimitives.Multiply(images.Slice(start, plane), _owner._scale[channel], target);
                TensorPrimitives.Add(target, _owner._shift[channel], target);
            }

            input[images.Length..].Clear();
            _call.Run();
            _logits.Floats[..logits.Length].CopyTo(logits);
        }

        public void Dispose() => _call.Dispose();
    }
}
