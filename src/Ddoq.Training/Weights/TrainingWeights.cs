namespace Ddoq.Training.Weights;

/// <summary>Weights of a training set as the losses use them.</summary>
public static class TrainingWeights
{
    /// <summary>The weights to train with, before any normalisation by batch.</summary>
    /// <param name="weights">[N] weights, or null for 1 everywhere.</param>
    /// <param name="count">N.</param>
    /// <param name="normalisation">Only <see cref="WeightNormalisation.Dataset"/> changes anything here.</param>
    /// <returns>A new array of N weights.</returns>
    public static float[] Prepare(float[]? weights, int count, WeightNormalisation normalisation)
    {
        float[] prepared = new float[count];
        if (weights is null)
        {
            Array.Fill(prepared, 1f);
            return prepared;
        }

        weights.CopyTo(prepared, 0);
        if (normalisation == WeightNormalisation.Dataset)
            DivideByMean(prepared);
        return prepared;
    }

    /// <summary>Divides by the mean, computed in fp64; weights whose sum is 0 stay 0.</summary>
    public static void DivideByMean(Span<float> weights)
    {
        double sum = 0;
        foreach (float weight in weights)
            sum += weight;
        if (sum == 0)
            return;
        double scale = weights.Length / sum;
        for (int i = 0; i < weights.Length; i++)
            weights[i] = (float)(weights[i] * scale);
    }
}

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

/// <summary>Which weight a CutMix image has, made of a base image and a box from a partner.</summary>
public enum CutMixWeight
{
    /// <summary>The base image's, as in the released code of WMDD.</summary>
    Base,

    /// <summary>lambda w(base) + (1 - lambda) w(partner), with lambda the base's share of the pixels after clipping the box.</summary>
    Mix,
}
