using Ddoq.Training;
using Ddoq.Training.Networks;
using Ddoq.Training.Protocols;
using Ddoq.Training.Weights;
using static Ddoq.Pipeline.Configuration.OptionsRecords;

namespace Ddoq.Pipeline.Configuration;

/// <summary>How students are trained.</summary>
public static class TrainSettings
{
    /// <summary>Evaluation protocol.</summary>
    public static readonly Setting<StudentProtocol> Protocol = new Setting<StudentProtocol>(
        "train.protocol",
        "--protocol",
        "Evaluation protocol, with its own network, batch, epochs and optimiser; results of different protocols are not comparable.",
        SettingValues.Choice([.. Enum.GetValues<StudentProtocol>().Select(protocol => (protocol.ToName(), protocol))]))
    { Stages = PipelineStages.Train }
        .In(Student, o => o.Protocol, (o, v) => o with { Protocol = v });

    /// <summary>Student network.</summary>
    public static readonly Setting<StudentArchitecture> Network = new Setting<StudentArchitecture>(
        "train.network",
        "--network",
        "Student network.",
        SettingValues.Choice(("convnet3", StudentArchitecture.ConvNet3), ("resnetap10", StudentArchitecture.ResNetAp10), ("resnet18", StudentArchitecture.ResNet18)))
    { Stages = PipelineStages.Train, DecidedBy = "the protocol's" }
        .In(Student, o => o.Network, (o, v) => o with { Network = v });

    /// <summary>Student width.</summary>
    public static readonly Setting<int> NetworkWidth = new Setting<int>(
        "train.network_width",
        "--network-width",
        "Maps of the student's first layers; 0 is the original's (128 for ConvNet-3, 64 for the residual networks).",
        SettingValues.WholeNumber(StudentNetwork.WidthStep, 4096, StudentNetwork.WidthStep))
    { Stages = PipelineStages.Train, DecidedBy = "the protocol's", UnsetWord = "0" }
        .In(Student, o => o.NetworkWidth, (o, v) => o with { NetworkWidth = v });

    /// <summary>Updates.</summary>
    public static readonly Setting<int> Updates = new Setting<int>(
        "train.updates",
        "--updates",
        "Optimiser updates, the same for every arm, instead of epochs; 0 takes the protocol's epochs.",
        SettingValues.WholeNumber(1))
    { Stages = PipelineStages.Train, DecidedBy = "the protocol's epochs; 'distill' without --protocol shortens, and says so", UnsetWord = "0" }
        .In(Student, o => o.Updates, (o, v) => o with { Updates = v });

    /// <summary>Epochs.</summary>
    public static readonly Setting<int> Epochs = new Setting<int>(
        "train.epochs", "--epochs", "Epochs over the distilled images.", SettingValues.WholeNumber(1, 16_777_215))
    { Stages = PipelineStages.Train, DecidedBy = "the protocol's", Excludes = Updates }
        .In(Student, o => o.Epochs, (o, v) => o with { Epochs = v });

    /// <summary>Training batch size.</summary>
    public static readonly Setting<int> BatchSize = new Setting<int>(
        "train.batch_size", "--train-batch-size", "Images in one update; 0 takes the protocol's.", SettingValues.WholeNumber(1))
    { Stages = PipelineStages.Train, DecidedBy = "the protocol's; 'distill' without --protocol shortens, and says so", UnsetWord = "0" }
        .In(Student, o => o.BatchSize, (o, v) => o with { BatchSize = v });

    /// <summary>Learning rate.</summary>
    public static readonly Setting<double> LearningRate = new Setting<double>(
        "train.learning_rate", "--learning-rate", "Learning rate before the schedule.", SettingValues.Real(1e-9, 100))
    { Stages = PipelineStages.Train, DecidedBy = "the protocol's" }
        .In(Student, o => o.LearningRate, (o, v) => o with { LearningRate = v });

    /// <summary>Distillation temperature.</summary>
    public static readonly Setting<double> Temperature = new Setting<double>(
        "train.temperature", "--temperature", "Temperature of the teacher's labels.", SettingValues.Real(1e-3, 1000))
    { Stages = PipelineStages.Train, DecidedBy = "the protocol's", Needs = SettingCondition.With(Protocol, StudentProtocol.Rded, StudentProtocol.StoredSoft) }
        .In(Student, o => o.Temperature, (o, v) => o with { Temperature = v });

    /// <summary>Normalisation of the student's inputs.</summary>
    public static readonly Setting<ChannelNormalisation> InputNormalisation = new Setting<ChannelNormalisation>(
        "train.normalisation",
        "--normalisation",
        "Data set whose mean and deviation by colour the student's inputs are normalised with.",
        SettingValues.Choice(("fashion-mnist", ChannelNormalisation.FashionMnist), ("cifar-10", ChannelNormalisation.Cifar10), ("imagenet", ChannelNormalisation.ImageNet)))
    { Stages = PipelineStages.Train, DecidedBy = "the protocol's" }
        .In(Student, o => o.Normalisation, (o, v) => o with { Normalisation = v });

    /// <summary>Weight normalisation.</summary>
    public static readonly Setting<WeightNormalisation> Normalisation = new Setting<WeightNormalisation>(
        "train.weight_normalisation",
        "--weight-normalisation",
        "Divides weights by their mean over the batch or the data set.",
        SettingValues.Choice(("none", WeightNormalisation.None), ("batch", WeightNormalisation.Batch), ("dataset", WeightNormalisation.Dataset)))
    { Stages = PipelineStages.Train }
        .In(Student, o => o.WeightNormalisation, (o, v) => o with { WeightNormalisation = v });

    /// <summary>Weight of a CutMix image.</summary>
    public static readonly Setting<CutMixWeight> MixedWeight = new Setting<CutMixWeight>(
        "train.cutmix_weight",
        "--cutmix-weight",
        "Weight of a CutMix image: the base image's, or both in proportion to area.",
        SettingValues.Choice(("base", CutMixWeight.Base), ("mix", CutMixWeight.Mix)))
    {
        Stages = PipelineStages.Train,
        Needs = SettingCondition.With(Protocol, StudentProtocol.Rded, StudentProtocol.StoredSoft, StudentProtocol.MinimaxHard, StudentProtocol.IgdHard),
    }
        .In(Student, o => o.CutMixWeight, (o, v) => o with { CutMixWeight = v });

    /// <summary>Students per arm.</summary>
    public static readonly Setting<int> Repeats = new Setting<int>(
        "train.repeats", "--repeats", "Students, each with its own seed; in 'distill' each on a distilled set of its own, made with the same seed.", SettingValues.WholeNumber(1, 1000))
    { Stages = PipelineStages.Train, IsOutsideIdentity = true }
        .In(Train, o => o.Repeats, (o, v) => o with { Repeats = v });
}
