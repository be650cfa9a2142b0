namespace Ddoq.Training;

/// <summary>Labelled images in memory, with a weight and teacher logits per image where there are any.</summary>
/// <param name="Pixels">[N, 3, H, W] planar RGB, 8 bits; kept by reference.</param>
/// <param name="Labels">[N] class indices.</param>
/// <param name="Weights">[N] factors of the per-image loss, finite and not negative; null for 1 everywhere.</param>
/// <param name="SoftLabels">[N, C] teacher logits of the plain images; null where the protocol or the caller has none.</param>
/// <param name="Count">N.</param>
/// <param name="Height">H in pixels.</param>
/// <param name="Width">W in pixels.</param>
public sealed record TrainingImages(
    byte[] Pixels, int[] Labels, float[]? Weights, float[]? SoftLabels, int Count, int Height, int Width)
{
    /// <summary>Bytes of one image: 3 H W.</summary>
    public int ImageLength => checked(3 * Height * Width);

    /// <summary>Checks that every array fits the counts and every value is allowed.</summary>
    /// <param name="role">What the images are for, for messages: <c>training</c> or <c>test</c>.</param>
    /// <param name="classCount">C.</param>
    /// <exception cref="DdoqException">The first thing that does not fit, with its row.</exception>
    internal void Validate(string role, int classCount)
    {
        if (Count < 1 || Height < 1 || Width < 1)
            throw new DdoqException($"{role} images: {Count} of {Height}x{Width} pixels; all three must be at least 1");
        RequireLength(role, "pixels", Pixels.Length, (long)Count * ImageLength);
        RequireLength(role, "labels", Labels.Length, Count);
        for (int row = 0; row < Count; row++)
        {
            if ((uint)Labels[row] >= (uint)classCount)
            {
                throw new DdoqException(
                    $"{role} images: the label of row {row} is {Labels[row]}; allowed are 0 to {classCount - 1}",
                    "Check that the images and the class count come from the same dataset.");
            }
        }

        if (SoftLabels is not null)
            RequireLength(role, "soft labels", SoftLabels.Length, (long)Count * classCount);
        if (Weights is null)
            return;
        RequireLength(role, "weights", Weights.Length, Count);
        for (int row = 0; row < Count; row++)
        {
            if (!float.IsFinite(Weights[row]) || Weights[row] < 0)
                throw new DdoqException($"{role} images: the weight of row {row} is {Weights[row]}; weights must be finite and not negative");
        }

        if (Array.TrueForAll(Weights, weight => weight == 0))
            throw new DdoqException($"{role} images: every weight is 0, so there is nothing to learn from");
    }

    private static void RequireLength(string role, string what, int found, long expected)
    {
        if (found != expected)
            throw new DdoqException($"{role} images: {found} {what}; the counts ask for {expected}");
    }
}
