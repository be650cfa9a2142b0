namespace Ddoq.Training.Weights;

/// <summary>What weights are divided by before they multiply the losses.</summary>
public enum WeightNormalisation
{
    /// <summary>Nothing: a batch's loss is the sum of w times loss, divided by the batch size.</summary>
    None,

    /// <summary>The batch's mean weight: every batch's weights average to 1.</summary>
    Batch,

    /// <summary>The dataset's mean weight: all weights average to 1, so the learning rate means what it means unweighted.</summary>
    Dataset,
}
