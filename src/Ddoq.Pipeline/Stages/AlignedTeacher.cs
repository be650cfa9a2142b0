using Ddoq.Imaging;
using Ddoq.Onnx.Teachers;
using Ddoq.Pipeline.Stages;

namespace Ddoq.Pipeline;

/// <summary>A teacher whose logits come in the data's class order, whatever its own.</summary>
internal sealed class AlignedTeacher : IDisposable
{
    private readonly Teacher _teacher;
    private readonly int[] _teacherClassOf;
    private readonly bool _isSameOrder;

    private AlignedTeacher(Teacher teacher, int[] teacherClassOf)
    {
        _teacher = teacher;
        _teacherClassOf = teacherClassOf;
        _isSameOrder = teacherClassOf.SequenceEqual(Enumerable.Range(0, teacher.ClassCount));
    }

    /// <summary>Opens a teacher and matches its classes with the data's by name.</summary>
    /// <exception cref="DdoqException">The teacher is damaged, has another number of classes, or other classes.</exception>
    public static AlignedTeacher Open(LabelOptions options, IReadOnlyList<string> classNames, StageContext context)
    {
        var teacher = Teacher.Open(
            options.Teacher,
            context.Networks with { Provider = options.Provider, Threads = context.Workers, AllowHalfPrecision = false },
            context.Progress);
        try
        {
            if (teacher.ClassCount != classNames.Count)
            {
                throw new DdoqException(
                    $"the teacher {options.Teacher} has {teacher.ClassCount} classes, the data has {classNames.Count}",
                    "Use a teacher trained on these classes (--teacher).");
            }

            // A teacher without names can only be taken at its word; the class-order check judges it afterwards.
            int[] map = teacher.HasClassNames
                ? ClassMap.Match(classNames, teacher.ClassNames, $"the teacher {options.Teacher}")
                : [.. Enumerable.Range(0, classNames.Count)];
            return new AlignedTeacher(teacher, map);
        }
        catch
        {
            teacher.Dispose();
            throw;
        }
    }

    /// <summary>Side of the square images the teacher takes.</summary>
    public int ImageSize => _teacher.ImageSize;

    /// <summary>Logits [n, C] in the data's class order, of images [n, 3, H, W] in [0, 1]. Safe for concurrent use.</summary>
    public void Logits(ReadOnlySpan<float> images, int count, Span<float> logits)
    {
        _teacher.Logits(images, count, logits);
        if (_isSameOrder)
            return;
        int classes = _teacherClassOf.Length;
        Span<float> row = classes <= 1024 ? stackalloc float[classes] : new float[classes];
        for (int i = 0; i < count; i++)
        {
            Span<float> own = logits.Slice(i * classes, classes);
            own.CopyTo(row);
            for (int c = 0; c < classes; c++)
                own[c] = row[_teacherClassOf[c]];
        }
    }

    /// <summary>Logits of a whole set, in parts, with progress.</summary>
    public float[] LogitsOf(DistilledImages images, StageContext context)
    {
        const int Part = 1024;
        int classes = _teacherClassOf.Length, pixels = images.ImageLength;
        var logits = new float[(long)images.Count * classes];
        var values = new float[Math.Min(Part, images.Count) * pixels];
        for (int first = 0; first < images.Count; first += Part)
        {
            context.Cancellation.ThrowIfCancellationRequested();
            int count = Math.Min(Part, images.Count - first);
            Span<float> part = values.AsSpan(0, count * pixels);
            PlanarPixels.ToUnit(images.Pixels.AsSpan(first * pixels, count * pixels), part);
            Logits(part, count, logits.AsSpan(first * classes, count * classes));
            context.Progress.Advance(count);
        }

        return logits;
    }

    public void Dispose() => _teacher.Dispose();
}
