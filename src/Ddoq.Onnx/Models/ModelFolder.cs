using System.Globalization;
using System.Security.Cryptography;
using Ddoq.Latents;
using Ddoq.Onnx.Schedulers;
using Ddoq.Onnx.Sessions;

namespace Ddoq.Onnx.Models;

/// <summary>A diffusion model exported to ONNX: its configuration, read and checked without loading a network.</summary>
/// <remarks>
/// The layout is the one Hugging Face optimum exports, with <c>transformer/</c> in the place of <c>unet/</c> for DiT.
/// Immutable, safe for concurrent use.
/// </remarks>
public sealed class ModelFolder
{
    private readonly ModelParts _parts;
    private bool _encoderSaysScaling;

    private ModelFolder(ModelParts parts) => _parts = parts;

    /// <summary>The folder.</summary>
    public string Path => _parts.Root;

    /// <summary>Which network runs the reverse process.</summary>
    public ModelLayout Layout { get; private init; }

    /// <summary>Whether the folder has a network for the reverse process.</summary>
    public bool HasDiffusion { get; private init; }

    /// <summary>Class names in label order; empty for text-conditional models, which take any.</summary>
    public IReadOnlyList<string> ClassNames { get; private init; } = [];

    /// <summary>Side of the square images the autoencoder is run on, in pixels.</summary>
    public int ImageSize { get; private init; }

    /// <summary>How images of another size are made to fit.</summary>
    public ModelFit Fit { get; private init; }

    /// <summary>Grey value of the padding under <see cref="ModelFit.Pad"/>, 0 to 255.</summary>
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
    public string BackboneFile => _parts.NetworkOf(BackboneOf(Layout));

    /// <summary>The network that turns a prompt's tokens into the UNet's condition (<see cref="ModelLayout.StableDiffusion"/>).</summary>
    public string TextEncoderFile => _parts.NetworkOf("text_encoder");

    /// <summary>The folder of the tokenizer's vocabulary (<see cref="ModelLayout.StableDiffusion"/>).</summary>
    public string TokenizerFolder => _parts.FolderOf("tokenizer");

    /// <summary>What no file says and was assumed, a line each: to be told to the user before work begins.</summary>
    public IReadOnlyList<string> Assumptions { get; private init; } = [];

    /// <summary>Reads a model folder.</summary>
    /// <param name="path">The folder that holds <c>model_index.json</c>.</param>
    /// <param name="use">The networks that will be run; parts of others may be absent.</param>
    /// <exception cref="DdoqException">The folder or a part is missing, or a configuration file is malformed or contradicts another.</exception>
    public static ModelFolder Open(string path, ModelUse use = ModelUse.All)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string full = System.IO.Path.GetFullPath(path);
        if (File.Exists(full))
            throw new DdoqException($"{full} is a file, not a model folder", "give the folder that holds model_index.json; the scripts in tools/export make one from a checkpoint (docs/models.md)");
        if (!Directory.Exists(full))
            throw new DdoqException($"model folder {full} does not exist", "give the folder that holds model_index.json");
        if (!File.Exists(System.IO.Path.Combine(full, "model_index.json")))
            throw new DdoqException($"{full} holds no model_index.json, so it is not a model folder", "give the folder that holds model_index.json and the folders of its networks (docs/models.md)");

        ConfigurationFile index = ConfigurationFile.Load(System.IO.Path.Combine(full, "model_index.json"));
        ModelParts parts = ModelParts.Read(full, index);
        if (use == ModelUse.Present)
            use = PresentIn(parts);
        ModelLayout? layout = FindLayout(parts, use.HasFlag(ModelUse.Diffusion));
        ConfigurationFile? network = layout is null ? null : ConfigurationFile.Load(System.IO.Path.Combine(parts.FolderOf(BackboneOf(layout.Value)), "config.json"));
        foreach (string part in NeededParts(use, layout))
            ModelFileCheck.Verify(parts.NetworkOf(part));

        ConfigurationFile? preprocess = index.Section("preprocess"), defaults = index.Section("defaults");
        var usual = ModelDefaults.For(layout ?? ModelLayout.DiT);
        var assumptions = new List<string>();
        bool usesAutoencoder = (use & (ModelUse.Encoder | ModelUse.Decoder)) != 0;
        var autoencoder = AutoencoderConfiguration.Read(parts, assumptions);
        (LatentShape shape, int imageSize) = Sizes(index, preprocess, network, autoencoder, usesAutoencoder, assumptions);
        if (!usesAutoencoder)
            assumptions.Clear();
        IReadOnlyList<string> names = index.Names("id2label") ?? [];
        int classes = layout is not ModelLayout.DiT ? 0 : network!.Integer("num_embeds_ada_norm") ?? network.Integer("num_classes") ?? names.Count;
        if (layout == ModelLayout.DiT && (classes < 1 || names.Count != classes))
            throw new DdoqException($"{index.Path}: 'id2label' names {names.Count} classes, {network!.Path} has {classes}; they must agree", "write id2label with one entry per class");
        ModelFit? fit = preprocess?.Choice("fit", ("pad", ModelFit.Pad), ("crop", ModelFit.Crop), ("stretch", ModelFit.Stretch));
        if (fit is null && use.HasFlag(ModelUse.Encoder))
            assumptions.Add($"{index.Path} names no 'preprocess.fit': images are cropped to the middle square");
        string schedule = System.IO.Path.Combine(parts.FolderOf("scheduler"), "scheduler_config.json");
        return new ModelFolder(parts)
        {
            Layout = layout ?? ModelLayout.DiT,
            HasDiffusion = layout is not null,
            ClassNames = names,
            ClassCount = classes,
            NullClass = network?.Integer("null_class_id") ?? classes,
            ImageSize = imageSize,
            Fit = fit ?? ModelFit.Crop,
            PadValue = preprocess?.Integer("pad_value") ?? 0,
            LatentShape = shape,
            ScalingFactor = autoencoder.ScalingFactor,
            ShiftFactor = autoencoder.ShiftFactor,
            _encoderSaysScaling = autoencoder.EncoderSaysScaling,
            OutputChannels = network?.Integer("out_channels"),
            Defaults = usual with
            {
                GuidanceScale = defaults?.Number("guidance_scale") ?? usual.GuidanceScale,
                NumInferenceSteps = defaults?.Integer("num_inference_steps") ?? usual.NumInferenceSteps,
                StartAlphaBar = defaults?.Number("start_alpha_bar") ?? usual.StartAlphaBar,
                Prompt = defaults?.Text("prompt"),
                NegativePrompt = defaults?.Text("negative_prompt"),
            },
            Scheduler = layout is null && !File.Exists(schedule) ? SchedulerConfiguration.DiT : SchedulerConfiguration.Load(schedule),
            TeacherFolder = File.Exists(parts.NetworkOf("teacher")) ? parts.FolderOf("teacher") : null,
            Assumptions = assumptions,
        };
    }

    /// <summary>Tells what was assumed because no file says it.</summary>
    /// <param name="progress">Where to tell it.</param>
    public void TellAssumptions(IProgressSink progress)
    {
        ArgumentNullException.ThrowIfNull(progress);
        foreach (string line in Assumptions)
            progress.Message(line);
    }

    /// <summary>
    /// SHA-256 of every file of the folder and of the parts it takes from others, lower-case hexadecimal, by path relative to
    /// the folder with forward slashes, in ordinal order; a part of another folder is listed under the part's own name.
    /// </summary>
    /// <remarks>Reads everything once per call; keep the result.</remarks>
    /// <exception cref="DdoqException">A file cannot be read.</exception>
    public IReadOnlyDictionary<string, string> ComputeFileHashes() => _parts.ComputeFileHashes();

    /// <summary>One SHA-256 that changes when any file of the encoder does, or the factor its latents are scaled by; a latent store keeps it.</summary>
    /// <exception cref="DdoqException">A file cannot be read.</exception>
    public string ComputeEncoderHash()
    {
        string listing = string.Join('\n', ModelParts.HashFolder(_parts.FolderOf("vae_encoder")).Select(entry => $"{entry.Key} {entry.Value}"));

        // A factor that the encoder's own folder states is in its hash already.
        if (!_encoderSaysScaling)
            listing += string.Create(CultureInfo.InvariantCulture, $"\nscaling {ScalingFactor:R} {ShiftFactor:R}");
        return Convert.ToHexStringLower(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(listing)));
    }

    private static string BackboneOf(ModelLayout layout) => layout == ModelLayout.DiT ? "transformer" : "unet";

    private static ModelLayout? FindLayout(ModelParts parts, bool isNeeded)
    {
        bool hasTransformer = Directory.Exists(parts.FolderOf("transformer")), hasUNet = Directory.Exists(parts.FolderOf("unet"));
        if (hasTransformer && hasUNet)
            throw new DdoqException($"{parts.Root} holds both transformer/ and unet/; one of them is expected", "export the model again");
        if (!hasTransformer && !hasUNet && isNeeded)
            throw new DdoqException($"{parts.Root} holds neither transformer/ nor unet/; one of them is expected", "export the model again, or decode the prototypes without diffusion: --start-alpha-bar 1");
        return hasTransformer ? ModelLayout.DiT : hasUNet ? ModelLayout.StableDiffusion : null;
    }

    private static ModelUse PresentIn(ModelParts parts) =>
        (File.Exists(parts.NetworkOf("vae_encoder")) ? ModelUse.Encoder : 0)
        | (File.Exists(parts.NetworkOf("vae_decoder")) ? ModelUse.Decoder : 0)
        | (Directory.Exists(parts.FolderOf("transformer")) || Directory.Exists(parts.FolderOf("unet")) ? ModelUse.Diffusion : 0);

    private static List<string> NeededParts(ModelUse use, ModelLayout? layout)
    {
        var needed = new List<string>();
        if (use.HasFlag(ModelUse.Encoder))
            needed.Add("vae_encoder");
        if (use.HasFlag(ModelUse.Decoder))
            needed.Add("vae_decoder");
        if (use.HasFlag(ModelUse.Diffusion) && layout is { } known)
            needed.AddRange(known == ModelLayout.DiT ? ["transformer"] : ["unet", "text_encoder"]);
        return needed;
    }

    // The diffusion network's latents where there is one, else the autoencoder's; all that say a size must agree.
    private static (LatentShape Shape, int ImageSize) Sizes(
        ConfigurationFile index, ConfigurationFile? preprocess, ConfigurationFile? network, AutoencoderConfiguration autoencoder, bool usesAutoencoder, List<string> assumptions)
    {
        int? latentSize = network is null ? null : Positive(network, "sample_size", "side of a latent");
        int? channels = network is null ? autoencoder.LatentChannels : Positive(network, "in_channels", "channels of a latent");
        int factor = autoencoder.Factor(assumptions);
        int imageSize = preprocess?.Integer("image_size") ?? (latentSize * factor) ?? autoencoder.ImageSize
            ?? throw new DdoqException($"{index.Path} names no 'preprocess.image_size', and the autoencoder's config.json no 'sample_size'", "write the side of the images in pixels as \"preprocess\": {\"image_size\": 64}");
        if (imageSize < 1 || imageSize % factor != 0 || (latentSize is { } side && imageSize != side * factor))
            throw new DdoqException($"{index.Path}: 'preprocess.image_size' is {imageSize}, but latents of {latentSize ?? imageSize / factor} at a downsampling factor of {factor} decode to {(latentSize ?? imageSize / factor) * factor}");
        if (channels is null && !usesAutoencoder)
            return (default, imageSize);
        if (channels is null)
            throw new DdoqException($"{index.Path}: neither a diffusion network nor the autoencoder's config.json names the channels of a latent", "write \"latent_channels\" to vae_encoder/config.json");
        if (autoencoder.LatentChannels is { } own && own != channels)
            throw new DdoqException($"{autoencoder.Path}: 'latent_channels' is {own}, {network!.Path} has 'in_channels' {channels}; they must agree", "use the autoencoder that the diffusion network was trained with");
        return (new LatentShape(channels.Value, imageSize / factor, imageSize / factor), imageSize);
    }

    private static int Positive(ConfigurationFile file, string key, string meaning)
    {
        int value = file.Integer(key) ?? throw file.Missing(key, meaning);
        return value > 0 ? value : throw new DdoqException($"{file.Path}: '{key}' ({meaning}) is {value}; it must be positive");
    }
}

/// <summary>The networks of a model that a task runs: other parts need not be there.</summary>
[Flags]
public enum ModelUse
{
    /// <summary>None: configuration only.</summary>
    None = 0,

    /// <summary><c>vae_encoder</c>.</summary>
    Encoder = 1,

    /// <summary><c>vae_decoder</c>.</summary>
    Decoder = 2,

    /// <summary><c>transformer</c>, or <c>unet</c> with <c>text_encoder</c> and <c>tokenizer</c>.</summary>
    Diffusion = 4,

    /// <summary>All of them.</summary>
    All = Encoder | Decoder | Diffusion,

    /// <summary>Those that the folder has.</summary>
    Present = 8,
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
public enum ModelFit
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
