using System.Numerics.Tensors;
using System.Text.Json;
using Ddoq.Onnx.Models;

namespace Ddoq.Onnx.Teachers;

/// <summary>What a <c>preprocessor_config.json</c> beside a network says of the images it takes.</summary>
internal sealed class ImagePreprocessor
{
    private readonly ConfigurationFile? _file;
    private readonly float[] _scale;
    private readonly float[] _shift;

    private ImagePreprocessor(ConfigurationFile? file)
    {
        _file = file;
        bool normalises = file?.Boolean("do_normalize") ?? true;
        double[] mean = Channels("image_mean", 0, normalises), deviation = Channels("image_std", 1, normalises);

        // (x / 255 - mean) / std for bytes is (x - mean) / std for images in [0, 1].
        _scale = Array.ConvertAll(deviation, d => (float)(1 / d));
        _shift = [.. mean.Zip(deviation, (m, d) => (float)(-m / d))];
    }

    /// <summary>The file; null where there is none.</summary>
    public ConfigurationFile? File => _file;

    /// <summary>Reads the file of a folder, where there is one.</summary>
    /// <exception cref="DdoqException">It is damaged.</exception>
    public static ImagePreprocessor Load(string folder) => new(ConfigurationFile.LoadIfPresent(Path.Combine(folder, "preprocessor_config.json")));

    /// <summary>A side in pixels: a number, or an object with the height or the shorter edge.</summary>
    public int? Side(string key)
    {
        if (_file is null || !_file.Root.TryGetProperty(key, out JsonElement element))
            return null;
        if (element.ValueKind == JsonValueKind.Number)
            return _file.Integer(key);
        return _file.Section(key) is { } size ? size.Integer("height") ?? size.Integer("shortest_edge") : null;
    }

    /// <summary>Takes the mean of each channel from an image and divides by its standard deviation; 0 and 1 where the file says nothing.</summary>
    /// <param name="image">[3, H, W] in [0, 1].</param>
    /// <param name="input">Receives the same shape.</param>
    public void Normalise(ReadOnlySpan<float> image, Span<float> input)
    {
        int plane = image.Length / 3;
        for (int channel = 0; channel < 3; channel++)
        {
            Span<float> target = input.Slice(channel * plane, plane);
            TensorPrimitives.Multiply(image.Slice(channel * plane, plane), _scale[channel], target);
            TensorPrimitives.Add(target, _shift[channel], target);
        }
    }

    private double[] Channels(string key, double fallback, bool read)
    {
        IReadOnlyList<double>? values = read ? _file?.Numbers(key) : null;
        if (values is null)
            return [fallback, fallback, fallback];
        return values.Count == 3 && values.All(double.IsFinite) && (key != "image_std" || values.All(v => v > 0))
            ? [.. values]
            : throw new DdoqException($"{_file!.Path}: '{key}' must hold 3 {(key == "image_std" ? "positive " : "")}numbers, found {values.Count}");
    }
}
