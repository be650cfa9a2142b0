namespace Ddoq.Onnx.Sessions;

/// <summary>Checks that spans of rows are long enough.</summary>
internal static class RowSpans
{
    /// <exception cref="ArgumentException">The span is shorter than its rows.</exception>
    public static void Check(string name, int length, int count, int rowLength)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (length < (long)count * rowLength)
            throw new ArgumentException($"{name} holds {length} values; {count} rows of {rowLength} are {(long)count * rowLength}", name);
    }
}
