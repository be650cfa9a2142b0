using System.Globalization;
using System.Numerics.Tensors;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Sessions;

namespace Ddoq.Onnx.Teachers;

/// <summary>The classifier whose logits are the soft labels: <c>pixel_values</c> [b,3,H,W] to <c>logits</c> [b,C].</summary>
/// <remarks>
/// Safe for concurrent callers; a row's logits depend on that row alone (<see cref="BatchedNetwork"/>). Images of another size
/// than the network's are resized as its <c>preprocessor_config.json</c> says.
/// </remarks>
public sealed class Teacher : BatchedNetwork
{
    private const long LargestSmallImage = 256 * 256;

    private readonly ImagePreprocessor _preprocessor;
    private readonly SquareResampler? _resampler;

    private Teacher(TeacherFolder folder, OnnxSession session, OnnxSessionOptions options, int? inputSide)
        : base(session, folder.Tensors, options, folder.ImageSize, LargestSmallImage)
    {
        _preprocessor = folder.Preprocessor;
        ImageSize = folder.ImageSize;
        InputSide = inputSide ?? ImageSize;
        ClassNames = folder.ClassNames;
        HasClassNames = folder.HasClassNames;
        if (InputSide != ImageSize)
            _resampler = folder.Resampler(InputSide);
    }

    /// <summary>Class names in the order of the logits; the indices as text when the folder names none.</summary>
    public IReadOnlyList<string> ClassNames { get; }

    /// <summary>Whether the folder names the classes.</summary>
    public bool HasClassNames { get; }

    /// <summary>Logits per image (C).</summary>
    public int ClassCount => ClassNames.Count;

    /// <summary>Side of the square images the network takes, in pixels.</summary>
    public int ImageSize { get; }

    /// <summary>Side of the square images that <see cref="Logits"/> takes.</summary>
    public int InputSide { get; }

    /// <summary>Loads a teacher.</summary>
    /// <param name="folder">The folder that holds <c>model.onnx</c>, <c>config.json</c> and <c>preprocessor_config.json</c>.</param>
    /// <param name="options">Provider, threads, batch size; null for the defaults.</param>
    /// <param name="progress">Told of a fallback, and of images that are resized; null to tell nobody.</param>
    /// <param name="inputSide">Side of the square images to label; null for the network's own.</param>
    /// <exception cref="DdoqException">
    /// The network is missing, damaged, or not a classifier, a configuration file contradicts it, or it does not say how images
    /// of another size become its own.
    /// </exception>
    public static Teacher Open(string folder, OnnxSessionOptions? options = null, IProgressSink? progress = null, int? inputSide = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        options ??= new OnnxSessionOptions();
        Teacher teacher = OnnxSession.Open(
            System.IO.Path.Combine(folder, "model.onnx"), options, progress, session => new Teacher(new TeacherFolder(folder, session), session, options, inputSide));
        if (teacher._resampler is not null)
            progress?.Message($"teacher {folder}: images of {teacher.InputSide} pixels are resized to its {teacher.ImageSize}");
        return teacher;
    }

    /// <summary>Labels images.</summary>
    /// <param name="images">[n, 3, side, side] in [0, 1] with <see cref="InputSide"/>; resized and normalised here.</param>
    /// <param name="count">n.</param>
    /// <param name="logits">Receives [n, C].</param>
    /// <param name="nameOf">Words for a row, for errors; null for its number.</param>
    /// <param name="cancellation">Looked at between batches.</param>
    /// <exception cref="ArgumentException">A span is shorter than <paramref name="count"/> rows.</exception>
    /// <exception cref="DdoqException">The network fails, or gives a logit that is not finite.</exception>
    public void Logits(ReadOnlySpan<float> images, int count, Span<float> logits, Func<int, string>? nameOf = null, CancellationToken cancellation = default)
    {
        int pixels = 3 * InputSide * InputSide;
        RowSpans.Check(nameof(images), images.Length, count, pixels);
        RowSpans.Check(nameof(logits), logits.Length, count, ClassCount);
        Run(images, [], logits, count, pixels, ClassCount, nameOf, cancellation);
    }

    private protected override void Prepare(ReadOnlySpan<float> row, Span<float> input)
    {
        if (_resampler is not null)
        {
            _resampler.Resize(row, input);
            row = input;
        }

        _preprocessor.Normalise(row[..(3 * ImageSize * ImageSize)], input);
    }
}

/// <summary>What a teacher's folder says of its network: image size, classes, preprocessing.</summary>
internal sealed class TeacherFolder
{
    // Pillow's number for bilinear, which preprocessors that name no filter mean.
    private const int DefaultFilter = 2;

    private readonly string _folder;

    public TeacherFolder(string folder, OnnxSession session)
    {
        _folder = folder;
        ConfigurationFile? configuration = ConfigurationFile.LoadIfPresent(Path.Combine(folder, "config.json"));
        Preprocessor = ImagePreprocessor.Load(folder);
        session.RequireInputCount(1);
        TensorSignature input = session.RequireInput(NetworkTensors.Images(["pixel_values", "input"], null));
        TensorSignature output = session.RequireOutput(new TensorContract(["logits", "output"], TensorContract.Floats, new("b"), new("C")));
        ImageSize = input.Dimensions[2] ?? Preprocessor.Side("crop_size") ?? Preprocessor.Side("size") ?? configuration?.Integer("image_size")
            ?? throw new DdoqException($"{session.Path} takes images of any size and no configuration names one", $"write \"size\" to {Path.Combine(folder, "preprocessor_config.json")}");
        if (input.Dimensions[3] is { } width && width != ImageSize)
            throw new DdoqException($"{session.Path} takes images of {ImageSize}x{width}; square ones are expected");

        IReadOnlyList<string>? names = configuration?.Names("id2label");
        int classes = output.Dimensions[1] ?? names?.Count ?? configuration?.Integer("num_labels")
            ?? throw new DdoqException($"{session.Path} leaves the number of classes open and no configuration names it", $"write \"id2label\" to {Path.Combine(folder, "config.json")}");
        if (names is not null && names.Count != classes)
            throw new DdoqException($"{configuration!.Path}: 'id2label' names {names.Count} classes, the network gives {classes} logits", "write id2label with one entry per class");
        ClassNames = names ?? [.. Enumerable.Range(0, classes).Select(i => i.ToString(CultureInfo.InvariantCulture))];
        HasClassNames = names is not null;
        Tensors = new NetworkTensors(input, [3, ImageSize, ImageSize], output, [classes]);
    }

    public NetworkTensors Tensors { get; }

    public int ImageSize { get; }

    public IReadOnlyList<string> ClassNames { get; }

    public bool HasClassNames { get; }

    public ImagePreprocessor Preprocessor { get; }

    /// <summary>How images of a side become the network's.</summary>
    /// <exception cref="DdoqException">The folder does not say, or in a way that is not known.</exception>
    public SquareResampler Resampler(int side)
    {
        string found = $"the images have {side} pixels a side, the teacher {_folder} takes {ImageSize}";
        if (Preprocessor.File is not { } file || file.Boolean("do_resize") == false || Preprocessor.Side("size") is not { } resized)
            throw new DdoqException($"{found}, and its preprocessor_config.json does not say how to resize them", "write \"do_resize\": true and \"size\" to that file, or use a teacher of the images' size");
        int filter = file.Integer("resample") ?? DefaultFilter;
        if (!SquareResampler.Knows(filter))
            throw file.Unsupported("resample", filter.ToString(CultureInfo.InvariantCulture), "0 (nearest), 2 (bilinear), 3 (bicubic)");
        return resized >= ImageSize
            ? new SquareResampler(side, resized, ImageSize, filter)
            : throw new DdoqException($"{file.Path}: 'size' is {resized}, but the network takes {ImageSize} pixels", "write a size that is at least the network's");
    }
}

/// <summary>Resizes square images of floats as a teacher's preprocessor does: resize to one side, then cut out the middle.</summary>
/// <remarks>
/// Separable filters widened by the scale when an image shrinks, so that no pixel is passed over; positions are those of pixel
/// centres. This is what Pillow's <c>resize</c> computes, here without its rounding to bytes. Immutable, safe for concurrent use.
/// </remarks>
internal sealed class SquareResampler
{
    private readonly int _from;
    private readonly int _resized;
    private readonly int _first;
    private readonly (int Start, float[] Weights)[] _taps;

    /// <param name="from">Side of the images.</param>
    /// <param name="resized">Side after resizing.</param>
    /// <param name="side">Side of the middle that is kept.</param>
    /// <param name="filter">Pillow's number: 0 nearest, 2 bilinear, 3 bicubic.</param>
    public SquareResampler(int from, int resized, int side, int filter)
    {
        _from = from;
        Side = side;
        _resized = resized;
        _first = (resized - side) / 2;
        _taps = [.. Enumerable.Range(_first, side).Select(i => Taps(i, filter))];
    }

    /// <summary>Side of the result.</summary>
    public int Side { get; }

    /// <summary>Whether a preprocessor's filter is known.</summary>
    public static bool Knows(int filter) => filter is 0 or 2 or 3;

    /// <summary>Resizes planes.</summary>
    /// <param name="planes">[n, from, from].</param>
    /// <param name="results">Receives [n, side, side].</param>
    public void Resize(ReadOnlySpan<float> planes, Span<float> results)
    {
        var rows = new float[Side * _from];
        for (int plane = 0; plane < results.Length / (Side * Side); plane++)
        {
            ReadOnlySpan<float> source = planes.Slice(plane * _from * _from, _from * _from);
            Span<float> result = results.Slice(plane * Side * Side, Side * Side);
            for (int y = 0; y < Side; y++)
            {
                Span<float> row = rows.AsSpan(y * _from, _from);
                row.Clear();
                (int start, float[] weights) = _taps[y];
                for (int k = 0; k < weights.Length; k++)
                    TensorPrimitives.MultiplyAdd(source.Slice((start + k) * _from, _from), weights[k], row, row);
                for (int x = 0; x < Side; x++)
                    result[(y * Side) + x] = TensorPrimitives.Dot(row.Slice(_taps[x].Start, _taps[x].Weights.Length), _taps[x].Weights);
            }
        }
    }

    private (int Start, float[] Weights) Taps(int position, int filter)
    {
        double scale = (double)_from / _resized, centre = (position + 0.5) * scale;
        if (filter == 0)
            return (Math.Min(_from - 1, (int)centre), [1]);
        double stretch = Math.Max(scale, 1), reach = (filter == 2 ? 1 : 2) * stretch;
        int start = Math.Max(0, (int)(centre - reach + 0.5)), end = Math.Min(_from, (int)(centre + reach + 0.5));
        double[] weights = [.. Enumerable.Range(start, end - start).Select(i => Weight((i - centre + 0.5) / stretch, filter))];
        double sum = weights.Sum();
        return (start, Array.ConvertAll(weights, weight => (float)(weight / sum)));
    }

    // Bilinear; bicubic with a = -1/2 (Keys, "Cubic convolution interpolation for digital image processing", 1981).
    private static double Weight(double x, int filter)
    {
        x = Math.Abs(x);
        if (filter == 2)
            return Math.Max(0, 1 - x);
        return x < 1 ? (((1.5 * x) - 2.5) * x * x) + 1 : x < 2 ? (((((-0.5 * x) + 2.5) * x) - 4) * x) + 2 : 0;
    }
}
