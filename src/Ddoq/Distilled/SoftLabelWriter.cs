using Ddoq.Storage;

namespace Ddoq.Distilled;

/// <summary>Writes <c>soft_labels.safetensors</c> batch by batch; the file appears, atomically, when it is complete.</summary>
/// <remarks>
/// Tensors: <c>logits</c> F32 [n, C], the teacher's outputs before softmax, and <c>labels</c> I32 [n]; rows in the order of
/// <c>train/metadata.jsonl</c>. Not safe for concurrent use.
/// </remarks>
public sealed class SoftLabelWriter : IDisposable
{
    private readonly string _path;
    private readonly SafetensorsWriter _writer;
    private int _rows;

    private SoftLabelWriter(string path, int rowCount, int classCount, SafetensorsWriter writer)
    {
        _path = path;
        RowCount = rowCount;
        ClassCount = classCount;
        _writer = writer;
    }

    /// <summary>Images to label (n).</summary>
    public int RowCount { get; }

    /// <summary>Classes of the teacher (C).</summary>
    public int ClassCount { get; }

    /// <summary>Starts a file.</summary>
    /// <param name="path">The file; its folder must exist.</param>
    /// <param name="rowCount">Images (n).</param>
    /// <param name="classCount">Classes of the teacher (C).</param>
    /// <param name="metadata">What made the labels: the teacher's name and hash, the preprocessing.</param>
    /// <exception cref="DdoqException">The file cannot be created.</exception>
    public static SoftLabelWriter Create(string path, int rowCount, int classCount, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rowCount);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(classCount);
        return new SoftLabelWriter(path, rowCount, classCount, SafetensorsWriter.Create(
            path,
            [("logits", SafetensorsType.F32, [rowCount, classCount]), ("labels", SafetensorsType.I32, [rowCount])],
            metadata));
    }

    /// <summary>Appends the next images.</summary>
    /// <param name="logits">b x C values, row-major.</param>
    /// <param name="labels">The b images' labels.</param>
    /// <exception cref="ArgumentException">The lengths disagree or there are more rows than announced.</exception>
    /// <exception cref="DdoqException">A logit is not finite, a label is not a class of the teacher, or the disk is full.</exception>
    public void Append(ReadOnlySpan<float> logits, ReadOnlySpan<int> labels)
    {
        if (logits.Length != (long)labels.Length * ClassCount)
            throw new ArgumentException($"{logits.Length} logits for {labels.Length} labels of {ClassCount} classes", nameof(logits));
        if (labels.Length > RowCount - _rows)
            throw new ArgumentException($"{_rows} of {RowCount} rows are written, {labels.Length} more do not fit", nameof(labels));
        int bad = labels.IndexOfAnyExceptInRange(0, ClassCount - 1);
        if (bad >= 0)
            throw new DdoqException($"'{_path}': image {_rows + bad} has label {labels[bad]}, the teacher has classes 0 to {ClassCount - 1}", "Use a teacher of the same classes, or map its classes.");
        bad = ClassPrototypes.IndexOfNonFinite(logits);
        if (bad >= 0)
        {
            throw new DdoqException(
                string.Create(System.Globalization.CultureInfo.InvariantCulture, $"'{_path}': the teacher's logit of class {bad % ClassCount} for image {_rows + (bad / ClassCount)} is {logits[bad]}"),
                "Run the teacher in single precision and check its preprocessing.");
        }

        _writer.Append("logits", logits);
        _writer.Append("labels", labels);
        _rows += labels.Length;
    }

    /// <summary>Checks that all rows are there and gives the file its name.</summary>
    /// <exception cref="InvalidOperationException">Rows are missing.</exception>
    /// <exception cref="DdoqException">The disk is full.</exception>
    public void Complete() => _writer.Complete();

    /// <summary>Removes the file unless <see cref="Complete"/> was called.</summary>
    public void Dispose() => _writer.Dispose();
}
