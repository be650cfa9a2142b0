namespace Ddoq.Training.Protocols;

/// <summary>What a protocol fixes and options cannot change.</summary>
/// <param name="Labels">Where targets come from.</param>
/// <param name="Augmentation">What happens to a batch's images before mixing.</param>
/// <param name="Mixes">Whether every batch is mixed by CutMix.</param>
/// <param name="Optimizer">How parameters are updated.</param>
/// <param name="Schedule">How the learning rate falls.</param>
internal sealed record ProtocolRecipe(
    LabelSource Labels, AugmentationKind Augmentation, bool Mixes, OptimizerKind Optimizer, ScheduleKind Schedule)
{
    /// <summary>The recipe of a protocol.</summary>
    public static ProtocolRecipe For(StudentProtocol protocol) => protocol switch
    {
        StudentProtocol.Rded => new(
            LabelSource.Teacher, AugmentationKind.CropFlip, true, OptimizerKind.AdamWMatrixDecay, ScheduleKind.HalfCosine),
        StudentProtocol.StoredSoft => new(
            LabelSource.Stored, AugmentationKind.CropFlip, true, OptimizerKind.AdamWMatrixDecay, ScheduleKind.HalfCosine),
        StudentProtocol.SmallImage => new(
            LabelSource.Hard, AugmentationKind.None, false, OptimizerKind.Sgd, ScheduleKind.TenthAfterHalf),
        StudentProtocol.SmallImageDsa => new(
            LabelSource.Hard, AugmentationKind.Siamese, false, OptimizerKind.Sgd, ScheduleKind.TenthAfterHalf),
        StudentProtocol.MinimaxHard => new(
            LabelSource.Hard, AugmentationKind.CropFlipColour, true, OptimizerKind.Sgd, ScheduleKind.FifthTwice),
        StudentProtocol.IgdHard => new(
            LabelSource.Hard, AugmentationKind.CropFlipColour, true, OptimizerKind.AdamW, ScheduleKind.FifthTwice),
        _ => throw new UsageException($"there is no evaluation protocol {(int)protocol}"),
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
