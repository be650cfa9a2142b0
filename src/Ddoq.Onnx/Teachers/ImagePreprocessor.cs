using System.Text.Json;
using Ddoq.Onnx.Models;

namespace Ddoq.Onnx.Teachers;

/// <summary>What a <c>preprocessor_config.json</c> beside a network says of the images it takes.</summary>
internal sealed class ImagePreprocessor
{
    private readonly ConfigurationFile? _file;

    private ImagePreprocessor(ConfigurationFile? file)
    {
        _file = file;
        bool normalises = file?.Boolean("do_normalize") ?? true;
        Mean = Channels("image_mean", 0, normalises);
        Deviation = Channels("image_std", 1, normalises);
    }

    /// <summary>The file; null where there is none.</summary>
    public ConfigurationFile? File => _file;

    /// <summary>Mean of each channel; 0 where nothing is said.</summary>
    public double[] Mean { get; }

    /// <summary>Standard deviation of each channel; 1 where nothing is said.</summary>
    public double[] Deviation { get; }

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
