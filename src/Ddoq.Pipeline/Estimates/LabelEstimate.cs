using Ddoq.Imaging;
using Ddoq.Pipeline.Stages;

namespace Ddoq.Pipeline.Estimates;

/// <summary>What labelling will cost, from parts of the set.</summary>
public static class LabelEstimate
{
    // Images that the teacher is asked for at a time here: small, so that slow teachers are measured on few.
    private const int Part = 64;

    /// <summary>Labels images for some seconds and multiplies. Writes nothing.</summary>
    /// <param name="options">Teacher and provider.</param>
    /// <param name="set">Folder of the distilled set.</param>
    /// <param name="context">Workers, cancellation.</param>
    /// <exception cref="DdoqException">The set or the teacher is not usable, or they do not fit each other.</exception>
    public static StageEstimate Measure(LabelOptions options, string set, StageContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        Cost began = Cost.Now();
        string teacher = LabelStage.TeacherFor(options, set);
        OpenedSet images = OpenedSet.Load(set, context);
        return Measure(teacher, options, images.ClassNames, images.Pixels, images.Count, images.Count, Cost.Now() - began, context);
    }

    /// <summary>Measures on some images, for so many.</summary>
    /// <param name="teacherFolder">The teacher.</param>
    /// <param name="options">Provider.</param>
    /// <param name="classNames">Class names of the data.</param>
    /// <param name="pixels">[count, 3, side, side].</param>
    /// <param name="count">Images that are measured on.</param>
    /// <param name="images">Images to label.</param>
    /// <param name="start">What has been spent already.</param>
    /// <param name="context">Workers, cancellation.</param>
    internal static StageEstimate Measure(
        string teacherFolder, LabelOptions options, IReadOnlyList<string> classNames, byte[] pixels, int count, int images, Cost start, StageContext context)
    {
        Cost began = Cost.Now();
        int length = pixels.Length / count, classes = classNames.Count, side = (int)Math.Round(Math.Sqrt(length / 3));
        using var teacher = AlignedTeacher.Open(teacherFolder, options.Provider, classNames, side, context with { Progress = NullProgress.Instance });
        start += Cost.Now() - began;
        var values = new float[Part * length];
        var logits = new float[Part * classes];
        int done = 0;
        UnitCost cost = UnitCost.Measure(() =>
        {
            context.Cancellation.ThrowIfCancellationRequested();
            int rows = Math.Min(Part, count - done);
            if (rows <= 0)
                return 0;
            Span<float> part = values.AsSpan(0, rows * length);
            PlanarPixels.ToUnit(pixels.AsSpan(done * length, rows * length), part);
            teacher.Logits(part, rows, logits.AsSpan(0, rows * classes));
            done += rows;
            return rows;
        });
        return cost.For(LabelStage.Name, images, "images", start) with
        {
            NetworkCalls = (images + teacher.BatchSize - 1) / teacher.BatchSize,
            DiskBytes = SoftLabelBytes(images, classes),
        };
    }

    // Logits in single precision and a label a row.
    private static long SoftLabelBytes(long images, int classes) => images * ((classes * sizeof(float)) + sizeof(int));
}
