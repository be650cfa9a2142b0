using Ddoq.Onnx.Sessions;
using static Ddoq.Pipeline.Configuration.OptionsRecords;

namespace Ddoq.Pipeline.Configuration;

/// <summary>Where and with how much of the machine everything runs.</summary>
public static class RunSettings
{
    private const PipelineStages Networks = PipelineStages.Encode | PipelineStages.Synthesize | PipelineStages.Label | PipelineStages.Train | PipelineStages.Select;

    /// <summary>Execution provider.</summary>
    public static readonly Setting<ExecutionProvider> Provider = new Setting<ExecutionProvider>(
        "runtime.provider",
        "--provider",
        "ONNX Runtime execution provider.",
        SettingValues.Choice(("auto", ExecutionProvider.Auto), ("cpu", ExecutionProvider.Cpu), ("cuda", ExecutionProvider.Cuda), ("tensorrt", ExecutionProvider.TensorRt)))
    { Stages = Networks }
        .In(Encode, o => o.Provider, (o, v) => o with { Provider = v })
        .In(Synthesize, o => o.Provider, (o, v) => o with { Provider = v })
        .In(Label, o => o.Provider, (o, v) => o with { Provider = v })
        .In(Train, o => o.Provider, (o, v) => o with { Provider = v })
        .In(Select, o => o.Provider, (o, v) => o with { Provider = v });

    /// <summary>Precision of autoencoder and diffusion under TensorRT.</summary>
    public static readonly Setting<bool> Precision = new Setting<bool>(
        "runtime.precision",
        "--precision",
        "Arithmetic of autoencoder and diffusion network under TensorRT; the other providers follow the exported network.",
        SettingValues.Choice(("float32", false), ("float16", true)))
    { Stages = PipelineStages.Encode | PipelineStages.Synthesize, Needs = SettingCondition.With(Provider, ExecutionProvider.TensorRt) }
        .In(Sessions, o => o.AllowHalfPrecision, (o, v) => o with { AllowHalfPrecision = v });

    /// <summary>Folder of TensorRT's engines.</summary>
    public static readonly Setting<string> EngineCache = new Setting<string>(
        "runtime.engine_cache", "--engine-cache", "Folder that keeps TensorRT's engines between runs.", SettingValues.Location)
    { Stages = Networks, IsVolatile = true, DecidedBy = "ddoq/engines in the user's cache folder" }
        .In(Sessions, o => o.EngineCache, (o, v) => o with { EngineCache = Path.GetFullPath(v) });

    /// <summary>ONNX Runtime folder.</summary>
    public static readonly Setting<string> OrtPath = new(
        "runtime.ort_path", "--ort-path", "Folder of an ONNX Runtime build to use instead of the shipped one (also DDOQ_ORT_PATH).", SettingValues.Location)
    { Stages = Networks | PipelineStages.Doctor, IsVolatile = true, DecidedBy = "the shipped one" };

    /// <summary>Worker threads.</summary>
    public static readonly Setting<int> Workers = new(
        "runtime.workers", "--workers", "Worker threads; 0 is one per core. Results do not depend on it.", SettingValues.WholeNumber(0, 4096))
    { Stages = Networks | PipelineStages.Quantize | PipelineStages.Evaluate, IsVolatile = true, Default = 0 };
}

/// <summary>What <c>distill</c> compares.</summary>
public static class ComparisonSettings
{
    /// <summary>Arms of the comparison.</summary>
    public static readonly Setting<string> Arms = new("evaluate.arms", "--arms", $"Arms of the comparison: {Arm.AllNames}.", SettingValues.List)
    {
        Stages = PipelineStages.None,
        Default = "ddoq,d4m,support,energy,random,noise",
    };

    /// <summary>Arms that are trained with soft labels too.</summary>
    public static readonly Setting<string> SoftArms = new(
        "evaluate.soft_arms", "--soft-arms", "Arms of --arms that are trained with soft labels too, under the protocol rded, in a table of their own.", SettingValues.List)
    {
        Stages = PipelineStages.None,
        DecidedBy = "none",
        UnsetWord = "none",
    };

    /// <summary>Updates of the student of the full data.</summary>
    public static readonly Setting<int> FullUpdates = new(
        "evaluate.full_updates", "--full-updates", "Updates of 64 images of the student that the arm 'full' trains on all training images.", SettingValues.WholeNumber(1))
    {
        Stages = PipelineStages.None,
        Default = 2000,
    };
}
