using System.Runtime.InteropServices;
using Ddoq.Numerics;
using Ddoq.Training.Augmentation;
using Ddoq.Training.Losses;
using Ddoq.Training.Protocols;
using Ddoq.Training.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddoq.Training;

/// <summary>Makes any batch of a run from its epoch and step alone, so that a resumed run sees the same batches.</summary>
internal sealed class TrainingBatchSource : IDisposable
{
    private const double LeastCropArea = 0.5;
    private const double JitterStrength = 0.4;
    private const double LightingDeviation = 0.1;

    private readonly TrainingImages _images;
    private readonly StudentOptions _options;
    private readonly ProtocolRecipe _recipe;
    private readonly TeacherFunction? _teacher;
    private readonly int _classCount;
    private readonly float[] _weights;
    private readonly Tensor _pixels;
    private readonly Tensor _mean;
    private readonly Tensor _scale;
    private readonly int[] _order;
    private int _orderEpoch = -1;

    /// <summary>Copies the pixels into a tensor.</summary>
    public TrainingBatchSource(TrainingImages images, int classCount, StudentOptions options, ProtocolRecipe recipe, TeacherFunction? teacher)
    {
        _images = images;
        _options = options;
        _recipe = recipe;
        _teacher = teacher;
        _classCount = classCount;
        _weights = TrainingWeights.Prepare(images.Weights, images.Count, options.WeightNormalisation);
        _pixels = tensor(images.Pixels, [images.Count, 3, images.Height, images.Width]).DetachFromDisposeScope();
        _mean = recipe.Normalisation.MeanTensor().DetachFromDisposeScope();
        _scale = recipe.Normalisation.ScaleTensor().DetachFromDisposeScope();
        _order = new int[images.Count];
        BatchSize = Math.Min(recipe.BatchSize, images.Count);
        StepsPerEpoch = (images.Count + BatchSize - 1) / BatchSize;
    }

    /// <summary>Images per batch; the last of an epoch may have fewer.</summary>
    public int BatchSize { get; }

    /// <summary>Batches per epoch.</summary>
    public int StepsPerEpoch { get; }

    /// <summary>[N] weights, before any normalisation by batch.</summary>
    public ReadOnlySpan<float> Weights => _weights;

    /// <summary>Makes a batch; its tensors belong to the caller's dispose scope.</summary>
    public TrainingBatch Make(int epoch, int step)
    {
        using IDisposable noGradients = no_grad();
        using DisposeScope scope = NewDisposeScope();
        ReadOnlySpan<int> rows = Rows(epoch, step);
        var random = new CounterRandom(_options.Seed, RandomStreams.Augmentation(epoch, step));
        Tensor images = _pixels.index_select(0, tensor(rows.ToArray())).to(ScalarType.Float32).MultiplyInPlace(1f / 255f);
        if (_recipe.Augmentation is AugmentationKind.CropFlip or AugmentationKind.CropFlipColour)
            images = RandomResizedCrop.Apply(images, ref random, LeastCropArea);
        if (_recipe.Augmentation == AugmentationKind.CropFlipColour)
            images = ColourJitter.Apply(images, ref random, JitterStrength, LightingDeviation);

        int[] partners = [];
        double lambda = 1;
        if (_recipe.Mixes)
            images = Mix(images, rows, epoch, step, out partners, out lambda);

        // The teacher normalises in its own way, so it gets the images before the student's normalisation.
        Tensor? softTargets = _recipe.Labels switch
        {
            LabelSource.Teacher => WeightedLoss.SoftTargets(AskTeacher(images), _recipe.Temperature),
            LabelSource.Stored => StoredTargets(rows, partners, lambda),
            _ => null,
        };

        images = images.sub(_mean).mul_(_scale);
        if (_recipe.Augmentation == AugmentationKind.Siamese)
            images = SiameseAugmentation.Apply(images, ref random);

        bool isHard = _recipe.Labels == LabelSource.Hard;
        return new TrainingBatch(
            images.MoveToOuterDisposeScope(),
            softTargets?.MoveToOuterDisposeScope(),
            isHard ? LabelTensor(rows).MoveToOuterDisposeScope() : null,
            isHard && _recipe.Mixes ? LabelTensor(partners).MoveToOuterDisposeScope() : null,
            lambda,
            tensor(BatchWeights(rows, partners, lambda)).MoveToOuterDisposeScope());
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _pixels.Dispose();
        _mean.Dispose();
        _scale.Dispose();
    }

    private ReadOnlySpan<int> Rows(int epoch, int step)
    {
        if (_orderEpoch != epoch)
        {
            for (int i = 0; i < _order.Length; i++)
                _order[i] = i;
            var random = new CounterRandom(_options.Seed, RandomStreams.ImageOrder(epoch));
            random.Shuffle(_order.AsSpan());
            _orderEpoch = epoch;
        }

        int first = step * BatchSize;
        return _order.AsSpan(first, Math.Min(BatchSize, _order.Length - first));
    }

    private Tensor Mix(Tensor images, ReadOnlySpan<int> rows, int epoch, int step, out int[] partners, out double lambda)
    {
        var random = new CounterRandom(_options.Seed, RandomStreams.Mix(epoch, step));
        long[] places = new long[rows.Length];
        for (int i = 0; i < places.Length; i++)
            places[i] = i;
        random.Shuffle(places.AsSpan());
        CutMixBox box = CutMixBox.Draw(ref random, _images.Height, _images.Width);

        partners = new int[rows.Length];
        for (int i = 0; i < places.Length; i++)
            partners[i] = rows[(int)places[i]];
        lambda = box.Lambda;

        Tensor region = images.narrow(2, box.Top, box.Bottom - box.Top).narrow(3, box.Left, box.Right - box.Left);
        region.copy_(region.index_select(0, tensor(places)));
        return images;
    }

    private Tensor AskTeacher(Tensor images)
    {
        int count = (int)images.shape[0];
        Tensor contiguous = images.contiguous();
        float[] logits = new float[count * _classCount];
        _teacher!(MemoryMarshal.Cast<byte, float>(contiguous.bytes), count, logits);
        foreach (float logit in logits)
        {
            if (!float.IsFinite(logit))
                throw new DdoqException($"the teacher gave the logit {logit} for a training batch", "Check the teacher model and its input range.");
        }

        return tensor(logits, [count, _classCount]);
    }

    private Tensor StoredTargets(ReadOnlySpan<int> rows, int[] partners, double lambda)
    {
        Tensor own = WeightedLoss.SoftTargets(StoredLogits(rows), _recipe.Temperature);
        return partners.Length == 0
            ? own
            : own.Multiply(lambda).Add(WeightedLoss.SoftTargets(StoredLogits(partners), _recipe.Temperature).Multiply(1 - lambda));
    }

    private Tensor StoredLogits(ReadOnlySpan<int> rows)
    {
        float[] logits = new float[rows.Length * _classCount];
        for (int i = 0; i < rows.Length; i++)
            _images.SoftLabels.AsSpan(rows[i] * _classCount, _classCount).CopyTo(logits.AsSpan(i * _classCount));
        return tensor(logits, [rows.Length, _classCount]);
    }

    private Tensor LabelTensor(ReadOnlySpan<int> rows)
    {
        long[] labels = new long[rows.Length];
        for (int i = 0; i < rows.Length; i++)
            labels[i] = _images.Labels[rows[i]];
        return tensor(labels);
    }

    private float[] BatchWeights(ReadOnlySpan<int> rows, int[] partners, double lambda)
    {
        float[] weights = new float[rows.Length];
        for (int i = 0; i < weights.Length; i++)
        {
            double weight = _weights[rows[i]];
            if (partners.Length > 0 && _options.CutMixWeight == CutMixWeight.Mix)
                weight = (lambda * weight) + ((1 - lambda) * _weights[partners[i]]);
            weights[i] = (float)weight;
        }

        if (_options.WeightNormalisation == WeightNormalisation.Batch)
            TrainingWeights.DivideByMean(weights);
        return weights;
    }
}

/// <summary>One prepared batch: what the student sees and what it should say.</summary>
/// <param name="Images">[B, 3, H, W], normalised.</param>
/// <param name="SoftTargets">[B, C] probabilities at the run's temperature; null for hard labels.</param>
/// <param name="Labels">[B] int64; null for soft targets.</param>
/// <param name="PartnerLabels">[B] int64 labels of the CutMix partners; null without mixing or for soft targets.</param>
/// <param name="Lambda">The base image's share of the pixels; 1 without mixing.</param>
/// <param name="Weights">[B] weights, normalised and mixed.</param>
internal sealed record TrainingBatch(
    Tensor Images, Tensor? SoftTargets, Tensor? Labels, Tensor? PartnerLabels, double Lambda, Tensor Weights)
{
    /// <summary>B.</summary>
    public int Count => (int)Images.shape[0];
}
