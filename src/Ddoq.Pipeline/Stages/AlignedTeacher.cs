using Ddoq.Imaging;
using Ddoq.Onnx.Sessions;
using Ddoq.Onnx.Teachers;

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
    public static AlignedTeacher Open(string folder, ExecutionProvider provider, IReadOnlyList<string> classNames, int imageSide, StageContext context)
    {
        var teacher = Teacher.Open(
            folder,
            context.Networks with { Provider = provider, Threads = context.Workers, AllowHalfPrecision = false },
            context.Progress,
            imageSide);
        try
        {
            if (teacher.ClassCount != classNames.Count)
            {
                throw new DdoqException(
                    $"the teacher {folder} has {teacher.ClassCount} classes, the data has {classNames.Count}",
                    "Use a teacher trained on these classes (--teacher).");
            }

            // A teacher without names can only be taken at its word; the class-order check judges it afterwards.
            int[] map = teacher.HasClassNames
                ? ClassMap.Match(classNames, teacher.ClassNames, $"the teacher {folder}")
                : [.. Enumerable.Range(0, classNames.Count)];
            return new AlignedTeacher(teacher, map);
        }
        catch
        {
            teacher.Dispose();
            throw;
        }
    }

    /// <summary>Rows of one call of the network.</summary>
    public int BatchSize => _teacher.BatchSize;

    /// <summary>Logits [n, C] in the data's class order, of images [n, 3, H, W] in [0, 1]. Safe for concurrent use.</summary>
    public void Logits(ReadOnlySpan<float> images, int count, Span<float> logits) => Logits(images, count, logits, null);

    /// <summary>Logits [n, C] of images [n, 3, side, side] of bytes, in parts, with progress.</summary>
    /// <exception cref="DdoqException">A logit is not finite; the message has the image's name.</exception>
    public float[] LogitsOf(byte[] pixels, int count, Func<int, string> nameOf, StageContext context)
    {
        const int Part = 1024;
        int classes = _teacherClassOf.Length, length = pixels.Length / count;
        var logits = new float[(long)count * classes];
        var values = new float[Math.Min(Part, count) * length];
        for (int first = 0; first < count; first += Part)
        {
            context.Cancellation.ThrowIfCancellationRequested();
            int rows = Math.Min(Part, count - first);
            Span<float> part = values.AsSpan(0, rows * length);
            PlanarPixels.ToUnit(pixels.AsSpan(first * length, rows * length), part);
            int start = first;
            Logits(part, rows, logits.AsSpan(first * classes, rows * classes), row => nameOf(start + row));
            context.Progress.Advance(rows);
        }

        return logits;
    }

    public void Dispose() => _teacher.Dispose();

    /// <summary>The same; <paramref name="nameOf"/> has words for a row, for errors.</summary>
    public void Logits(ReadOnlySpan<float> images, int count, Span<float> logits, Func<int, string>? nameOf)
    {
        _teacher.Logits(images, count, logits, nameOf);
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
}
