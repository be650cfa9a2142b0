using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;

namespace Ddoq.Onnx.Models;

/// <summary>What the configuration files of encoder and decoder say; where both say something it must be the same.</summary>
internal sealed class AutoencoderConfiguration
{
    // What diffusers' AutoencoderKL takes when its configuration is silent.
    private const double DefaultScalingFactor = 0.18215;
    private const int DefaultFactor = 8;

    private readonly ConfigurationFile? _decoder;
    private readonly ConfigurationFile? _encoder;

    private AutoencoderConfiguration(ConfigurationFile? decoder, ConfigurationFile? encoder) => (_decoder, _encoder) = (decoder, encoder);

    /// <summary>The file, for messages.</summary>
    public string Path => (_decoder ?? _encoder)?.Path ?? "the autoencoder's config.json";

    public double ScalingFactor { get; private init; }

    public double ShiftFactor { get; private init; }

    /// <summary>Whether the encoder's own folder states both factors.</summary>
    public bool EncoderSaysScaling { get; private init; }

    public int? LatentChannels => Agreed("latent_channels", file => file.Integer("latent_channels"));

    public int? ImageSize => Agreed("sample_size", file => file.Integer("sample_size"));

    /// <summary>Reads both files; <c>vae/config.json</c>, which some exports keep, serves where neither is there.</summary>
    /// <exception cref="DdoqException">A file is malformed, or they contradict each other.</exception>
    public static AutoencoderConfiguration Read(ModelParts parts, List<string> assumptions)
    {
        ConfigurationFile? Load(string part) => ConfigurationFile.LoadIfPresent(System.IO.Path.Combine(parts.FolderOf(part), "config.json"));
        ConfigurationFile? decoder = Load("vae_decoder"), encoder = Load("vae_encoder");
        if (decoder is null && encoder is null)
            decoder = ConfigurationFile.LoadIfPresent(System.IO.Path.Combine(parts.Root, "vae", "config.json"));
        var files = new AutoencoderConfiguration(decoder, encoder);
        double? scaling = files.Agreed("scaling_factor", PositiveScaling), shift = files.Agreed("shift_factor", file => file.Number("shift_factor"));
        if (scaling is null)
            assumptions.Add(string.Create(CultureInfo.InvariantCulture, $"{files.Path} names no 'scaling_factor': {DefaultScalingFactor} is assumed, Stable Diffusion's"));
        return new AutoencoderConfiguration(decoder, encoder)
        {
            ScalingFactor = scaling ?? DefaultScalingFactor,
            ShiftFactor = shift ?? 0,
            EncoderSaysScaling = encoder?.Number("scaling_factor") is not null && (shift is null || encoder.Number("shift_factor") is not null),
        };
    }

    /// <summary>Pixels a side for each position of a latent.</summary>
    public int Factor(List<string> assumptions)
    {
        int? stated = Agreed("downsample_factor", file => file.Integer("downsample_factor")) ?? Agreed("block_out_channels", FactorOfBlocks);
        if (stated is < 1)
            throw new DdoqException($"{Path}: 'downsample_factor' is {stated}; it must be positive");
        if (stated is null)
            assumptions.Add($"{Path} names neither 'downsample_factor' nor 'block_out_channels': a factor of {DefaultFactor} is assumed, Stable Diffusion's");
        return stated ?? DefaultFactor;
    }

    private static double? PositiveScaling(ConfigurationFile file) => file.Number("scaling_factor") is not { } scaling || scaling > 0
        ? file.Number("scaling_factor")
        : throw new DdoqException(string.Create(CultureInfo.InvariantCulture, $"{file.Path}: 'scaling_factor' is {scaling}; it must be positive"));

    // Every block but the last halves the resolution.
    private static int? FactorOfBlocks(ConfigurationFile file) =>
        file.Root.TryGetProperty("block_out_channels", out JsonElement blocks) && blocks.ValueKind == JsonValueKind.Array && blocks.GetArrayLength() is > 0 and < 16 and int count
            ? 1 << (count - 1)
            : null;

    private T? Agreed<T>(string key, Func<ConfigurationFile, T?> read)
        where T : struct
    {
        T? decoder = _decoder is null ? null : read(_decoder), encoder = _encoder is null ? null : read(_encoder);
        if (decoder is { } one && encoder is { } other && !one.Equals(other))
        {
            throw new DdoqException(
                string.Create(CultureInfo.InvariantCulture, $"'{key}' is {other} in {_encoder!.Path} and {one} in {_decoder!.Path}; encoder and decoder must agree"),
                "export both from the same autoencoder, or correct the wrong file");
        }

        return decoder ?? encoder;
    }
}

/// <summary>Where the parts of a model lie: in its own folder, or in another model's that <c>model_index.json</c> names.</summary>
/// <remarks>
/// <c>"parts": {"vae_encoder": "../other/vae_encoder"}</c> lets models that were trained on the same latents share an
/// autoencoder and a teacher. Paths are relative to the folder of <c>model_index.json</c>, with forward slashes.
/// </remarks>
internal sealed class ModelParts
{
    private static readonly string[] s_names =
        ["vae_encoder", "vae_decoder", "transformer", "unet", "text_encoder", "tokenizer", "scheduler", "teacher"];

    private readonly SortedDictionary<string, string> _elsewhere = new(StringComparer.Ordinal);

    private ModelParts(string root) => Root = root;

    /// <summary>The model's own folder.</summary>
    public string Root { get; }

    /// <summary>Reads where the parts lie.</summary>
    /// <exception cref="DdoqException">A part is not known, or its folder does not exist.</exception>
    public static ModelParts Read(string root, ConfigurationFile index)
    {
        var parts = new ModelParts(root);
        if (index.Section("parts") is not { } section)
            return parts;
        foreach (System.Text.Json.JsonProperty property in section.Root.EnumerateObject())
        {
            if (!s_names.Contains(property.Name, StringComparer.Ordinal))
                throw new DdoqException($"{section.Path}: part '{property.Name}' is not known; parts are {string.Join(", ", s_names)}", "correct the name, or remove the entry");
            string folder = Path.GetFullPath(section.Text(property.Name) ?? property.Name, root);
            if (!Directory.Exists(folder))
                throw new DdoqException($"{section.Path}: '{property.Name}' is {section.Text(property.Name)}, but {folder} does not exist", "copy the model it shares the part with to that place, or correct the path");
            parts._elsewhere.Add(property.Name, folder);
        }

        return parts;
    }

    /// <summary>The folder of a part, whether or not it exists.</summary>
    public string FolderOf(string part) => _elsewhere.TryGetValue(part, out string? folder) ? folder : Path.Combine(Root, part);

    /// <summary>The network of a part, whether or not it exists.</summary>
    public string NetworkOf(string part) => Path.Combine(FolderOf(part), "model.onnx");

    /// <summary>SHA-256 of all files, by path under the root or under the part's name.</summary>
    public SortedDictionary<string, string> ComputeFileHashes()
    {
        SortedDictionary<string, string> hashes = HashFolder(Root);
        foreach ((string part, string folder) in _elsewhere)
        {
            foreach ((string file, string hash) in HashFolder(folder))
                hashes[$"{part}/{file}"] = hash;
        }

        return hashes;
    }

    /// <summary>SHA-256 of the files of one folder, by relative path.</summary>
    /// <exception cref="DdoqException">A file cannot be read.</exception>
    public static SortedDictionary<string, string> HashFolder(string folder)
    {
        var hashes = new SortedDictionary<string, string>(StringComparer.Ordinal);
        try
        {
            foreach (string file in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
            {
                using FileStream stream = File.OpenRead(file);
                hashes.Add(Path.GetRelativePath(folder, file).Replace('\\', '/'), Convert.ToHexStringLower(SHA256.HashData(stream)));
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new DdoqException($"model folder {folder} cannot be read: {exception.Message}", innerException: exception);
        }

        return hashes;
    }
}
