using Ddoq.Distilled;
using Ddoq.Training.Protocols;
using Ddoq.Training.Weights;

namespace Ddoq.Training.Tests;

public sealed class StudentTrainerTests
{
    private static readonly StudentOptions Small = new()
    {
        Protocol = StudentProtocol.SmallImage,
        NetworkWidth = 16,
        Epochs = 12,
        Seed = 5,
    };

    private static readonly TrainingImages Train = SyntheticImages.Make(24, 1);
    private static readonly TrainingImages Test = SyntheticImages.Make(60, 2);

    [TestCase(StudentProtocol.Rded, 40)]
    [TestCase(StudentProtocol.StoredSoft, 40)]
    [TestCase(StudentProtocol.SmallImage, 40)]
    [TestCase(StudentProtocol.SmallImageDsa, 60)]
    [TestCase(StudentProtocol.MinimaxHard, 40)]
    [TestCase(StudentProtocol.IgdHard, 40)]
    public void Train_SeparableClasses_AreLearnt(StudentProtocol protocol, int epochs)
    {
        float[] stored = new float[Train.Count * SyntheticImages.Classes];
        SyntheticImages.Teach(Array.ConvertAll(Train.Pixels, value => value / 255f), Train.Count, stored);
        StudentOptions options = new()
        {
            Protocol = protocol,
            Network = Training.Networks.StudentArchitecture.ConvNet3,
            NetworkWidth = 16,
            Epochs = epochs,
            BatchSize = 8,
            Temperature = 4,
            LearningRate = 0.01,
            EvaluationInterval = 10,
        };

        TrainingResult result = StudentTrainer.Train(
            Train with { SoftLabels = stored }, Test, SyntheticImages.Classes, options, SyntheticImages.Teach, null, NullProgress.Instance);

        Assert.That(result.LastAccuracy, Is.GreaterThan(0.9), string.Join(" ", result.LossCurve));
        Assert.That(result.BestAccuracy, Is.GreaterThanOrEqualTo(result.LastAccuracy));
        Assert.That(result.TeacherAgreement, Is.GreaterThan(0.9));
        Assert.That(result.Updates, Is.EqualTo(3 * epochs));
        Assert.That(result.LossCurve, Has.Count.EqualTo(epochs));
        Assert.That(result.Evaluations, Has.Count.EqualTo(epochs / 10));
    }

    [Test]
    public void Train_SameSeedSideBySide_IsTheSameToTheLastBit_OtherSeedIsNot()
    {
        StudentOptions options = Mixed();
        var results = new TrainingResult[3];
        Parallel.For(0, 3, i => results[i] = StudentTrainer.Train(
            Train, Test, SyntheticImages.Classes, i < 2 ? options : options with { Seed = 6 }, SyntheticImages.Teach, null, NullProgress.Instance));

        Assert.That(results[1].LossCurve, Is.EqualTo(results[0].LossCurve));
        Assert.That(results[1].Evaluations, Is.EqualTo(results[0].Evaluations));
        Assert.That(results[2].LossCurve, Is.Not.EqualTo(results[0].LossCurve));
    }

    [Test]
    public void Train_WeightZero_IsTheSampleAbsent()
    {
        int[] kept = [.. Enumerable.Range(0, 24).Where(row => row % 5 != 0)];
        float[] weights = [.. Enumerable.Range(0, 24).Select(row => row % 5 != 0 ? 1f : 0f)];
        StudentOptions options = Small with { WeightNormalisation = WeightNormalisation.Batch };

        AssertSameCurve(
            Curve(SyntheticImages.Pick(Train, [.. Enumerable.Range(0, 24)], weights), options),
            Curve(SyntheticImages.Pick(Train, kept, null), options));
    }

    [Test]
    public void Train_DuplicatesOfHalfWeight_AreOneOfWeightOne()
    {
        int[] rows = [.. Enumerable.Range(0, 24), 3, 8, 8, 20];
        float[] weights = [.. Enumerable.Repeat(1f, 24), 0.5f, 1f / 3, 1f / 3, 0.5f];
        (weights[3], weights[8], weights[20]) = (0.5f, 1f / 3, 0.5f);
        StudentOptions options = Small with { WeightNormalisation = WeightNormalisation.Batch };

        AssertSameCurve(Curve(SyntheticImages.Pick(Train, rows, weights), options), Curve(Train, options));
    }

    [Test]
    public void Train_WeightsTimesAConstant_ScaleTheLoss()
    {
        float[] weights = [.. Enumerable.Range(0, 24).Select(row => 0.5f + (row % 4))];
        TrainingImages once = Train with { Weights = weights }, fourfold = Train with { Weights = [.. weights.Select(weight => 4 * weight)] };
        // A power of two, so that products and sums scale exactly and only the optimiser's own constant is left to differ.
        StudentOptions one = Small with { Epochs = 1 };

        Assert.That(Curve(fourfold, one)[0], Is.EqualTo(4 * Curve(once, one)[0]).Within(1e-5).Percent);
        foreach (WeightNormalisation normalisation in new[] { WeightNormalisation.Batch, WeightNormalisation.Dataset })
        {
            StudentOptions options = Small with { WeightNormalisation = normalisation };
            AssertSameCurve(Curve(fourfold, options), Curve(once, options));
        }
    }

    [TestCase(1)]
    [TestCase(5)]
    [TestCase(23)]
    public void Train_GradientAccumulation_IsTheWholeBatch(int microBatch)
    {
        StudentOptions options = Mixed();

        AssertSameCurve(
            Curve(Train, options with { MicroBatchSize = microBatch }),
            Curve(Train, options with { MicroBatchSize = 1000 }));
    }

    [Test]
    public void Train_FixedUpdates_AreTheSameForSetsOfAnySize()
    {
        StudentOptions options = Small with { Epochs = null, Updates = 10, BatchSize = 6 };

        TrainingResult small = Run(SyntheticImages.Make(9, 3), options), large = Run(SyntheticImages.Make(30, 3), options);

        Assert.That((small.Updates, large.Updates), Is.EqualTo((10, 10)));
        Assert.That((small.LossCurve.Count, large.LossCurve.Count), Is.EqualTo((5, 2)));
        Assert.That(large.Evaluations, Has.Count.EqualTo(1));
    }

    [Test]
    public void Train_CutMixWeightMix_DiffersFromBaseOnlyWithUnequalWeights()
    {
        float[] unequal = [.. Enumerable.Range(0, 24).Select(row => 1f + (row % 3))];
        StudentOptions basic = Mixed() with { Epochs = 2 }, mix = basic with { CutMixWeight = CutMixWeight.Mix };

        AssertSameCurve(Curve(Train, mix), Curve(Train, basic));
        Assert.That(Curve(Train with { Weights = unequal }, mix), Is.Not.EqualTo(Curve(Train with { Weights = unequal }, basic)));
    }

    [Test]
    public void Train_WeightStatistics_AreOfTheWeightsUsed()
    {
        TrainingImages weighted = Train with { Weights = [.. Enumerable.Repeat(4f, 24)] };

        TrainingResult result = Run(weighted, Small with { Epochs = 1, WeightNormalisation = WeightNormalisation.Dataset });

        Assert.That(result.WeightStatistics[2], Is.EqualTo(new WeightStatistics(8, 1, 1, 1, 8)));
    }

    [Test]
    public void Train_RdedWithoutTeacher_IsAUsageErrorWithAlternatives() =>
        Assert.That(
            () => StudentTrainer.Train(Train, Test, 3, Mixed(), null, null, NullProgress.Instance),
            Throws.TypeOf<UsageException>().With.Message.Contains("rded").And.Property("Hint").Contains("stored-soft"));

    [Test]
    public void Train_BadInput_NamesRowAndRange()
    {
        TrainingImages wrongLabel = Train with { Labels = [.. Train.Labels[..^1], 3] };
        TrainingImages wrongWeight = Train with { Weights = [.. Enumerable.Repeat(1f, 23), float.NaN] };
        TrainingImages wrongSize = Test with { Height = 8, Width = 32 };

        Assert.That(() => Run(wrongLabel, Small), Throws.TypeOf<DdoqException>().With.Message.Contains("row 23").And.Message.Contains("0 to 2"));
        Assert.That(() => Run(wrongWeight, Small), Throws.TypeOf<DdoqException>().With.Message.Contains("row 23"));
        Assert.That(
            () => StudentTrainer.Train(Train, wrongSize, 3, Small, null, null, NullProgress.Instance),
            Throws.TypeOf<DdoqException>().With.Message.Contains("8x32"));
        Assert.That(() => Run(Train, Small with { LearningRate = 0 }), Throws.TypeOf<UsageException>());
    }

    [Test]
    public void Train_LossThatDiverges_SaysSo() =>
        Assert.That(
            () => Run(Train, Small with { LearningRate = 1e30 }),
            Throws.TypeOf<DdoqException>().With.Message.Contains("epoch"));

    private static StudentOptions Mixed() => new()
    {
        Protocol = StudentProtocol.Rded,
        NetworkWidth = 16,
        Epochs = 8,
        BatchSize = 24,
        Seed = 5,
    };

    private static TrainingResult Run(TrainingImages images, StudentOptions options) =>
        StudentTrainer.Train(images, Test, SyntheticImages.Classes, options, SyntheticImages.Teach, null, NullProgress.Instance);

    private static IReadOnlyList<double> Curve(TrainingImages images, StudentOptions options) => Run(images, options).LossCurve;

    // Sums in another order differ in their last bits, and training lets that grow a little.
    private static void AssertSameCurve(IReadOnlyList<double> found, IReadOnlyList<double> expected) =>
        Assert.That(found, Is.EqualTo(expected).Within(0.05).Percent);
}
