using Ddoq.Imaging;
using Ddoq.Onnx.Sessions;
using Ddoq.Onnx.Teachers;

namespace Ddoq.Pipeline;

/// <summary>Matches classes by name, so that no order of folders, labels or network outputs is ever trusted.</summary>
public static class ClassMap
{
    /// <summary>For every class of the data, its index in a network's list.</summary>
    /// <param name="dataNames">Class names of the data, in label order.</param>
    /// <param name="networkNames">Class names of the network, in output order.</param>
    /// <param name="network">What the network is, for the error text, for example <c>the model models/x</c>.</param>
    /// <exception cref="DdoqException">A class is unknown to the network, two are the same class there, or a name is not unique there.</exception>
    public static int[] Match(IReadOnlyList<string> dataNames, IReadOnlyList<string> networkNames, string network)
    {
        ArgumentNullException.ThrowIfNull(dataNames);
        ArgumentNullException.ThrowIfNull(networkNames);
        var byName = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int i = 0; i < networkNames.Count; i++)
        {
            if (!byName.TryAdd(networkNames[i], i))
                throw new DdoqException($"{network} has the class name '{networkNames[i]}' twice", "Give its classes distinct names in id2label.");
        }

        // Folders cannot hold every name: "T-shirt/top" is stored as "T-shirt_top".
        foreach ((string name, int index) in byName.ToArray())
            byName.TryAdd(Ddoq.Distilled.ClassFolderName.For(name), index);

        var map = new int[dataNames.Count];
        var unknown = new List<string>();
        for (int c = 0; c < map.Length; c++)
        {
            if (!byName.TryGetValue(dataNames[c], out map[c]))
                unknown.Add(dataNames[c]);
        }

        if (unknown.Count > 0)
        {
            throw new DdoqException(
                $"{unknown.Count} of the {dataNames.Count} classes of the data are unknown to {network}: {Excerpt(unknown)}; it knows {networkNames.Count} classes: {Excerpt(networkNames)}",
                "Name the class folders as the network's id2label does, or use a network made for these classes.");
        }

        foreach (var group in Enumerable.Range(0, map.Length).GroupBy(c => map[c]).Where(group => group.Count() > 1))
        {
            throw new DdoqException(
                $"the classes {Excerpt([.. group.Select(c => dataNames[c])])} of the data are all the class '{networkNames[group.Key]}' of {network}",
                "Give their folders the names of distinct classes, or join them to one folder.");
        }

        return map;
    }

    private static string Excerpt(IReadOnlyList<string> names) =>
        string.Join(", ", names.Take(5).Select(name => $"'{name}'")) + (names.Count > 5 ? ", ..." : string.Empty);
}

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
