using System.IO.MemoryMappedFiles;
using Ddoq.Latents;

namespace Ddoq.Bench.Quantize;

/// <summary>The first rows of each class of a mapped float16 array [classes, rows, dimension], in place.</summary>
internal sealed unsafe class NpyLatentSource : ILatentSource, IDisposable
{
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly Half* _values;
    private readonly long _rowsStored;
    private readonly int _rows;

    public NpyLatentSource(string path, int heldOut)
    {
        (long offset, long[] shape) = NpyFile.ReadHeader(path);
        _rowsStored = shape[1];
        _rows = (int)shape[1] - heldOut;
        Shape = new(1, 1, (int)shape[2]);
        ClassNames = [.. Enumerable.Range(0, (int)shape[0]).Select(index => $"class{index}")];
        _file = MemoryMappedFile.CreateFromFile(path, FileMode.Open, null, 0, MemoryMappedFileAccess.Read);
        _view = _file.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        byte* pointer = null;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref pointer);
        _values = (Half*)(pointer + offset);
    }

    public LatentShape Shape { get; }

    public IReadOnlyList<string> ClassNames { get; }

    public int RowCount(int classIndex) => _rows;

    public void ReadRows(int classIndex, int firstRow, Span<Half> destination) =>
        new ReadOnlySpan<Half>(Row(classIndex, firstRow), destination.Length).CopyTo(destination);

    public bool TryGetRows(int classIndex, out ReadOnlySpan<Half> rows)
    {
        rows = new(Row(classIndex, 0), _rows * Shape.Length);
        return true;
    }

    public void Dispose()
    {
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file.Dispose();
    }

    private Half* Row(int classIndex, int row) => _values + (((classIndex * _rowsStored) + row) * Shape.Length);
}
