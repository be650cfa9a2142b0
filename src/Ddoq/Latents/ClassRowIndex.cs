namespace Ddoq.Latents;

/// <summary>Which rows belong to each class: runs of neighbouring rows, packed into bytes.</summary>
/// <remarks>
/// <para>A run is its gap to the one before, shifted left by one with a flag for more than one row, then, if flagged, its
/// length less two; both in groups of 7 bits, low ones first. A class in one piece takes a few bytes whatever its size; fully mixed
/// classes take 1 to 3 bytes per row (C up to a million), where row numbers would take 4 and labels 4 more.</para>
/// <para>Built from two passes over the labels, which are not kept. Reading a class walks its runs. Immutable.</para>
/// </remarks>
internal sealed class ClassRowIndex
{
    private readonly byte[][] _runs;
    private readonly int[] _counts;

    private ClassRowIndex(byte[][] runs, int[] counts)
    {
        _runs = runs;
        _counts = counts;
    }

    /// <summary>Receives labels of consecutive rows.</summary>
    public delegate void LabelVisitor(int firstRow, ReadOnlySpan<int> labels);

    /// <summary>Bytes of the packed runs, without the arrays' own headers.</summary>
    public long ByteCount => _runs.Sum(runs => (long)runs.Length);

    /// <summary>Rows of a class.</summary>
    public int Count(int classIndex) => _counts[classIndex];

    /// <summary>Whether a class's rows follow each other in the global order.</summary>
    public bool IsOneRun(int classIndex)
    {
        RunEnumerator runs = Runs(classIndex);
        return !runs.MoveNext() || runs.Current.Count == _counts[classIndex];
    }

    /// <summary>The runs of a class in ascending order.</summary>
    public RunEnumerator Runs(int classIndex) => new(_runs[classIndex]);

    /// <summary>Builds the index.</summary>
    /// <param name="classCount">C; every label is 0 to C - 1.</param>
    /// <param name="visitLabels">Walks all labels in the global order; called twice.</param>
    public static ClassRowIndex Build(int classCount, Action<LabelVisitor> visitLabels)
    {
        var counts = new int[classCount];
        var sizes = new int[classCount];
        Collect(classCount, visitLabels, (label, gap, length) =>
        {
            counts[label] += length;
            sizes[label] = checked(sizes[label] + Write(gap, length, default));
        });

        byte[][] runs = [.. sizes.Select(size => new byte[size])];
        Array.Clear(sizes);
        Collect(classCount, visitLabels, (label, gap, length) => sizes[label] += Write(gap, length, runs[label].AsSpan(sizes[label])));
        return new ClassRowIndex(runs, counts);
    }

    private static void Collect(int classCount, Action<LabelVisitor> visitLabels, Action<int, int, int> onRun)
    {
        // Where each class's last run ended; runs that end at a chunk's border go on in the next.
        var ends = new int[classCount];
        int open = -1, openFirst = 0, openLength = 0;
        visitLabels((firstRow, labels) =>
        {
            for (int i = 0; i < labels.Length;)
            {
                int label = labels[i];
                int length = labels[i..].IndexOfAnyExcept(label);
                if (length < 0)
                    length = labels.Length - i;
                if (label != open)
                {
                    Close();
                    (open, openFirst, openLength) = (label, firstRow + i, 0);
                }

                openLength += length;
                i += length;
            }
        });
        Close();

        void Close()
        {
            if (openLength == 0)
                return;
            onRun(open, openFirst - ends[open], openLength);
            ends[open] = openFirst + openLength;
        }
    }

    private static int Write(int gap, int length, Span<byte> destination)
    {
        int written = WriteNumber(((ulong)gap << 1) | (length > 1 ? 1UL : 0), destination);
        return length > 1 ? written + WriteNumber((ulong)(length - 2), destination.IsEmpty ? default : destination[written..]) : written;
    }

    private static int WriteNumber(ulong value, Span<byte> destination)
    {
        int written = 0;
        do
        {
            ulong rest = value >> 7;
            if (!destination.IsEmpty)
                destination[written] = (byte)((value & 0x7F) | (rest > 0 ? 0x80UL : 0));
            value = rest;
            written++;
        }
        while (value > 0);
        return written;
    }

    /// <summary>Neighbouring rows of one class.</summary>
    /// <param name="First">Global number of the first row.</param>
    /// <param name="Count">Rows, 1 or more.</param>
    public readonly record struct Run(int First, int Count);

    /// <summary>Walks the runs of a class.</summary>
    public ref struct RunEnumerator
    {
        private readonly ReadOnlySpan<byte> _bytes;
        private int _position;
        private int _end;

        internal RunEnumerator(ReadOnlySpan<byte> bytes) => _bytes = bytes;

        /// <summary>The run reached.</summary>
        public Run Current { get; private set; }

        /// <summary>This walk, for <c>foreach</c>.</summary>
        public readonly RunEnumerator GetEnumerator() => this;

        /// <summary>Goes to the next run.</summary>
        public bool MoveNext()
        {
            if (_position == _bytes.Length)
                return false;
            ulong head = ReadNumber();
            int first = _end + (int)(head >> 1);
            int count = (head & 1) == 0 ? 1 : (int)ReadNumber() + 2;
            _end = first + count;
            Current = new Run(first, count);
            return true;
        }

        private ulong ReadNumber()
        {
            ulong value = 0;
            for (int shift = 0; ; shift += 7)
            {
                byte part = _bytes[_position++];
                value |= (ulong)(part & 0x7F) << shift;
                if (part < 0x80)
                    return value;
            }
        }
    }
}
