using Ddoq.Imaging;
using Ddoq.Onnx.Schedulers;
using Ddoq.Onnx.Sessions;
using Ddoq.Pipeline.Configuration;
using Ddoq.Quantization;
using Ddoq.Training.Networks;
using Ddoq.Training.Weights;

namespace Ddoq.Pipeline;

/// <summary>Turns the text of choice settings into the libraries' types.</summary>
internal static class SettingsMapping
{
    public static string DataDir(PipelineConfiguration configuration) =>
        configuration.TryGet(Settings.DataDir, out string? folder) ? folder : ShippedResources.SampleData;

    /// <summary>Null takes all classes.</summary>
    public static ClassSubset? Classes(PipelineConfiguration configuration) =>
        configuration.TryGet(Settings.Classes, out string? list) ? ClassSubset.Load(list) : null;

    public static string Model(PipelineConfiguration configuration) =>
        configuration.TryGet(Settings.Model, out string? folder) ? folder : ShippedResources.ReferenceModel;

    public static ulong Seed(PipelineConfiguration configuration) => (ulong)configuration.Get(Settings.Seed);

    /// <summary>Null leaves the choice to the model.</summary>
    public static FitMode? Fit(string text) => text switch
    {
        "auto" => null,
        "pad" => FitMode.Pad,
        "resize" => FitMode.Resize,
        "crop" => FitMode.CropCentre,
        _ => throw Unmapped(Settings.Fit, text),
    };

    public static WeightRule Weights(string text) => text switch
    {
        "sqrt" => WeightRule.SquareRoot,
        "direct" => WeightRule.Direct,
        "inverse" => WeightRule.Inverse,
        "none" => WeightRule.None,
        _ => throw Unmapped(Settings.Weights, text),
    };

    public static QuantizationAlgorithm Algorithm(string text) => text switch
    {
        "hartigan" => QuantizationAlgorithm.Hartigan,
        "lloyd" => QuantizationAlgorithm.Lloyd,
        "minibatch" => QuantizationAlgorithm.MiniBatch,
        "clvq" => QuantizationAlgorithm.Clvq,
        "d4m" => QuantizationAlgorithm.D4m,
        "support" => QuantizationAlgorithm.Support,
        _ => throw Unmapped(Settings.Algorithm, text),
    };

    public static CentroidInitialization Initialization(string text) => text switch
    {
        "k-means++" => CentroidInitialization.GreedyKMeansPlusPlus,
        "random" => CentroidInitialization.Random,
        _ => throw Unmapped(Settings.Initialization, text),
    };

    public static SchedulerKind Scheduler(string text) => text switch
    {
        "ddim" => SchedulerKind.Ddim,
        "dpm-solver++" => SchedulerKind.DpmSolverPlusPlus,
        "euler" => SchedulerKind.Euler,
        "pndm" => SchedulerKind.Pndm,
        "ddpm" => SchedulerKind.Ddpm,
        _ => throw Unmapped(Settings.Scheduler, text),
    };

    public static TimestepSpacing Spacing(string text) => text switch
    {
        "leading" => TimestepSpacing.Leading,
        "linspace" => TimestepSpacing.Linspace,
        "trailing" => TimestepSpacing.Trailing,
        _ => throw Unmapped(Settings.TimestepSpacing, text),
    };

    public static ExecutionProvider Provider(string text) => text switch
    {
        "auto" => ExecutionProvider.Auto,
        "cpu" => ExecutionProvider.Cpu,
        "cuda" => ExecutionProvider.Cuda,
        "tensorrt" => ExecutionProvider.TensorRt,
        _ => throw Unmapped(Settings.Provider, text),
    };

    public static StudentArchitecture Network(string text) => text switch
    {
        "convnet3" => StudentArchitecture.ConvNet3,
        "resnetap10" => StudentArchitecture.ResNetAp10,
        "resnet18" => StudentArchitecture.ResNet18,
        _ => throw Unmapped(Settings.Network, text),
    };

    public static WeightNormalisation WeightNormalisation(string text) => text switch
    {
        "none" => Training.Weights.WeightNormalisation.None,
        "batch" => Training.Weights.WeightNormalisation.Batch,
        "dataset" => Training.Weights.WeightNormalisation.Dataset,
        _ => throw Unmapped(Settings.WeightNormalisation, text),
    };

    public static CutMixWeight CutMixWeight(string text) => text switch
    {
        "base" => Training.Weights.CutMixWeight.Base,
        "mix" => Training.Weights.CutMixWeight.Mix,
        _ => throw Unmapped(Settings.CutMixWeight, text),
    };

    private static InvalidOperationException Unmapped(Setting setting, string text) =>
        new($"{setting.Key} allows '{text}' but nothing maps it.");
}
