using Ddoq.Training.Weights;

namespace Ddoq.Training.Tests.Weights;

public sealed class TrainingWeightsTests
{
    [TestCase(WeightNormalisation.None, 2f)]
    [TestCase(WeightNormalisation.Batch, 2f)]
    [TestCase(WeightNormalisation.Dataset, 1f)]
    public void Prepare_OnlyDatasetNormalisationChangesTheMean(WeightNormalisation normalisation, float expectedMean)
    {
        float[] weights = [1, 2, 3];

        float[] prepared = TrainingWeights.Prepare(weights, 3, normalisation);

        Assert.That(prepared.Average(), Is.EqualTo(expectedMean).Within(1e-6));
        Assert.That(weights, Is.EqualTo(new float[] { 1, 2, 3 }));
    }

    [Test]
    public void Prepare_NoWeights_GivesOnes() =>
        Assert.That(TrainingWeights.Prepare(null, 3, WeightNormalisation.Dataset), Is.EqualTo(new float[] { 1, 1, 1 }));

    [Test]
    public void DivideByMean_AllZero_StaysZero()
    {
        float[] weights = [0, 0];

        TrainingWeights.DivideByMean(weights);

        Assert.That(weights, Is.EqualTo(new float[] { 0, 0 }));
    }
}
