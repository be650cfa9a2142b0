using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Ddoq.Onnx.Sessions;

/// <summary>How TensorRT builds the engine of one network, and where it keeps it.</summary>
/// <remarks>
/// Building an engine takes minutes, so it is kept, with the timings of its kernels, in a folder of its own whose name is a
/// hash of all that it depends on: the network's files, the runtime's version, the device, the precision and the shapes.
/// Another combination gets another folder, so an engine is never used for what it was not built for. Keys and values are
/// those of ONNX Runtime's TensorRT execution provider.
/// </remarks>
internal sealed class TensorRtEngine
{
    private const string KeyFile = "engine-key.txt";

    private readonly string[] _key;

    /// <param name="network">The .onnx file; weights in further files beside it (<c>model.onnx_data</c>) belong to it.</param>
    /// <param name="runtimeVersion">Version of ONNX Runtime.</param>
    /// <param name="device">Index and, where it is known, model of the device.</param>
    /// <param name="options">Precision, rows per call.</param>
    /// <param name="inputs">What the network takes, with open dimensions.</param>
    public TensorRtEngine(string network, string runtimeVersion, string device, OnnxSessionOptions options, IReadOnlyList<TensorSignature> inputs)
    {
        Precision = options.AllowHalfPrecision ? "float16" : "float32";
        Profile = ProfileOf(inputs, options);
        _key =
        [
            $"network {HashOf(network)}",
            $"runtime {runtimeVersion}",
            $"device {device}",
            $"precision {Precision}",
            $"profile {Profile ?? "open"}",
        ];
        Key = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', _key))))[..24];
        Folder = options.EngineCache is { } cache ? Path.Combine(cache, Key) : null;
    }

    /// <summary>Hash of all that the engine depends on.</summary>
    public string Key { get; }

    /// <summary>Where engine and timings are kept; null to keep nothing.</summary>
    public string? Folder { get; }

    /// <summary>Largest precision of the arithmetic.</summary>
    public string Precision { get; }

    /// <summary>The one shape the engine is built for, or null for any.</summary>
    public string? Profile { get; }

    /// <summary>The provider's options; makes the folder of the cache.</summary>
    /// <exception cref="DdoqException">The folder of the cache cannot be written.</exception>
    public Dictionary<string, string> ToProviderOptions(int deviceId)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["device_id"] = deviceId.ToString(CultureInfo.InvariantCulture),
            ["trt_fp16_enable"] = Precision == "float16" ? "1" : "0",
        };
        if (Profile is not null)
        {
            // One shape only: the engine is tuned for it and needs no memory for larger ones.
            values["trt_profile_min_shapes"] = Profile;
            values["trt_profile_opt_shapes"] = Profile;
            values["trt_profile_max_shapes"] = Profile;
        }

        if (Folder is not null)
        {
            try
            {
                Directory.CreateDirectory(Folder);
                File.WriteAllLines(Path.Combine(Folder, KeyFile), _key);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                throw new DdoqException($"engine cache {Folder} cannot be written: {exception.Message}", "give another folder with --engine-cache", exception);
            }

            values["trt_engine_cache_enable"] = "1";
            values["trt_engine_cache_path"] = Folder;
            values["trt_timing_cache_enable"] = "1";
            values["trt_timing_cache_path"] = Folder;
        }

        return values;
    }

    /// <summary>The model of the devices the driver lists, for the key; null where it does not tell.</summary>
    public static string DescribeDevice(int deviceId)
    {
        const string Listing = "/proc/driver/nvidia/gpus";
        string index = deviceId.ToString(CultureInfo.InvariantCulture);
        try
        {
            string[] files = Directory.Exists(Listing) ? [.. Directory.EnumerateFiles(Listing, "information", SearchOption.AllDirectories).Order(StringComparer.Ordinal)] : [];
            return deviceId < files.Length
                ? $"{index} {File.ReadLines(files[deviceId]).FirstOrDefault(line => line.StartsWith("Model:", StringComparison.Ordinal))?[6..].Trim()}".TrimEnd()
                : index;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return index;
        }
    }

    // The provider takes profiles for all inputs with open dimensions or for none.
    private static string? ProfileOf(IReadOnlyList<TensorSignature> inputs, OnnxSessionOptions options)
    {
        if (options.RowsPerCall == 0 || inputs.Count == 0)
            return null;
        string rowsSymbol = inputs[0].Symbols.Count > 0 ? inputs[0].Symbols[0] : string.Empty;
        var parts = new List<string>();
        foreach (TensorSignature input in inputs)
        {
            if (input.Dimensions.All(size => size is not null))
                continue;
            var sizes = new int[input.Dimensions.Count];
            for (int i = 0; i < sizes.Length; i++)
            {
                int? size = input.Dimensions[i]
                    ?? (i == 0 ? (int?)(ReferenceEquals(input, inputs[0]) || input.Symbols[0] == rowsSymbol ? options.RowsPerCall : 1) : null)
                    ?? (options.InputShapes.TryGetValue(input.Name, out int[]? known) && i <= known.Length ? known[i - 1] : null);
                if (size is not { } value)
                    return null;
                sizes[i] = value;
            }

            parts.Add($"{input.Name}:{string.Join('x', sizes)}");
        }

        return parts.Count == 0 ? null : string.Join(',', parts);
    }

    private static string HashOf(string network)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(network))!, name = Path.GetFileName(network);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string file in Directory.EnumerateFiles(folder, name + "*").Order(StringComparer.Ordinal))
        {
            using FileStream stream = File.OpenRead(file);
            hash.AppendData(SHA256.HashData(stream));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
