using System.Globalization;
using Ddoq.Numerics;
using Ddoq.Training.Networks;
using Ddoq.Training.Protocols;
using Ddoq.Training.Weights;
using static TorchSharp.torch;

namespace Ddoq.Training;

/// <summary>What is asked of a training run; null leaves a number to the protocol. <see cref="ProtocolRecipe.For"/> resolves it.</summary>
public sealed record StudentOptions
{
    /// <summary>How the student is trained.</summary>
    public StudentProtocol Protocol { get; init; } = StudentProtocol.Rded;

    /// <summary>The student.</summary>
    public StudentArchitecture? Network { get; init; }

    /// <summary>Maps of the student's first layers, a multiple of <see cref="StudentNetwork.WidthStep"/>; 0 for the original's (128 for ConvNet-3, 64 for the residual networks).</summary>
    public int? NetworkWidth { get; init; }

    /// <summary>Passes over the training images; excludes <see cref="Updates"/>.</summary>
    public int? Epochs { get; init; }

    /// <summary>
    /// Optimiser updates, the same for every set whatever its size, instead of epochs. The learning rate's schedule then
    /// runs over updates.
    /// </summary>
    public int? Updates { get; init; }

    /// <summary>Images per update (B); at most the number of images is used. The last batch of an epoch may be smaller.</summary>
    public int? BatchSize { get; init; }

    /// <summary>
    /// Images per forward pass; the gradients of a batch's parts are summed. 0 chooses: as many as keep the largest maps
    /// below 26 MB, which is faster than whole batches, and whole batches for networks with batch norm.
    /// </summary>
    public int MicroBatchSize { get; init; }

    /// <summary>Learning rate before the schedule.</summary>
    public double? LearningRate { get; init; }

    /// <summary>Weight decay, decoupled under AdamW.</summary>
    public double? WeightDecay { get; init; }

    /// <summary>Temperature of soft labels (T); without effect on hard labels.</summary>
    public double? Temperature { get; init; }

    /// <summary>Decides initial weights, order, augmentation and mixing.</summary>
    public ulong Seed { get; init; }

    /// <summary>What the images' weights are divided by.</summary>
    public WeightNormalisation WeightNormalisation { get; init; } = WeightNormalisation.None;

    /// <summary>Which weight a CutMix image has.</summary>
    public CutMixWeight CutMixWeight { get; init; } = CutMixWeight.Base;

    /// <summary>Epochs between evaluations on the test images; 0 evaluates only after the last update.</summary>
    public int EvaluationInterval { get; init; }

    /// <summary>
    /// Threads within torch's operations for this run. Same seed and same thread count: same result. Several runs of one
    /// thread each, side by side, finish sooner than one after another with all threads.
    /// </summary>
    public int Threads { get; init; } = 1;

    /// <summary>Normalisation of the student's inputs.</summary>
    public ChannelNormalisation? Normalisation { get; init; }

    /// <summary>Most seconds between checkpoints, where a checkpoint folder is given; fewer lie between them where saving takes less than 2 % of the time.</summary>
    public double CheckpointSeconds { get; init; } = 30;

    /// <summary>Refuses numbers that make no sense.</summary>
    /// <exception cref="UsageException">The first such number, with what is allowed.</exception>
    internal void Validate()
    {
        Require(Updates is null || Epochs is null, nameof(Updates), Updates, "updates or epochs, not both");
        Require(Updates is null or >= 1, nameof(Updates), Updates, "1 and more");
        Require(Epochs is null or (>= 1 and < RandomStreams.MaximumEpochs), nameof(Epochs), Epochs, "1 to 16,777,215");
        Require(BatchSize is null or >= 1, nameof(BatchSize), BatchSize, "1 and more");
        Require(MicroBatchSize >= 0, nameof(MicroBatchSize), MicroBatchSize, "0 (automatic) or more");
        Require(LearningRate is null or (> 0 and < double.PositiveInfinity), nameof(LearningRate), LearningRate, "finite numbers above 0");
        Require(WeightDecay is null or (>= 0 and < double.PositiveInfinity), nameof(WeightDecay), WeightDecay, "0 and more");
        Require(Temperature is null or (> 0 and < double.PositiveInfinity), nameof(Temperature), Temperature, "finite numbers above 0");
        Require(EvaluationInterval >= 0, nameof(EvaluationInterval), EvaluationInterval, "0 (only at the end) or more");
        Require(Threads >= 1, nameof(Threads), Threads, "1 and more");
        Require(CheckpointSeconds >= 0, nameof(CheckpointSeconds), CheckpointSeconds, "0 and more");
        Require(
            Normalisation is null or { DeviationRed: > 0, DeviationGreen: > 0, DeviationBlue: > 0 },
            nameof(Normalisation),
            Normalisation,
            "deviations above 0");
    }

    private static void Require(bool holds, string name, object? found, string allowed)
    {
        if (!holds)
            throw new UsageException(string.Create(CultureInfo.InvariantCulture, $"training option {name} is {found}; allowed are {allowed}"));
    }
}

/// <summary>Mean and standard deviation per colour channel, by which a student's inputs are normalised: (x - mean) / deviation.</summary>
/// <param name="MeanRed">Mean of red in [0, 1].</param>
/// <param name="MeanGreen">Mean of green.</param>
/// <param name="MeanBlue">Mean of blue.</param>
/// <param name="DeviationRed">Standard deviation of red, above 0.</param>
/// <param name="DeviationGreen">Standard deviation of green.</param>
/// <param name="DeviationBlue">Standard deviation of blue.</param>
public readonly record struct ChannelNormalisation(
    float MeanRed, float MeanGreen, float MeanBlue, float DeviationRed, float DeviationGreen, float DeviationBlue)
{
    /// <summary>ImageNet-1K's training images, as used by torchvision's models.</summary>
    public static ChannelNormalisation ImageNet { get; } = new(0.485f, 0.456f, 0.406f, 0.229f, 0.224f, 0.225f);

    /// <summary>Fashion-MNIST's training images, repeated over the channels.</summary>
    public static ChannelNormalisation FashionMnist { get; } = new(0.2861f, 0.2861f, 0.2861f, 0.3530f, 0.3530f, 0.3530f);

    /// <summary>CIFAR-10's training images, with the deviations that the field's code for small images has: the mean of those of single images.</summary>
    public static ChannelNormalisation Cifar10 { get; } = new(0.4914f, 0.4822f, 0.4465f, 0.2023f, 0.1994f, 0.2010f);

    /// <summary>Mean as [1, 3, 1, 1].</summary>
    internal Tensor MeanTensor() => tensor(new[] { MeanRed, MeanGreen, MeanBlue }, [1, 3, 1, 1]);

    /// <summary>1 / deviation as [1, 3, 1, 1].</summary>
    internal Tensor ScaleTensor() => tensor(new[] { 1f / DeviationRed, 1f / DeviationGreen, 1f / DeviationBlue }, [1, 3, 1, 1]);
}
