using System.Security.Cryptography;
using Ddoq.Latents;
using Ddoq.Onnx.Schedulers;

namespace Ddoq.Onnx.Models;

/// <summary>A diffusion model exported to ONNX: its configuration, read and checked without loading a network.</summary>
/// <remarks>
/// The layout is the one Hugging Face optimum exports, with <c>transformer/</c> in the place of <c>unet/</c> for DiT.
/// Immutable, safe for concurrent use.
/// </remarks>
public sealed class ModelFolder
{
    // The factor of the autoencoders of Stable Diffusion 1.x and DiT, and the default of the file format.
    private const double DefaultScalingFactor = 0.18215;

    private readonly ModelParts _parts;

    private ModelFolder(ModelParts parts) => _parts = parts;

    /// <summary>The folder.</summary>
    public string Path => _parts.Root;

    /// <summary>Which network runs the reverse process.</summary>
    public ModelLayout Layout { get; private init; }

    /// <summary>Class names in label order; empty for text-conditional models, which take any.</summary>
    public IReadOnlyList<string> ClassNames { get; private init; } = [];

    /// <summary>Side of the square images the autoencoder is run on, in pixels.</summary>
    public int ImageSize { get; private init; }

    /// <summary>How images of another size are made to fit.</summary>
    public ImageFit Fit { get; private init; }

    /// <summary>Grey value of the padding under <see cref="ImageFit.Pad"/>, 0 to 255.</summary>
    public int PadValue { get; private init; }

    /// <summary>Shape of one latent.</summary>
    public LatentShape LatentShape { get; private init; }

    /// <summary>Factor between the autoencoder's latents and the diffusion model's (0.18215 for Stable Diffusion).</summary>
    public double ScalingFactor { get; private init; }

    /// <summary>Subtracted from the autoencoder's latents before scaling; 0 for most models.</summary>
    public double ShiftFactor { get; private init; }

    /// <summary>Classes the network knows; 0 for text-conditional models.</summary>
    public int ClassCount { get; private init; }

    /// <summary>The label that stands for "no class" in guidance: <see cref="ClassCount"/> unless the configuration names another.</summary>
    public int NullClass { get; private init; }

    /// <summary>Channels of the network's prediction, when the configuration tells: twice the latent's with learned variance.</summary>
    public int? OutputChannels { get; private init; }

    /// <summary>The author's recommendations.</summary>
    public ModelDefaults Defaults { get; private init; } = new();

    /// <summary>The noise schedule.</summary>
    public SchedulerConfiguration Scheduler { get; private init; } = SchedulerConfiguration.DiT;

    /// <summary>The teacher that comes with the model; null when there is none.</summary>
    public string? TeacherFolder { get; private init; }

    /// <summary>The encoder's network.</summary>
    public string EncoderFile => _parts.NetworkOf("vae_encoder");

    /// <summary>The decoder's network.</summary>
    public string DecoderFile => _parts.NetworkOf("vae_decoder");

    /// <summary>The network of the reverse process.</summary>
    public string BackboneFile => _parts.NetworkOf(Layout == ModelLayout.DiT ? "transformer" : "unet");

    /// <summary>The network that turns a prompt's tokens into the UNet's condition (<see cref="ModelLayout.StableDiffusion"/>).</summary>
    public string TextEncoderFile => _parts.NetworkOf("text_encoder");

    /// <summary>The folder of the tokenizer's vocabulary (<see cref="ModelLayout.StableDiffusion"/>).</summary>
    public string TokenizerFolder => _parts.FolderOf("tokenizer");

    /// <summary>Reads a model folder.</summary>
    /// <param name="path">The folder that holds <c>model_index.json</c>.</param>
    /// <exception cref="DdoqException">The folder or a part is missing, or a configuration file is malformed or contradicts another.</exception>
    public static ModelFolder Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string full = System.IO.Path.GetFullPath(path);
        if (!Directory.Exists(full))
            throw new DdoqException($"model folder {full} does not exist", "give the folder that holds model_index.json");
        if (!File.Exists(System.IO.Path.Combine(full, "model_index.json")))
            throw new DdoqException($"{full} holds no model_index.json, so it is not a model folder", "give the folder that holds model_index.json, vae_encoder/, vae_decoder/ and transformer/ or unet/");

        ConfigurationFile index = ConfigurationFile.Load(System.IO.Path.Combine(full, "model_index.json"));
        ModelParts parts = ModelParts.Read(full, index);
        bool hasTransformer = Directory.Exists(parts.FolderOf("transformer"));
        bool hasUNet = Directory.Exists(parts.FolderOf("unet"));
        if (hasTransformer == hasUNet)
            throw new DdoqException($"{full} holds {(hasTransformer ? "both" : "neither")} transformer/ {(hasTransformer ? "and" : "nor")} unet/; one of them is expected", "export the model again");
        ModelLayout layout = hasTransformer ? ModelLayout.DiT : ModelLayout.StableDiffusion;
        string backbone = hasTransformer ? "transformer" : "unet";
        foreach (string part in hasTransformer ? (ReadOnlySpan<string>)["vae_encoder", "vae_decoder", backbone] : ["vae_encoder", "vae_decoder", backbone, "text_encoder"])
        {
            if (!File.Exists(parts.NetworkOf(part)))
                throw new DdoqException($"{parts.NetworkOf(part)} is missing", "export the model to ONNX again; the folder is incomplete");
        }

        ConfigurationFile network = ConfigurationFile.Load(System.IO.Path.Combine(parts.FolderOf(backbone), "config.json"));
        ConfigurationFile? autoencoder = ConfigurationFile.LoadIfPresent(System.IO.Path.Combine(parts.FolderOf("vae_decoder"), "config.json"))
            ?? ConfigurationFile.LoadIfPresent(System.IO.Path.Combine(parts.FolderOf("vae_encoder"), "config.json"))
            ?? ConfigurationFile.LoadIfPresent(System.IO.Path.Combine(full, "vae", "config.json"));
        ConfigurationFile? preprocess = index.Section("preprocess");
        ConfigurationFile? defaults = index.Section("defaults");
        ModelDefaults usual = ModelDefaults.For(layout);

        int latentSize = Positive(network, "sample_size", "side of a latent");
        int channels = Positive(network, "in_channels", "channels of a latent");
        int factor = autoencoder?.Integer("downsample_factor") ?? DownsampleFactor(autoencoder);
        int imageSize = preprocess?.Integer("image_size") ?? (latentSize * factor);
        if (imageSize != latentSize * factor)
            throw new DdoqException($"{index.Path}: 'preprocess.image_size' is {imageSize}, but latents of {latentSize} at a downsampling factor of {factor} decode to {latentSize * factor}");

        IReadOnlyList<string> names = index.Names("id2label") ?? [];
        int classes = layout == ModelLayout.StableDiffusion ? 0 : network.Integer("num_embeds_ada_norm") ?? network.Integer("num_classes") ?? names.Count;
        if (layout == ModelLayout.DiT && (classes < 1 || names.Count != classes))
            throw new DdoqException($"{index.Path}: 'id2label' names {names.Count} classes, {network.Path} has {classes}; they must agree", "write id2label with one entry per class");

        double scaling = autoencoder?.Number("scaling_factor") ?? DefaultScalingFactor;
        if (!(scaling > 0))
            throw new DdoqException($"{autoencoder!.Path}: 'scaling_factor' is {scaling}; it must be positive");
        return new ModelFolder(parts)
        {
            Layout = layout,
            ClassNames = names,
            ClassCount = classes,
            NullClass = network.Integer("null_class_id") ?? classes,
            ImageSize = imageSize,
            Fit = preprocess?.Choice("fit", ("pad", ImageFit.Pad), ("crop", ImageFit.Crop), ("stretch", ImageFit.Stretch)) ?? ImageFit.Crop,
            PadValue = preprocess?.Integer("pad_value") ?? 0,
            LatentShape = new LatentShape(channels, latentSize, latentSize),
            ScalingFactor = scaling,
            ShiftFactor = autoencoder?.Number("shift_factor") ?? 0,
            OutputChannels = network.Integer("out_channels"),
            Defaults = usual with
            {
                GuidanceScale = defaults?.Number("guidance_scale") ?? usual.GuidanceScale,
                NumInferenceSteps = defaults?.Integer("num_inference_steps") ?? usual.NumInferenceSteps,
                StartAlphaBar = defaults?.Number("start_alpha_bar") ?? usual.StartAlphaBar,
                Prompt = defaults?.Text("prompt"),
                NegativePrompt = defaults?.Text("negative_prompt"),
            },
            Scheduler = SchedulerConfiguration.Load(System.IO.Path.Combine(parts.FolderOf("scheduler"), "scheduler_config.json")),
            TeacherFolder = File.Exists(parts.NetworkOf("teacher")) ? parts.FolderOf("teacher") : null,
        };
    }

    /// <summary>
    /// SHA-256 of every file of the folder and of the parts it takes from others, lower-case hexadecimal, by path relative to
    /// the folder with forward slashes, in ordinal order; a part of another folder is listed under the part's own name.
    /// </summary>
    /// <remarks>Reads everything once per call; keep the result.</remarks>
    /// <exception cref="DdoqException">A file cannot be read.</exception>
    public IReadOnlyDictionary<string, string> ComputeFileHashes() => _parts.ComputeFileHashes();

    /// <summary>One SHA-256 that changes when any file of the encoder does; a latent store keeps it.</summary>
    /// <exception cref="DdoqException">A file cannot be read.</exception>
    public string ComputeEncoderHash()
    {
        string listing = string.Join('\n', ModelParts.HashFolder(_parts.FolderOf("vae_encoder")).Select(entry => $"{entry.Key} {entry.Value}"));
        return Convert.ToHexStringLower(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(listing)));
    }

    private static int Positive(ConfigurationFile file, string key, string meaning)
    {
        int value = file.Integer(key) ?? throw file.Missing(key, meaning);
        return value > 0 ? value : throw new DdoqException($"{file.Path}: '{key}' ({meaning}) is {value}; it must be positive");
    }

    // Every block but the last halves the resolution.
    private static int DownsampleFactor(ConfigurationFile? autoencoder) =>
        autoencoder is not null && autoencoder.Root.TryGetProperty("block_out_channels", out System.Text.Json.JsonElement blocks)
            && blocks.ValueKind == System.Text.Json.JsonValueKind.Array && blocks.GetArrayLength() is > 0 and < 16 and int count
            ? 1 << (count - 1)
            : 8;
}

/// <summary>Which network runs the reverse process.</summary>
public enum ModelLayout
{
    /// <summary>A class-conditional transformer, <c>transformer/model.onnx</c>.</summary>
    DiT,

    /// <summary>A text-conditional UNet with text encoder and tokenizer, <c>unet/model.onnx</c>.</summary>
    StableDiffusion,
}

/// <summary>How an image of another size becomes a square of the model's size.</summary>
public enum ImageFit
{
    /// <summary><c>stretch</c>: resized to the square without keeping the aspect ratio (D4M).</summary>
    Stretch,

    /// <summary><c>crop</c>: the shorter side resized to the square's, then the middle cut out.</summary>
    Crop,

    /// <summary><c>pad</c>: placed in the middle, never enlarged, the rest filled with <see cref="ModelFolder.PadValue"/>.</summary>
    Pad,
}

/// <summary>How a model is run when nobody says otherwise: its author's recommendations, from <c>defaults</c> of <c>model_index.json</c>, or the layout's.</summary>
public sealed record ModelDefaults
{
    /// <summary>Classifier-free guidance scale.</summary>
    public double GuidanceScale { get; init; } = 4;

    /// <summary>Kept timesteps.</summary>
    public int NumInferenceSteps { get; init; } = 50;

    /// <summary>Start level of the reverse process as alpha-bar; D4M's is 0.0819.</summary>
    /// <remarks>
    /// Chosen on 2,000 held-out training images of Fashion-MNIST, with both reference models and three students each (bench/sweep):
    /// better than 0.25 by 0.8 points with a standard error of 0.2. At 0.03 the mean is as good and the spread is wider.
    /// </remarks>
    public double StartAlphaBar { get; init; } = 0.08;

    /// <summary>Template of a class's prompt, with <c>{class}</c> for its name; null leaves the choice to the caller. Text-conditional models only.</summary>
    public string? Prompt { get; init; }

    /// <summary>What guidance leads away from; null is the empty prompt. Text-conditional models only.</summary>
    public string? NegativePrompt { get; init; }

    /// <summary>What is usual for models of a layout.</summary>
    public static ModelDefaults For(ModelLayout layout) => layout == ModelLayout.DiT ? new() : new() { GuidanceScale = 7.5 };
}
