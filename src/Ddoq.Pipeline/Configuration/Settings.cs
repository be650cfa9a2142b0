using System.Globalization;
using System.Reflection;
using Ddoq.Training.Networks;

namespace Ddoq.Pipeline.Configuration;

/// <summary>Every setting of the pipeline, in the order in which help and the saved configuration list them.</summary>
public static class Settings
{
    /// <summary>Folder of the source images.</summary>
    public static readonly Setting<string> DataDir = Text(
        "data.dir", "--data-dir", "Images: an ImageFolder (train/<class>/...), ImageNet (train/<class>.tar, flat val/ with labels, Kaggle's tree), WebDataset or Parquet shards, or the four IDX files. Default: the embedded sample.");

    /// <summary>Subset of the classes.</summary>
    public static readonly Setting<string> Classes = Text(
        "data.classes", "--classes", "Classes to take: imagenette, imagewoof, imagenet-100, or a file with one class name a line. Default: all.");

    /// <summary>How images are brought to the model's size.</summary>
    public static readonly Setting<string> Fit = Choice(
        "data.fit", "--fit", "How images are brought to the model's size.", "auto", "auto", "pad", "resize", "crop");

    /// <summary>Damaged images tolerated.</summary>
    public static readonly Setting<int> MaxDamaged = Integer(
        "data.max_damaged", "--max-damaged", "Damaged images that are skipped and listed before the run stops.", 0, 0);

    /// <summary>Model folder.</summary>
    public static readonly Setting<string> Model = Text(
        "model.dir", "--model", "Diffusion model folder (ONNX, Hugging Face layout). Default: the shipped Fashion-MNIST model.");

    /// <summary>Teacher folder.</summary>
    public static readonly Setting<string> Teacher = Text(
        "model.teacher", "--teacher", "Teacher folder (ONNX classifier). Default: the folder 'teacher' of the model.");

    /// <summary>The run's seed.</summary>
    public static readonly Setting<long> Seed = Long(
        "seed", "--seed", "The one seed of the run.", 0, 0);

    /// <summary>Images per class.</summary>
    public static readonly Setting<int> Ipc = Integer(
        "quantize.ipc", "--ipc", "Images per class (K).", 10, 1);

    /// <summary>Posterior mean or sample.</summary>
    public static readonly Setting<string> Latent = Choice(
        "encode.latent", "--latent", "Latent of an image: the posterior's mean, or a seeded sample of it (as D4M does).", "mean", "mean", "sample");

    /// <summary>Images encoded at a time.</summary>
    public static readonly Setting<int> EncodeBatchSize = Integer(
        "encode.batch_size", "--encode-batch-size", "Images in one encoder call.", 16, 1);

    /// <summary>Rows per latent shard.</summary>
    public static readonly Setting<int> RowsPerShard = Integer(
        "encode.rows_per_shard", "--rows-per-shard", "Rows in one latent shard; also the unit of resuming.", 4096, 1);

    /// <summary>Quantisation algorithm.</summary>
    public static readonly Setting<string> Algorithm = Choice(
        "quantize.algorithm", "--algorithm", "Quantisation algorithm of the DDOQ prototypes.", "hartigan", "hartigan", "lloyd", "minibatch", "clvq", "d4m", "support");

    /// <summary>Initialisation of the centres.</summary>
    public static readonly Setting<string> Initialization = Choice(
        "quantize.init", "--init", "Start centres.", "k-means++", "k-means++", "random");

    /// <summary>Iteration limit.</summary>
    public static readonly Setting<int> MaxIterations = Integer(
        "quantize.max_iterations", "--max-iterations", "Limit of iterations (Lloyd, Hartigan rounds) or passes (CLVQ).", 300, 1);

    /// <summary>Restarts.</summary>
    public static readonly Setting<int> Restarts = Integer(
        "quantize.restarts", "--restarts", "Independent starts; the one of lowest distortion is kept.", 4, 1);

    /// <summary>Held-out fraction.</summary>
    public static readonly Setting<double> HoldOut = Real(
        "quantize.hold_out", "--holdout", "Fraction of each class kept aside to measure held-out distortion.", 0, 0, 0.9);

    /// <summary>Sampler.</summary>
    public static readonly Setting<string> Scheduler = Choice(
        "synthesize.scheduler", "--scheduler", "Sampler of the reverse diffusion.", "dpm-solver++", "dpm-solver++", "ddim", "euler", "pndm", "ddpm");

    /// <summary>Denoising steps.</summary>
    public static readonly Setting<int> NumInferenceSteps = new(
        "synthesize.num_inference_steps", "--num-inference-steps", "Steps of the full schedule. Default: the model's.", "a whole number from 1 to 1000", 0, ParseInteger(1, 1000), FormatInvariant, hasDefault: false);

    /// <summary>Guidance scale.</summary>
    public static readonly Setting<double> GuidanceScale = new(
        "synthesize.guidance_scale", "--guidance-scale", "Classifier-free guidance scale; 1 turns it off. Default: the model's.", "a number from 0 to 100", 0, ParseReal(0, 100), FormatReal, hasDefault: false);

    /// <summary>Channels that guidance acts on.</summary>
    public static readonly Setting<string> GuidanceChannels = Choice(
        "synthesize.guidance_channels", "--guidance-channels", "Channels guidance acts on: all (diffusers) or the first three (the original DiT code).", "all", "all", "first-three");

    /// <summary>Template of the classes' prompts.</summary>
    public static readonly Setting<string> Prompt = Text(
        "synthesize.prompt", "--prompt", "Prompt of a class, with {class} for its name; for text-conditional models. Default: the model's, or 'a photo of {class}'.");

    /// <summary>Negative prompt.</summary>
    public static readonly Setting<string> NegativePrompt = Text(
        "synthesize.negative_prompt", "--negative-prompt", "What guidance leads away from; for text-conditional models. Default: the model's, or the empty prompt.");

    /// <summary>Words of the classes.</summary>
    public static readonly Setting<string> ClassTexts = Text(
        "synthesize.class_texts", "--class-texts", "File with a line 'name<tab>words' for each class, for prompts of classes whose names are numbers (ImageNet's synset list fits).");

    /// <summary>Start level as alpha-bar.</summary>
    public static readonly Setting<double> StartAlphaBar = new(
        "synthesize.start_alpha_bar", "--start-alpha-bar", "Start level of the reverse process as alpha-bar: the share of the prototype's variance that is kept; 1 leaves the diffusion out. Default: the model's.", "a number above 0 up to 1", 0, ParseReal(1e-6, 1), FormatReal, hasDefault: false);

    /// <summary>Start level as strength.</summary>
    public static readonly Setting<double> Strength = new(
        "synthesize.strength", "--strength", "Start level as diffusers' strength (share of the steps that are run); excludes --start-alpha-bar.", "a number from 0 to 1", 0, ParseReal(0, 1), FormatReal, hasDefault: false);

    /// <summary>DDIM eta.</summary>
    public static readonly Setting<double> Eta = Real(
        "synthesize.eta", "--eta", "DDIM's eta: 0 is deterministic, 1 has DDPM's noise.", 0, 0, 1);

    /// <summary>Which timesteps are kept.</summary>
    public static readonly Setting<string> TimestepSpacing = OptionalChoice(
        "synthesize.timestep_spacing", "--timestep-spacing", "Which timesteps are kept. Default: the model's.", "leading", "linspace", "trailing");

    /// <summary>PNDM's start in the middle.</summary>
    public static readonly Setting<string> PndmStart = Choice(
        "synthesize.pndm_start", "--pndm-start", "How PNDM starts in the middle: exact, or with the lag of one interval that D4M's library has.", "exact", "exact", "lagging");

    /// <summary>Images per diffusion batch.</summary>
    public static readonly Setting<int> SynthesisBatchSize = Integer(
        "synthesize.batch_size", "--batch-size", "Images denoised at a time; rows of many classes share a batch. 0 chooses by the latent's size and the provider (50 for small latents).", 0, 0);

    /// <summary>Student network.</summary>
    public static readonly Setting<string> Network = OptionalChoice(
        "train.network", "--network", "Student network. Default: the protocol's.", "convnet3", "resnetap10", "resnet18");

    /// <summary>Student width.</summary>
    public static readonly Setting<int> NetworkWidth = new(
        "train.network_width", "--network-width", "Maps of the student's first layers, a multiple of 16; 0 is the original's (128 for ConvNet-3, 64 for the residual networks).", "a multiple of 16, or 0", 0, ParseMultiple(StudentNetwork.WidthStep), FormatInvariant);

    /// <summary>Evaluation protocol.</summary>
    public static readonly Setting<string> Protocol = Choice(
        "train.protocol", "--protocol", "Evaluation protocol (see the README; results of different protocols are not comparable).", "rded", "rded", "stored-soft", "small-image", "small-image-dsa", "minimax-hard", "igd-hard");

    /// <summary>Updates.</summary>
    public static readonly Setting<int> Updates = Integer(
        "train.updates", "--updates", "Optimiser updates, the same for every arm; 0 takes the protocol's epochs. The default suits two CPU cores.", 600, 0);

    /// <summary>Epochs.</summary>
    public static readonly Setting<int> Epochs = new(
        "train.epochs", "--epochs", "Epochs over the distilled images, instead of --updates. Default: the protocol's.", "a whole number of at least 1", 0, ParseInteger(1, int.MaxValue), FormatInvariant, hasDefault: false);

    /// <summary>Training batch size.</summary>
    public static readonly Setting<int> TrainBatchSize = Integer(
        "train.batch_size", "--train-batch-size", "Images in one update; 0 takes the protocol's. The default suits two CPU cores.", 10, 0);

    /// <summary>Learning rate.</summary>
    public static readonly Setting<double> LearningRate = new(
        "train.learning_rate", "--learning-rate", "Learning rate. Default: the protocol's.", "a number above 0", 0, ParseReal(1e-9, 100), FormatReal, hasDefault: false);

    /// <summary>Distillation temperature.</summary>
    public static readonly Setting<double> Temperature = new(
        "train.temperature", "--temperature", "Temperature of the teacher's labels. Default: the protocol's.", "a number above 0", 0, ParseReal(1e-3, 1000), FormatReal, hasDefault: false);

    /// <summary>Weight rule.</summary>
    public static readonly Setting<string> Weights = Choice(
        "train.weights", "--weights", "Weights of the DDOQ images: eq. 34's square root, the cluster shares, their inverse, or none.", "sqrt", "sqrt", "direct", "inverse", "none");

    /// <summary>Weight normalisation.</summary>
    public static readonly Setting<string> WeightNormalisation = Choice(
        "train.weight_normalisation", "--weight-normalisation", "Divides weights by their mean over the batch or the data set.", "none", "none", "batch", "dataset");

    /// <summary>Weight of a CutMix image.</summary>
    public static readonly Setting<string> CutMixWeight = Choice(
        "train.cutmix_weight", "--cutmix-weight", "Weight of a CutMix image: the base image's, or both in proportion to area.", "base", "base", "mix");

    /// <summary>Student seeds.</summary>
    public static readonly Setting<int> Repeats = Integer(
        "train.repeats", "--repeats", "Students trained per arm, each with its own seed.", 3, 1, 1000);

    /// <summary>Arms of the comparison.</summary>
    public static readonly Setting<string> Arms = Text(
        "evaluate.arms", "--arms", "Comma-separated arms: ddoq, unweighted, direct, inverse, decoded, d4m, random, random-decoded, noise.", "ddoq,unweighted,d4m,random,noise");

    /// <summary>Quantiser device.</summary>
    public static readonly Setting<string> Device = new(
        "runtime.device", "--device", "Device of the quantiser.", "auto, cpu, cuda or cuda:<index>", "auto", ParseDevice, s => Quote(s));

    /// <summary>Execution provider.</summary>
    public static readonly Setting<string> Provider = Choice(
        "runtime.provider", "--provider", "ONNX Runtime execution provider.", "auto", "auto", "cpu", "cuda", "tensorrt");

    /// <summary>Precision of autoencoder and diffusion under TensorRT.</summary>
    public static readonly Setting<string> Precision = Choice(
        "runtime.precision", "--precision", "Arithmetic of autoencoder and diffusion network under TensorRT; the other providers follow the exported network.", "float32", "float32", "float16");

    /// <summary>Folder of TensorRT's engines.</summary>
    public static readonly Setting<string> EngineCache = Text(
        "runtime.engine_cache", "--engine-cache", "Folder that keeps TensorRT's engines between runs. Default: ddoq/engines in the user's cache folder.", isVolatile: true);

    /// <summary>ONNX Runtime folder.</summary>
    public static readonly Setting<string> OrtPath = Text(
        "runtime.ort_path", "--ort-path", "Folder of an ONNX Runtime build to use instead of the shipped one (also DDOQ_ORT_PATH).", isVolatile: true);

    /// <summary>Worker threads.</summary>
    public static readonly Setting<int> Workers = Integer(
        "runtime.workers", "--workers", "Worker threads; 0 is one per core. Results do not depend on it.", 0, 0, 4096, isVolatile: true);

    /// <summary>Memory limit of the quantiser.</summary>
    public static readonly Setting<long> Memory = new(
        "runtime.memory", "--memory", "Most memory that quantize may take: fewer workers, then direct space for classes whose Gram matrix does not fit; 0 sets no limit.", "0 or a size as 2GiB, 1500MiB, 4GB", 0, ParseSize, FormatSize)
    { IsVolatile = true };

    /// <summary>All settings in declaration order.</summary>
    public static IReadOnlyList<Setting> All { get; } =
        [.. typeof(Settings).GetFields(BindingFlags.Public | BindingFlags.Static).Select(field => field.GetValue(null)).OfType<Setting>()];

    private static Setting<string> Text(string key, string flag, string description, string? defaultValue = null, bool isVolatile = false) =>
        new(key, flag, description, "text", defaultValue, text => (text.Length > 0, text), Quote, defaultValue is not null) { IsVolatile = isVolatile };

    private static Setting<string> Choice(string key, string flag, string description, string defaultValue, params string[] values) =>
        new(key, flag, description, string.Join(", ", values), defaultValue, text => (values.Contains(text, StringComparer.Ordinal), text), Quote);

    private static Setting<string> OptionalChoice(string key, string flag, string description, params string[] values) =>
        new(key, flag, description, string.Join(", ", values), null, text => (values.Contains(text, StringComparer.Ordinal), text), Quote, hasDefault: false);

    private static Setting<int> Integer(string key, string flag, string description, int defaultValue, int minimum, int maximum = int.MaxValue, bool isVolatile = false) =>
        new(key, flag, description, Range(minimum, maximum), defaultValue, ParseInteger(minimum, maximum), FormatInvariant) { IsVolatile = isVolatile };

    private static Setting<long> Long(string key, string flag, string description, long defaultValue, long minimum) =>
        new(
            key,
            flag,
            description,
            string.Create(CultureInfo.InvariantCulture, $"a whole number of at least {minimum}"),
            defaultValue,
            text => (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) && value >= minimum, value),
            value => value.ToString(CultureInfo.InvariantCulture));

    private static Setting<double> Real(string key, string flag, string description, double defaultValue, double minimum, double maximum) =>
        new(
            key,
            flag,
            description,
            string.Create(CultureInfo.InvariantCulture, $"a number from {minimum} to {maximum}"),
            defaultValue,
            ParseReal(minimum, maximum),
            FormatReal);

    private static string Range(int minimum, int maximum) => maximum == int.MaxValue
        ? string.Create(CultureInfo.InvariantCulture, $"a whole number of at least {minimum}")
        : string.Create(CultureInfo.InvariantCulture, $"a whole number from {minimum} to {maximum}");

    private static Func<string, (bool Ok, int Value)> ParseInteger(int minimum, int maximum) => text =>
        (int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value) && value >= minimum && value <= maximum, value);

    private static Func<string, (bool Ok, int Value)> ParseMultiple(int step) => text =>
        (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value % step == 0, value);

    private static Func<string, (bool Ok, double Value)> ParseReal(double minimum, double maximum) => text =>
        (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && value >= minimum && value <= maximum, value);

    private static (bool Ok, long Value) ParseSize(string text)
    {
        string number = text.TrimEnd("BKMGTibk ".ToCharArray()), unit = text[number.Length..].Trim();
        double? factor = unit switch
        {
            "" or "B" => 1,
            "KiB" or "K" => 1 << 10,
            "MiB" or "M" => 1 << 20,
            "GiB" or "G" => 1 << 30,
            "TiB" or "T" => 1L << 40,
            "kB" or "KB" => 1e3,
            "MB" => 1e6,
            "GB" => 1e9,
            "TB" => 1e12,
            _ => null,
        };
        bool ok = double.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value) && factor is not null;
        double bytes = value * (factor ?? 0);
        return (ok && bytes < long.MaxValue, (long)bytes);
    }

    private static (bool Ok, string Value) ParseDevice(string text)
    {
        bool named = text is "auto" or "cpu" or "cuda";
        bool indexed = text.StartsWith("cuda:", StringComparison.Ordinal)
            && int.TryParse(text.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out _);
        return (named || indexed, text);
    }

    private static string FormatInvariant(int value) => value.ToString(CultureInfo.InvariantCulture);

    private static string FormatSize(long bytes) => Quote(
        bytes > 0 && bytes % (1 << 20) == 0 ? (bytes >> 20).ToString(CultureInfo.InvariantCulture) + "MiB" : bytes.ToString(CultureInfo.InvariantCulture));

    // TOML wants a fraction or an exponent in a float.
    private static string FormatReal(double value)
    {
        string text = value.ToString("R", CultureInfo.InvariantCulture);
        return text.AsSpan().ContainsAny('.', 'E', 'e') ? text : text + ".0";
    }

    private static string Quote(string text) =>
        "\"" + text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal) + "\"";
}
