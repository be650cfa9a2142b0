using Ddoq.Training.Weights;

namespace Ddoq.Training.Tests.Weights;

public sealed class TrainingWeightsTests
{
    [Test]
    public void Summarise_EqualAndUnequalAndAbsentClasses()
    {
        IReadOnlyList<ClassWeightStatistics> statistics =
            TrainingWeights.Summarise([2, 2, 2, 0, 3, 1], [0, 0, 0, 1, 1, 1], classCount: 3);

        Assert.That(statistics[0], Is.EqualTo(new ClassWeightStatistics(0, 3, 2, 2, 2, 3)));
        Assert.That(statistics[1], Is.EqualTo(new ClassWeightStatistics(1, 3, 0, 3, 4.0 / 3, 1.6)));
        Assert.That(statistics[2], Is.EqualTo(new ClassWeightStatistics(2, 0, 0, 0, 0, 0)));
    }

    [Test]
    public void Summarise_EffectiveSampleSize_DoesNotDependOnScale()
    {
        float[] weights = [0.1f, 0.7f, 0.2f], scaled = [10, 70, 20];

        double plain = TrainingWeights.Summarise(weights, [0, 0, 0], 1)[0].EffectiveSampleSize;

        Assert.That(TrainingWeights.Summarise(scaled, [0, 0, 0], 1)[0].EffectiveSampleSize, Is.EqualTo(plain).Within(1e-6));
    }

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
