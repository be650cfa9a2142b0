using static TorchSharp.torch;

namespace Ddoq.Training;

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

    /// <summary>Mean as [1, 3, 1, 1].</summary>
    internal Tensor MeanTensor() => tensor(new[] { MeanRed, MeanGreen, MeanBlue }, [1, 3, 1, 1]);

    /// <summary>1 / deviation as [1, 3, 1, 1].</summary>
    internal Tensor ScaleTensor() => tensor(new[] { 1f / DeviationRed, 1f / DeviationGreen, 1f / DeviationBlue }, [1, 3, 1, 1]);
}
