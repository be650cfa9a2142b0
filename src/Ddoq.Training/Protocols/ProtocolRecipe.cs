using System.Globalization;
using Ddoq.Training.Networks;

namespace Ddoq.Training.Protocols;

/// <summary>Everything a run uses: what its protocol fixes, and the protocol's numbers where <see cref="StudentOptions"/> name no others.</summary>
/// <remarks>The only place where a protocol's numbers stand.</remarks>
public sealed record ProtocolRecipe
{
    /// <summary>The protocol.</summary>
    public required StudentProtocol Protocol { get; init; }

    /// <summary>The student.</summary>
    public required StudentArchitecture Network { get; init; }

    /// <summary>Maps of the student's first layers; 0 for the original's.</summary>
    public int NetworkWidth { get; init; }

    /// <summary>Passes over the training images, where <see cref="Updates"/> is 0.</summary>
    public required int Epochs { get; init; }

    /// <summary>Optimiser updates; 0 where <see cref="Epochs"/> count. The learning rate's schedule runs over what counts.</summary>
    public int Updates { get; init; }

    /// <summary>Images per update (B); at most the number of images is used.</summary>
    public required int BatchSize { get; init; }

    /// <summary>Learning rate before the schedule.</summary>
    public required double LearningRate { get; init; }

    /// <summary>Weight decay, decoupled under AdamW.</summary>
    public required double WeightDecay { get; init; }

    /// <summary>Temperature of soft labels (T); without effect on hard labels.</summary>
    public required double Temperature { get; init; }

    /// <summary>Normalisation of the student's inputs.</summary>
    public required ChannelNormalisation Normalisation { get; init; }

    /// <summary>Whether the teacher labels every batch.</summary>
    public bool NeedsTeacher => Labels == LabelSource.Teacher;

    /// <summary>Whether the teacher's logits must be stored with the images.</summary>
    public bool NeedsStoredLabels => Labels == LabelSource.Stored;

    internal LabelSource Labels { get; private init; }

    internal AugmentationKind Augmentation { get; private init; }

    /// <summary>Whether every batch is mixed by CutMix.</summary>
    internal bool Mixes { get; private init; }

    internal OptimizerKind Optimizer { get; private init; }

    internal ScheduleKind Schedule { get; private init; }

    /// <summary>The numbers of a run: the options', and for those left open the protocol's.</summary>
    /// <param name="options">What was asked for.</param>
    /// <param name="imagesPerClass">Images per class (IPC).</param>
    /// <param name="imageSize">Side of the images in pixels: chooses the student.</param>
    /// <param name="classCount">C.</param>
    /// <exception cref="UsageException">A number is out of range, or both updates and epochs are given.</exception>
    public static ProtocolRecipe For(StudentOptions options, int imagesPerClass, int imageSize, int classCount)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        ProtocolRecipe own = Of(options.Protocol, imagesPerClass, imageSize, classCount);
        return own with
        {
            Network = options.Network ?? own.Network,
            NetworkWidth = options.NetworkWidth ?? own.NetworkWidth,
            Epochs = options.Epochs ?? own.Epochs,
            Updates = options.Updates ?? 0,
            BatchSize = options.BatchSize ?? own.BatchSize,
            LearningRate = options.LearningRate ?? own.LearningRate,
            WeightDecay = options.WeightDecay ?? own.WeightDecay,
            Temperature = options.Temperature ?? own.Temperature,
            Normalisation = options.Normalisation ?? own.Normalisation,
        };
    }

    /// <summary>A protocol as its source runs it.</summary>
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
    /// <exception cref="UsageException">The value is no protocol, or there are no images.</exception>
    public static ProtocolRecipe Of(StudentProtocol protocol, int imagesPerClass, int imageSize, int classCount)
    {
        if (imagesPerClass < 1)
            throw new UsageException($"images per class must be at least 1, not {imagesPerClass}");
        return protocol switch
        {
            StudentProtocol.Rded => Soft(protocol, LabelSource.Teacher, imagesPerClass, imageSize, classCount),
            StudentProtocol.StoredSoft => Soft(protocol, LabelSource.Stored, imagesPerClass, imageSize, classCount),
            StudentProtocol.SmallImage => Small(protocol, AugmentationKind.None, epochs: 300),
            StudentProtocol.SmallImageDsa => Small(protocol, AugmentationKind.Siamese, epochs: 1000),
            StudentProtocol.MinimaxHard => Hard(protocol, imagesPerClass, OptimizerKind.Sgd, learningRate: 0.01, weightDecay: 5e-4),
            StudentProtocol.IgdHard => Hard(protocol, imagesPerClass, OptimizerKind.AdamW, learningRate: 1e-3, weightDecay: 0.01),
            _ => throw new UsageException($"there is no evaluation protocol {(int)protocol}"),
        };
    }

    /// <summary>Options with every number that was left open: the same run in full words.</summary>
    public StudentOptions Fill(StudentOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return options with
        {
            Network = Network,
            NetworkWidth = NetworkWidth,
            Epochs = Updates > 0 ? null : Epochs,
            Updates = Updates > 0 ? Updates : null,
            BatchSize = BatchSize,
            LearningRate = LearningRate,
            WeightDecay = WeightDecay,
            Temperature = Temperature,
            Normalisation = Normalisation,
        };
    }

    /// <summary>Updates of a whole run over so many images.</summary>
    public int TotalUpdates(int imageCount)
    {
        if (Updates > 0)
            return Updates;
        int batch = Math.Min(BatchSize, imageCount);
        return checked(Epochs * ((imageCount + batch - 1) / batch));
    }

    /// <summary>The protocol's name, and what this run does otherwise: <c>rded, shortened: 600 updates of 10</c>.</summary>
    /// <param name="imagesPerClass">Images per class (IPC).</param>
    /// <param name="imageSize">Side of the images in pixels.</param>
    /// <param name="classCount">C.</param>
    public string Describe(int imagesPerClass, int imageSize, int classCount)
    {
        ProtocolRecipe own = Of(Protocol, imagesPerClass, imageSize, classCount);
        int images = imagesPerClass * classCount, updates = TotalUpdates(images), ownUpdates = own.TotalUpdates(images);
        int batch = Math.Min(BatchSize, images), ownBatch = Math.Min(own.BatchSize, images);
        var changes = new List<string>();
        if (updates != ownUpdates || batch != ownBatch)
            changes.Add(Text($"{updates:N0} updates of {batch}"));
        if (Network != own.Network)
            changes.Add(Network.ToString());
        if (NetworkWidth != own.NetworkWidth)
            changes.Add(Text($"width {NetworkWidth}"));
        if (LearningRate != own.LearningRate)
            changes.Add(Text($"learning rate {LearningRate}"));
        if (WeightDecay != own.WeightDecay)
            changes.Add(Text($"weight decay {WeightDecay}"));
        if (Temperature != own.Temperature)
            changes.Add(Text($"temperature {Temperature}"));
        if (Normalisation != own.Normalisation)
            changes.Add("another normalisation");
        if (changes.Count == 0)
            return Protocol.ToName();
        bool isShorter = (long)updates * batch < (long)ownUpdates * ownBatch;
        return $"{Protocol.ToName()}, {(isShorter ? "shortened" : "changed")}: {string.Join(", ", changes)}";
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private static ProtocolRecipe Soft(StudentProtocol protocol, LabelSource labels, int imagesPerClass, int imageSize, int classCount)
    {
        int batch = imagesPerClass >= 50 ? 100 : imagesPerClass >= 10 ? 50 : 10;
        return new ProtocolRecipe
        {
            Protocol = protocol,
            Labels = labels,
            Augmentation = AugmentationKind.CropFlip,
            Mixes = true,
            Optimizer = OptimizerKind.AdamWMatrixDecay,
            Schedule = ScheduleKind.HalfCosine,
            Network = imageSize < 64 ? StudentArchitecture.ConvNet3 : StudentArchitecture.ResNet18,
            Epochs = 300,
            BatchSize = classCount >= 100 ? 2 * batch : batch,
            LearningRate = 1e-3,
            WeightDecay = 0.01,
            Temperature = 20,
            Normalisation = ChannelNormalisation.ImageNet,
        };
    }

    private static ProtocolRecipe Small(StudentProtocol protocol, AugmentationKind augmentation, int epochs) => new()
    {
        Protocol = protocol,
        Labels = LabelSource.Hard,
        Augmentation = augmentation,
        Optimizer = OptimizerKind.Sgd,
        Schedule = ScheduleKind.TenthAfterHalf,
        Network = StudentArchitecture.ConvNet3,
        Epochs = epochs,
        BatchSize = 256,
        LearningRate = 0.01,
        WeightDecay = 5e-4,
        Temperature = 1,
        Normalisation = ChannelNormalisation.FashionMnist,
    };

    private static ProtocolRecipe Hard(StudentProtocol protocol, int imagesPerClass, OptimizerKind optimizer, double learningRate, double weightDecay) => new()
    {
        Protocol = protocol,
        Labels = LabelSource.Hard,
        Augmentation = AugmentationKind.CropFlipColour,
        Mixes = true,
        Optimizer = optimizer,
        Schedule = ScheduleKind.FifthTwice,
        Network = StudentArchitecture.ResNetAp10,
        Epochs = imagesPerClass <= 10 ? 2000 : imagesPerClass <= 50 ? 1500 : 1000,
        BatchSize = 64,
        LearningRate = learningRate,
        WeightDecay = weightDecay,
        Temperature = 1,
        Normalisation = ChannelNormalisation.ImageNet,
    };
}

/// <summary>Where a student's targets come from.</summary>
internal enum LabelSource
{
    /// <summary>Class indices.</summary>
    Hard,

    /// <summary>Teacher logits stored with the images.</summary>
    Stored,

    /// <summary>The teacher, asked for every batch.</summary>
    Teacher,
}

/// <summary>What happens to a batch's images before mixing.</summary>
internal enum AugmentationKind
{
    None,
    CropFlip,
    CropFlipColour,
    Siamese,
}

/// <summary>How parameters are updated.</summary>
internal enum OptimizerKind
{
    Sgd,
    AdamW,
    AdamWMatrixDecay,
}

/// <summary>How the learning rate falls over a run.</summary>
internal enum ScheduleKind
{
    /// <summary>0.5 (1 + cos(pi p / 2L)): from 1 to 0.5.</summary>
    HalfCosine,

    /// <summary>1, then 0.1 once more than L/2 + 1 positions are past.</summary>
    TenthAfterHalf,

    /// <summary>1, 0.2 from 2L/3 on, 0.04 from 5L/6 on.</summary>
    FifthTwice,
}

/// <summary>Factors of the learning rate at a position of a run of some length, both in epochs or both in updates.</summary>
internal static class LearningRateSchedule
{
    /// <summary>The factor at <paramref name="position"/> in [0, <paramref name="length"/>).</summary>
    public static double Factor(ScheduleKind kind, long position, long length) => kind switch
    {
        ScheduleKind.HalfCosine => 0.5 * (1.0 + Math.Cos(Math.PI * position / (2.0 * length))),
        ScheduleKind.TenthAfterHalf => position > (length / 2) + 1 ? 0.1 : 1.0,
        ScheduleKind.FifthTwice => position >= 5 * length / 6 ? 0.04 : position >= 2 * length / 3 ? 0.2 : 1.0,
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "unknown schedule"),
    };
}
