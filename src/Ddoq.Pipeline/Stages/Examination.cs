using System.Globalization;
using Ddoq.Imaging;
using Ddoq.Onnx.Teachers;
using Ddoq.Training;

namespace Ddoq.Pipeline.Stages;

/// <summary>What students are measured with: the test images in memory, and the teacher where the protocol has one.</summary>
/// <remarks>It is ready, and the teacher judged by it, before the first folder of a student is made.</remarks>
internal sealed class Examination : IDisposable
{
    private Examination(TrainingImages test, AlignedTeacher? teacher) => (Test, Teacher) = (test, teacher);

    /// <summary>The test images, with the teacher's logits where there is one.</summary>
    public TrainingImages Test { get; }

    /// <summary>The teacher, to be asked from every student's thread; null where the protocol needs none.</summary>
    public AlignedTeacher? Teacher { get; }

    /// <summary>Reads the test images, opens the teacher and asks it for them.</summary>
    /// <param name="data">The test images.</param>
    /// <param name="fit">Their size.</param>
    /// <param name="teacherFolder">The teacher; null where the protocol needs none.</param>
    /// <param name="classNames">Class names in label order.</param>
    /// <param name="options">Provider, damaged images, class check.</param>
    /// <param name="context">Progress, workers, cancellation.</param>
    /// <exception cref="DdoqException">Images are damaged or too many, or the teacher does not fit them.</exception>
    public static Examination Prepare(
        IImageDataset data, ImageFit fit, string? teacherFolder, IReadOnlyList<string> classNames, TrainOptions options, StageContext context)
    {
        TrainingImages test = TestImages(data, fit, options.Images.MaxDamaged, context);
        if (teacherFolder is null)
            return new Examination(test, null);
        test = test with { SoftLabels = TestLogits(teacherFolder, options, test, classNames, context) };

        // Every student's thread asks it; each call uses one thread.
        return new Examination(
            test, AlignedTeacher.Open(teacherFolder, options.Provider, classNames, fit.Height, context with { Workers = 1, Progress = NullProgress.Instance }));
    }

    public void Dispose() => Teacher?.Dispose();

    // A teacher that does not recognise the test images would teach the wrong classes without any other sign.
    private static float[] TestLogits(string folder, TrainOptions options, TrainingImages test, IReadOnlyList<string> classNames, StageContext context)
    {
        using var teacher = AlignedTeacher.Open(folder, options.Provider, classNames, test.Width, context);
        float[] logits = teacher.LogitsOf(test.Pixels, test.Count, row => $"test image {row}", context with { Progress = NullProgress.Instance });
        var check = ClassOrderCheck.Evaluate(logits, test.Labels, classNames, classNames);
        if (options.StopsAtClassCheck)
            check.ThrowIfWrong();
        if (check.IsNearChance || check.HasBetterOrder || check.IsUncertain)
            context.Progress.Message($"train: {check.Diagnosis}");
        return logits;
    }

    private static TrainingImages TestImages(IImageDataset data, ImageFit fit, int maxDamaged, StageContext context)
    {
        int pixels = 3 * fit.Height * fit.Width, count = 0;
        if ((long)data.Count * pixels > Array.MaxLength)
        {
            throw new DdoqException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"the {data.Count} test images of {data.Location} take {(long)data.Count * pixels / 1e9:F1} GB as {fit.Width}x{fit.Height} pixels; {Array.MaxLength / 1e9:F1} GB are held at most"),
                "Take a subset of the classes (--classes), or a model of smaller images.");
        }

        var bytes = new byte[data.Count * pixels];
        var labels = new int[data.Count];
        var reader = new ImageBatchReader(data, fit, new ImageBatchOptions { Workers = context.Workers, Damage = DamagePolicy.Skip(maxDamaged) });
        foreach (ImageBatch batch in reader.ReadAll(context.Cancellation))
        {
            batch.Bytes.Span.CopyTo(bytes.AsSpan(count * pixels));
            batch.Labels.CopyTo(labels.AsSpan(count));
            count += batch.Count;
        }

        foreach (DamagedImage image in reader.Damaged)
            context.Progress.Message($"skipped: {image.Name}: {image.Reason}");
        if (count == 0)
            throw new DdoqException($"all {data.Count} test images of {data.Location} are damaged", "Fetch the data again.");
        if (count < data.Count)
            (bytes, labels) = (bytes[..(count * pixels)], labels[..count]);
        return new TrainingImages(bytes, labels, null, null, count, fit.Height, fit.Width);
    }
}
