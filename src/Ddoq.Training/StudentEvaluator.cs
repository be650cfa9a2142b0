using System.Runtime.InteropServices;
using Ddoq.Training.Networks;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddoq.Training;

/// <summary>Classifies test images in batches.</summary>
internal sealed class StudentEvaluator : IDisposable
{
    private const int TeacherBatchSize = 100;

    private readonly TrainingImages _images;
    private readonly int _classCount;
    private readonly int _batchSize;
    private readonly Tensor _pixels;
    private readonly Tensor _mean;
    private readonly Tensor _scale;

    public StudentEvaluator(TrainingImages images, int classCount, ChannelNormalisation normalisation, int batchSize)
    {
        _images = images;
        _classCount = classCount;
        _batchSize = batchSize;
        _pixels = tensor(images.Pixels, [images.Count, 3, images.Height, images.Width]).DetachFromDisposeScope();
        _mean = normalisation.MeanTensor().DetachFromDisposeScope();
        _scale = normalisation.ScaleTensor().DetachFromDisposeScope();
    }

    /// <summary>The network's most likely class of every test image; leaves the network in training mode.</summary>
    public int[] Predict(StudentNetwork network, CancellationToken cancellation)
    {
        using IDisposable noGradients = no_grad();
        int[] predictions = new int[_images.Count];
        network.eval();
        for (int first = 0; first < _images.Count; first += _batchSize)
        {
            cancellation.ThrowIfCancellationRequested();
            using DisposeScope scope = NewDisposeScope();
            int count = Math.Min(_batchSize, _images.Count - first);
            Tensor images = _pixels.narrow(0, first, count).to(ScalarType.Float32).MultiplyInPlace(1f / 255f).sub_(_mean).mul_(_scale);
            Tensor classes = network.call(images).argmax(1).to(ScalarType.Int32);
            MemoryMarshal.Cast<byte, int>(classes.bytes).CopyTo(predictions.AsSpan(first));
        }

        network.train();
        return predictions;
    }

    /// <summary>Share of predictions that are the labels.</summary>
    public double Accuracy(int[] predictions) => Agreement(predictions, _images.Labels);

    /// <summary>Share of predictions that are the teacher's; null without a teacher.</summary>
    public double? TeacherAgreement(int[] predictions, TeacherFunction? teacher, CancellationToken cancellation)
    {
        if (_images.SoftLabels is { } stored)
            return Agreement(predictions, MostLikely(stored));
        if (teacher is null)
            return null;

        int[] classes = new int[_images.Count];
        float[] input = new float[TeacherBatchSize * _images.ImageLength];
        float[] logits = new float[TeacherBatchSize * _classCount];
        for (int first = 0; first < _images.Count; first += TeacherBatchSize)
        {
            cancellation.ThrowIfCancellationRequested();
            int count = Math.Min(TeacherBatchSize, _images.Count - first);
            ReadOnlySpan<byte> pixels = _images.Pixels.AsSpan(first * _images.ImageLength, count * _images.ImageLength);
            for (int i = 0; i < pixels.Length; i++)
                input[i] = pixels[i] * (1f / 255f);
            Span<float> answer = logits.AsSpan(0, count * _classCount);
            teacher(input.AsSpan(0, pixels.Length), count, answer);
            MostLikely(answer).CopyTo(classes, first);
        }

        return Agreement(predictions, classes);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _pixels.Dispose();
        _mean.Dispose();
        _scale.Dispose();
    }

    private int[] MostLikely(ReadOnlySpan<float> logits)
    {
        int[] classes = new int[logits.Length / _classCount];
        for (int i = 0; i < classes.Length; i++)
        {
            ReadOnlySpan<float> row = logits.Slice(i * _classCount, _classCount);
            for (int c = 1; c < row.Length; c++)
            {
                if (row[c] > row[classes[i]])
                    classes[i] = c;
            }
        }

        return classes;
    }

    private static double Agreement(int[] left, int[] right)
    {
        int same = 0;
        for (int i = 0; i < left.Length; i++)
            same += left[i] == right[i] ? 1 : 0;
        return (double)same / left.Length;
    }
}
