using System.Collections;
using System.Globalization;
using Ddoq.Latents;

namespace Ddoq.CApi;

/// <summary>The classes of a caller, in the caller's memory: read in place, never copied.</summary>
/// <remarks>A class is checked for values that are not finite when it is first read.</remarks>
internal sealed unsafe class NativeLatents : ILatentSource
{
    private readonly int _firstClass;
    private readonly nint[] _rows;
    private readonly int[] _counts;
    private readonly bool[] _checked;
    private readonly float* _sampleWeights;

    /// <summary>Takes note of where the classes are.</summary>
    /// <param name="rows">One pointer per class.</param>
    /// <param name="counts">Rows of each.</param>
    /// <param name="type">How the values are stored.</param>
    /// <param name="dimension">D.</param>
    /// <param name="firstClass">The number of the first class; those before it have no rows.</param>
    /// <param name="sampleWeights">The weights of the rows of the only class; null when all rows weigh the same.</param>
    /// <exception cref="UsageException">A number is out of range or a pointer is null.</exception>
    public NativeLatents(ReadOnlySpan<nint> rows, ReadOnlySpan<long> counts, int type, int dimension, int firstClass = 0, float* sampleWeights = null)
    {
        Guard.InRange(type, 0, 2, "type");
        Guard.InRange(dimension, 1, int.MaxValue, "dimension");
        Guard.InRange(firstClass, 0, int.MaxValue - rows.Length, "class_index");
        ElementType = (LatentElementType)type;
        Shape = new LatentShape(1, 1, dimension);
        _firstClass = firstClass;
        _sampleWeights = sampleWeights;
        _rows = rows.ToArray();
        _counts = new int[counts.Length];
        _checked = new bool[counts.Length];
        for (int c = 0; c < counts.Length; c++)
        {
            // Labels and pointers to rows are arrays of the engine.
            Guard.InRange(counts[c], 0, Array.MaxLength, counts.Length == 1 ? "row_count" : $"row_counts[{c}]");
            if (counts[c] > 0 && rows[c] == 0)
                throw new UsageException($"rows of class {c + firstClass} are null, but it has {counts[c]}; allowed: the address of the caller's rows.");
            _counts[c] = (int)counts[c];
        }

        ClassNames = new Numbers(firstClass + rows.Length);
    }

    /// <inheritdoc/>
    public LatentShape Shape { get; }

    /// <inheritdoc/>
    public IReadOnlyList<string> ClassNames { get; }

    /// <inheritdoc/>
    public LatentElementType ElementType { get; }

    /// <inheritdoc/>
    public bool HasSampleWeights => _sampleWeights != null;

    private long RowBytes => (long)Shape.Length * LatentElement.Size(ElementType);

    /// <inheritdoc/>
    public int RowCount(int classIndex)
    {
        LatentErrors.CheckClass(classIndex, ClassNames.Count);
        return classIndex < _firstClass ? 0 : _counts[classIndex - _firstClass];
    }

    /// <inheritdoc/>
    public void ReadRows(int classIndex, int firstRow, Span<Half> destination)
    {
        if (ElementType != LatentElementType.F16)
            throw new InvalidOperationException($"rows of {ElementType} are read by their bytes");
        ReadRowBytes(classIndex, firstRow, System.Runtime.InteropServices.MemoryMarshal.AsBytes(destination));
    }

    /// <inheritdoc/>
    public void ReadRowBytes(int classIndex, int firstRow, Span<byte> destination)
    {
        byte* rows = Checked(classIndex);
        LatentErrors.CheckWindow(firstRow, destination.Length / LatentElement.Size(ElementType), Shape.Length, RowCount(classIndex));
        new ReadOnlySpan<byte>(rows + (firstRow * RowBytes), destination.Length).CopyTo(destination);
    }

    /// <inheritdoc/>
    public bool TryGetRows(int classIndex, out ReadOnlySpan<Half> rows)
    {
        bool inPlace = ElementType == LatentElementType.F16 & TryGetRowBytes(classIndex, out ReadOnlySpan<byte> bytes);
        rows = inPlace ? System.Runtime.InteropServices.MemoryMarshal.Cast<byte, Half>(bytes) : default;
        return inPlace;
    }

    /// <inheritdoc/>
    public bool TryGetRowBytes(int classIndex, out ReadOnlySpan<byte> rows)
    {
        long bytes = RowCount(classIndex) * RowBytes;
        rows = bytes is > 0 and <= int.MaxValue ? new ReadOnlySpan<byte>(Checked(classIndex), (int)bytes) : default;
        return bytes <= int.MaxValue;
    }

    /// <inheritdoc/>
    public void ReadSampleWeights(int classIndex, Span<float> destination)
    {
        if (_sampleWeights == null)
        {
            destination.Fill(1);
            return;
        }

        new ReadOnlySpan<float>(_sampleWeights, RowCount(classIndex)).CopyTo(destination);
        int bad = SampleWeights.IndexOfBad(destination);
        if (bad >= 0)
            throw SampleWeights.Bad("the weights given", bad, classIndex, ClassNames[classIndex], destination[bad]);
    }

    private byte* Checked(int classIndex)
    {
        int c = classIndex - _firstClass;
        if ((uint)c >= (uint)_rows.Length)
            throw new ArgumentOutOfRangeException(nameof(classIndex), classIndex, "the class has no rows");
        var rows = (byte*)_rows[c];
        if (Volatile.Read(ref _checked[c]))
            return rows;
        for (int i = 0; i < _counts[c]; i++)
        {
            var row = new ReadOnlySpan<byte>(rows + (i * RowBytes), checked((int)RowBytes));
            int bad = FiniteScan.IndexOfUnusable(row, ElementType);
            if (bad >= 0)
                throw LatentErrors.NotFinite("the rows given", i, classIndex, ClassNames[classIndex], bad, FiniteScan.ValueAt(row, ElementType, bad));
        }

        Volatile.Write(ref _checked[c], true);
        return rows;
    }

    /// <summary>Classes without names are called by their numbers.</summary>
    private sealed class Numbers(int count) : IReadOnlyList<string>
    {
        public int Count => count;

        public string this[int index] => index.ToString(CultureInfo.InvariantCulture);

        public IEnumerator<string> GetEnumerator() => Enumerable.Range(0, count).Select(index => this[index]).GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
