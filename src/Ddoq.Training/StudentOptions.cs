using Ddoq.Training.Networks;
using Ddoq.Training.Protocols;
using Ddoq.Training.Weights;

namespace Ddoq.Training;

/// <summary>The numbers of a training run; what a protocol means is fixed by <see cref="StudentProtocol"/>.</summary>
public sealed record StudentOptions
{
    /// <summary>The student.</summary>
    public StudentArchitecture Network { get; init; } = StudentArchitecture.ConvNet3;

    /// <summary>Maps of the student's first layers, a multiple of <see cref="Networks.StudentNetwork.WidthStep"/>; 0 for the original's (128 for ConvNet-3, 64 for the residual networks).</summary>
    public int NetworkWidth { get; init; }

    /// <summary>How the student is trained.</summary>
    public StudentProtocol Protocol { get; init; } = StudentProtocol.Rded;

    /// <summary>Passes over the training images. Ignored when <see cref="Updates"/> is set.</summary>
    public int Epochs { get; init; } = 300;

    /// <summary>
    /// Optimiser updates, the same for every set whatever its size; 0 lets <see cref="Epochs"/> decide. The learning rate's
    /// schedule then runs over updates.
    /// </summary>
    public int Updates { get; init; }

    /// <summary>Images per update (B); at most the number of images is used. The last batch of an epoch may be smaller.</summary>
    public int BatchSize { get; init; } = 50;

    /// <summary>
    /// Images per forward pass; the gradients of a batch's parts are summed. 0 chooses: as many as keep the largest maps
    /// below 26 MB, which is faster than whole batches, and whole batches for networks with batch norm.
    /// </summary>
    public int MicroBatchSize { get; init; }

    /// <summary>Learning rate before the schedule.</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>Weight decay, decoupled under AdamW.</summary>
    public double WeightDecay { get; init; } = 0.01;

    /// <summary>Temperature of soft labels (T); without effect on hard labels.</summary>
    public double Temperature { get; init; } = 20;

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
    public ChannelNormalisation Normalisation { get; init; } = ChannelNormalisation.ImageNet;

    /// <summary>Seconds between checkpoints, where a checkpoint folder is given.</summary>
    public double CheckpointSeconds { get; init; } = 30;

    /// <summary>The numbers that a protocol's source uses.</summary>
    /// <param name="protocol">The protocol.</param>
    /// <param name="imagesPerClass">Images per class (IPC).</param>
    /// <param name="imageSize">Side of the images in pixels: chooses the student.</param>
    /// <param name="classCount">C: <c>rded</c> doubles its batches from 100 classes on.</param>
    /// <returns>
    /// <c>rded</c> and <c>stored-soft</c>: 300 epochs, batch 10, 50, 100 for IPC below 10, 50, and from 50 on, doubled from
    /// 100 classes; ResNet-18, or ConvNet-3 below 64 pixels. <c>small-image</c>: 300 epochs (1,000 with augmentation), batch
    /// 256, ConvNet-3. <c>minimax-hard</c> and <c>igd-hard</c>: 2,000, 1,500, 1,000 epochs for IPC up to 10, 50 and above,
    /// batch 64, ResNetAP-10.
    /// </returns>
    public static StudentOptions ForProtocol(StudentProtocol protocol, int imagesPerClass, int imageSize, int classCount = 10)
    {
        if (imagesPerClass < 1)
            throw new UsageException($"images per class must be at least 1, not {imagesPerClass}");
        var options = new StudentOptions { Protocol = protocol };
        switch (protocol)
        {
            case StudentProtocol.Rded or StudentProtocol.StoredSoft:
                int batch = imagesPerClass >= 50 ? 100 : imagesPerClass >= 10 ? 50 : 10;
                return options with
                {
                    Network = imageSize < 64 ? StudentArchitecture.ConvNet3 : StudentArchitecture.ResNet18,
                    BatchSize = classCount >= 100 ? 2 * batch : batch,
                };
            case StudentProtocol.SmallImage or StudentProtocol.SmallImageDsa:
                return options with
                {
                    Network = StudentArchitecture.ConvNet3,
                    Epochs = protocol == StudentProtocol.SmallImageDsa ? 1000 : 300,
                    BatchSize = 256,
                    LearningRate = 0.01,
                    WeightDecay = 5e-4,
                    Normalisation = ChannelNormalisation.FashionMnist,
                };
            default:
                bool isAdamW = protocol == StudentProtocol.IgdHard;
                return options with
                {
                    Network = StudentArchitecture.ResNetAp10,
                    Epochs = imagesPerClass <= 10 ? 2000 : imagesPerClass <= 50 ? 1500 : 1000,
                    BatchSize = 64,
                    LearningRate = isAdamW ? 1e-3 : 0.01,
                    WeightDecay = isAdamW ? 0.01 : 5e-4,
                };
        }
    }

    /// <summary>Updates of a whole run over so many images.</summary>
    internal int TotalUpdates(int imageCount)
    {
        if (Updates > 0)
            return Updates;
        int batch = Math.Min(BatchSize, imageCount);
        return checked(Epochs * ((imageCount + batch - 1) / batch));
    }

    /// <summary>Refuses numbers that make no sense.</summary>
    /// <exception cref="UsageException">The first such number, with what is allowed.</exception>
    internal void Validate()
    {
        Require(Updates >= 0, nameof(Updates), Updates, "0 (off) or more");
        Require(Updates > 0 || Epochs is >= 1 and < RandomStream.MaximumEpochs, nameof(Epochs), Epochs, "1 to 16,777,215");
        Require(BatchSize >= 1, nameof(BatchSize), BatchSize, "1 and more");
        Require(MicroBatchSize >= 0, nameof(MicroBatchSize), MicroBatchSize, "0 (automatic) or more");
        Require(double.IsFinite(LearningRate) && LearningRate > 0, nameof(LearningRate), LearningRate, "finite numbers above 0");
        Require(double.IsFinite(WeightDecay) && WeightDecay >= 0, nameof(WeightDecay), WeightDecay, "0 and more");
        Require(double.IsFinite(Temperature) && Temperature > 0, nameof(Temperature), Temperature, "finite numbers above 0");
        Require(EvaluationInterval >= 0, nameof(EvaluationInterval), EvaluationInterval, "0 (only at the end) or more");
        Require(Threads >= 1, nameof(Threads), Threads, "1 and more");
        Require(CheckpointSeconds >= 0, nameof(CheckpointSeconds), CheckpointSeconds, "0 and more");
        Require(
            Normalisation is { DeviationRed: > 0, DeviationGreen: > 0, DeviationBlue: > 0 },
            nameof(Normalisation),
            Normalisation,
            "deviations above 0");
    }

    private static void Require(bool holds, string name, object found, string allowed)
    {
        if (!holds)
            throw new UsageException(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"training option {name} is {found}; allowed are {allowed}"));
    }
}
