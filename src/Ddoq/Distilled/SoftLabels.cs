using System.Globalization;
using Ddoq.Storage;

namespace Ddoq.Distilled;

/// <summary>The teacher's logits for each image of a distilled set, memory-mapped from <c>soft_labels.safetensors</c>.</summary>
/// <remarks>Spans are valid until it is disposed. Safe for concurrent readers. See <see cref="SoftLabelWriter"/> for the form.</remarks>
public sealed class SoftLabels : IDisposable
{
    /// <summary>Name of the file in the set's folder.</summary>
    public const string FileName = "soft_labels.safetensors";

    private const string Hint = "Expected are logits F32 [n, C] and labels I32 [n]: label again.";
    private readonly SafetensorsFile _file;
    private readonly SafetensorsTensor _logits;
    private readonly int[] _labels;

    private SoftLabels(SafetensorsFile file)
    {
        _file = file;
        _logits = file.GetTensor("logits");
        SafetensorsTensor labels = file.GetTensor("labels");
        if (_logits.Type != SafetensorsType.F32 || _logits.Shape.Count != 2 || _logits.Shape.Any(extent => extent is < 1 or > int.MaxValue))
            throw new DdoqException($"'{file.Path}': tensor logits is {_logits}", Hint);
        if (labels.Type != SafetensorsType.I32 || labels.Shape.Count != 1 || labels.Shape[0] != _logits.Shape[0])
            throw new DdoqException($"'{file.Path}': tensor labels is {labels}, logits is {_logits}", Hint);
        Count = (int)_logits.Shape[0];
        ClassCount = (int)_logits.Shape[1];
        _labels = file.GetSpan<int>("labels").ToArray();
        int bad = _labels.AsSpan().IndexOfAnyExceptInRange(0, ClassCount - 1);
        if (bad >= 0)
            throw new DdoqException($"'{file.Path}': row {bad} has label {_labels[bad]}, allowed are 0 to {ClassCount - 1}", Hint);
    }

    /// <summary>Images (n).</summary>
    public int Count { get; }

    /// <summary>Classes of the teacher (C).</summary>
    public int ClassCount { get; }

    /// <summary>What made the labels.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _file.Metadata;

    /// <summary>The label of each image.</summary>
    public ReadOnlySpan<int> Labels => _labels;

    /// <summary>Maps a file and checks its form.</summary>
    /// <exception cref="DdoqException">It is missing, damaged or of another form.</exception>
    public static SoftLabels Load(string path)
    {
        SafetensorsFile file = SafetensorsFile.Open(path);
        try
        {
            return new SoftLabels(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>One image's logits, C values.</summary>
    /// <param name="index">0 to <see cref="Count"/> - 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">The image does not exist.</exception>
    /// <exception cref="DdoqException">A logit is not finite.</exception>
    public ReadOnlySpan<float> Logits(int index)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Count, nameof(index));
        ReadOnlySpan<float> row = _file.GetSpan<float>(_logits, (long)index * ClassCount, ClassCount);
        int bad = ClassPrototypes.IndexOfNonFinite(row);
        if (bad >= 0)
            throw new DdoqException(string.Create(CultureInfo.InvariantCulture, $"'{_file.Path}': row {index}, class {bad}: logit {row[bad]}"), "Label again with the teacher in single precision.");
        return row;
    }

    /// <summary>Refuses labels that were made for another set, or for the same in another order.</summary>
    /// <exception cref="DdoqException">The number of images or a label differs.</exception>
    public void EnsureMatches(DistilledSet set)
    {
        ArgumentNullException.ThrowIfNull(set);
        if (set.Images.Count != Count)
            throw new DdoqException($"'{_file.Path}': {Count} rows, the set has {set.Images.Count} images", "Label this set again.");
        for (int i = 0; i < Count; i++)
        {
            if (set.Images[i].Label != _labels[i])
                throw new DdoqException($"'{_file.Path}': row {i} has label {_labels[i]}, image {StorageErrors.Quote(set.Images[i].FileName)} has {set.Images[i].Label}", "Label this set again.");
        }
    }

    /// <summary>Unmaps the file: spans into it are invalid from here on.</summary>
    public void Dispose() => _file.Dispose();
}

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
