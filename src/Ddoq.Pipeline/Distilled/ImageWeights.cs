using Ddoq.Distilled;
using Ddoq.Quantization;

namespace Ddoq.Pipeline;

/// <summary>The loss weights of a distilled set's images.</summary>
internal static class ImageWeights
{
    /// <summary>The weights that the set stores, or those of a rule, class by class, from the cluster sizes.</summary>
    /// <param name="set">The set's list.</param>
    /// <param name="folder">Its folder, for the error text.</param>
    /// <param name="rule">Null takes the stored ones.</param>
    /// <exception cref="UsageException">A rule is asked for that needs cluster sizes, and the set has none.</exception>
    public static float[] Of(DistilledSet set, string folder, WeightRule? rule)
    {
        if (rule is null)
            return [.. set.Images.Select(image => (float)image.Weight)];
        double[] masses = [.. set.Images.Select(image => image.ClusterMass ?? image.ClusterSize)];
        if (rule != WeightRule.None && masses.All(mass => mass == 0))
        {
            throw new UsageException(
                $"weights by {rule} are asked for, but the images of '{folder}' have no cluster sizes",
                "Leave --weights out to train with the weights that the set stores.");
        }

        var weights = new float[masses.Length];
        foreach (var rows in Enumerable.Range(0, masses.Length).GroupBy(i => set.Images[i].Label))
        {
            int[] indices = [.. rows];
            var values = new float[indices.Length];
            PrototypeWeights.Compute(rule.Value, indices.Select(i => masses[i]).ToArray(), values);
            for (int k = 0; k < indices.Length; k++)
                weights[indices[k]] = values[k];
        }

        return weights;
    }
}
