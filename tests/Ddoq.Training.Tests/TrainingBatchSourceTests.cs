using Ddoq.Training.Protocols;
using Ddoq.Training.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddoq.Training.Tests;

public sealed class TrainingBatchSourceTests
{
    private static readonly TrainingImages Images = SyntheticImages.Make(23, 4);

    [Test]
    public void Make_OneEpoch_HasEveryImageOnce_InAnotherOrderEachTime()
    {
        using DisposeScope scope = NewDisposeScope();
        float[] identities = [.. Enumerable.Range(0, 23).Select(row => (float)row)];
        using TrainingBatchSource source = Source(StudentProtocol.SmallImage, Images with { Weights = identities });
        float[][] epochs = [.. Enumerable.Range(0, 2).Select(epoch =>
            Enumerable.Range(0, source.StepsPerEpoch).SelectMany(step => Tensors.Values(source.Make(epoch, step).Weights)).ToArray())];

        Assert.That(source.StepsPerEpoch, Is.EqualTo(3));
        Assert.That(epochs[0], Is.EquivalentTo(identities));
        Assert.That(epochs[1], Is.EquivalentTo(identities));
        Assert.That(epochs[1], Is.Not.EqualTo(epochs[0]));
    }

    [Test]
    public void Make_Teacher_SeesTheMixedImagesBeforeTheStudentsNormalisation()
    {
        using DisposeScope scope = NewDisposeScope();
        float[] seen = [];
        void Teach(ReadOnlySpan<float> images, int count, Span<float> logits)
        {
            seen = images.ToArray();
            SyntheticImages.Teach(images, count, logits);
        }

        using TrainingBatchSource source = Source(StudentProtocol.Rded, Images, teacher: Teach);
        TrainingBatch batch = source.Make(0, 0);

        ChannelNormalisation normalisation = ChannelNormalisation.ImageNet;
        Tensor expected = batch.Images.div(normalisation.ScaleTensor()).add(normalisation.MeanTensor());
        Assert.That(seen, Is.EqualTo(Tensors.Values(expected)).Within(1e-6));
        Assert.That(seen, Is.All.InRange(0f, 1f));
        float[] logits = new float[10 * SyntheticImages.Classes];
        SyntheticImages.Teach(seen, 10, logits);
        Tensor targets = nn.functional.softmax(tensor(logits, [10, SyntheticImages.Classes]) / 20, 1);
        Assert.That(Tensors.Values(batch.SoftTargets!), Is.EqualTo(Tensors.Values(targets)).Within(1e-6));
    }

    [TestCase(CutMixWeight.Base)]
    [TestCase(CutMixWeight.Mix)]
    public void Make_Mixed_WeightsFollowTheRule(CutMixWeight rule)
    {
        using DisposeScope scope = NewDisposeScope();
        TrainingImages weighted = Images with { Weights = [.. Images.Labels.Select(label => 1f + (2 * label))] };
        using TrainingBatchSource source = Source(StudentProtocol.MinimaxHard, weighted, rule);
        TrainingBatch batch = source.Make(1, 1);

        long[] labels = [.. batch.Labels!.data<long>()], partners = [.. batch.PartnerLabels!.data<long>()];
        double share = rule == CutMixWeight.Base ? 1 : batch.Lambda;
        Assert.That(batch.Lambda, Is.InRange(0.01, 0.99), "the case is worth its name");
        Assert.That(partners, Is.Not.EqualTo(labels));
        for (int i = 0; i < labels.Length; i++)
            Assert.That(Tensors.Values(batch.Weights)[i], Is.EqualTo((share * (1 + (2 * labels[i]))) + ((1 - share) * (1 + (2 * partners[i])))).Within(1e-6));
    }

    [Test]
    public void Make_StoredLabels_AreMixedByArea()
    {
        using DisposeScope scope = NewDisposeScope();
        float[] sure = [.. Images.Labels.SelectMany(label => Enumerable.Range(0, SyntheticImages.Classes).Select(c => c == label ? 1000f : 0f))];
        using TrainingBatchSource stored = Source(StudentProtocol.StoredSoft, Images with { SoftLabels = sure });
        using TrainingBatchSource hard = Source(StudentProtocol.MinimaxHard, Images);
        TrainingBatch batch = stored.Make(0, 1), twin = hard.Make(0, 1);

        // Both draw the same order, partners and box; the hard one tells whose they are.
        Tensor expected = (nn.functional.one_hot(twin.Labels!, SyntheticImages.Classes) * twin.Lambda)
            + (nn.functional.one_hot(twin.PartnerLabels!, SyntheticImages.Classes) * (1 - twin.Lambda));
        Assert.That(Tensors.Values(batch.SoftTargets!), Is.EqualTo(Tensors.Values(expected.to(ScalarType.Float32))).Within(1e-6));
    }

    private static TrainingBatchSource Source(
        StudentProtocol protocol, TrainingImages images, CutMixWeight rule = CutMixWeight.Base, TeacherFunction? teacher = null)
    {
        StudentOptions options = new() { Protocol = protocol, BatchSize = 10, Seed = 8, CutMixWeight = rule };
        return new TrainingBatchSource(images, SyntheticImages.Classes, options, ProtocolRecipe.For(options, 8, SyntheticImages.Size, SyntheticImages.Classes), teacher);
    }
}
