using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Ddoq.Storage;

namespace Ddoq.Latents;

/// <summary>One mapped file of a latent store, its tensors checked.</summary>
internal sealed class LatentShard : IDisposable
{
    private const string FormatHint = "Expected are tensors latents F16, BF16 or F32 [n, c, h, w] and labels I32 [n], and sample_weights F32 [n] where rows have weights; convert the file or make it again.";
    private const int LabelChunk = 1 << 16;
    private readonly SafetensorsTensor _latents;
    private readonly SafetensorsTensor _labels;
    private readonly SafetensorsTensor? _weights;

    private LatentShard(SafetensorsFile file)
    {
        File = file;
        _latents = file.GetTensor("latents");
        _labels = file.GetTensor("labels");
        if (_latents.Shape.Count != 4)
            throw new DdoqException($"'{file.Path}': tensor latents is {_latents}", FormatHint);
        ElementType = LatentElement.Of(_latents.Type) ?? throw new DdoqException($"'{file.Path}': tensor latents is {_latents}", FormatHint);
        Shape = LatentMetadata.CheckShape($"'{file.Path}': tensor latents", _latents.Shape[1], _latents.Shape[2], _latents.Shape[3]);
        RowCount = _latents.Shape[0];
        if (_labels.Type is not (SafetensorsType.I32 or SafetensorsType.I64) || _labels.Shape.Count != 1)
            throw new DdoqException($"'{file.Path}': tensor labels is {_labels}", FormatHint);
        if (_labels.Shape[0] != RowCount)
            throw new DdoqException($"'{file.Path}': {RowCount} latents but {_labels.Shape[0]} labels", FormatHint);
        if (!file.TryGetTensor("sample_weights", out _weights))
            return;
        if (_weights!.Type != SafetensorsType.F32 || _weights.Shape.Count != 1)
            throw new DdoqException($"'{file.Path}': tensor sample_weights is {_weights}", FormatHint);
        if (_weights.Shape[0] != RowCount)
            throw new DdoqException($"'{file.Path}': {RowCount} latents but {_weights.Shape[0]} sample weights", FormatHint);
    }

    public SafetensorsFile File { get; }

    public LatentShape Shape { get; }

    public LatentElementType ElementType { get; }

    public long RowCount { get; }

    /// <summary>Whether its rows have weights.</summary>
    public bool HasWeights => _weights is not null;

    public static LatentShard Open(string path)
    {
        SafetensorsFile file = SafetensorsFile.Open(path);
        try
        {
            return new LatentShard(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Consecutive rows in place, as halves; the shard holds halves.</summary>
    public ReadOnlySpan<Half> Halves(long first, int count) => File.GetSpan<Half>(_latents, first * Shape.Length, Values(count));

    /// <summary>Consecutive rows in place, as stored; the caller keeps their bytes within a span.</summary>
    public ReadOnlySpan<byte> Bytes(long first, int count) => File.GetBytes(_latents, first * Shape.Length, Values(count));

    /// <summary>Copies consecutive rows as stored, without making their pages resident.</summary>
    public void ReadBytes(long first, Span<byte> destination) => File.ReadBytes(_latents, first * Shape.Length, destination);

    /// <summary>Copies the weights of consecutive rows, unchecked; the shard has weights.</summary>
    public void ReadWeights(long first, Span<float> destination) => File.ReadBytes(_weights!, first, MemoryMarshal.AsBytes(destination));

    public void Prefetch(long first, int count) => File.Prefetch(_latents, first * Shape.Length, Values(count));

    public void Release(long first, int count) => File.Release(_latents, first * Shape.Length, Values(count));

    /// <summary>Walks the labels in pieces, refusing negative ones and those beyond 32 bits.</summary>
    /// <param name="firstRow">Number of the shard's first row, added to what the visitor gets.</param>
    /// <param name="visit">Gets consecutive labels.</param>
    public void VisitLabels(int firstRow, ClassRowIndex.LabelVisitor visit)
    {
        int[] wide = _labels.Type == SafetensorsType.I64 ? new int[LabelChunk] : [];
        for (int start = 0; start < RowCount; start += LabelChunk)
        {
            int count = (int)Math.Min(LabelChunk, RowCount - start);
            if (_labels.Type == SafetensorsType.I32)
            {
                ReadOnlySpan<int> labels = File.GetSpan<int>(_labels, start, count);
                int bad = labels.IndexOfAnyExceptInRange(0, int.MaxValue - 1);
                if (bad >= 0)
                    throw BadLabel(start + bad, labels[bad]);
                visit(firstRow + start, labels);
                continue;
            }

            ReadOnlySpan<long> stored = File.GetSpan<long>(_labels, start, count);
            for (int i = 0; i < count; i++)
                wide[i] = stored[i] is >= 0 and < int.MaxValue ? (int)stored[i] : throw BadLabel(start + i, stored[i]);
            visit(firstRow + start, wide.AsSpan(0, count));
        }
    }

    /// <summary>The label of one row, which <see cref="VisitLabels"/> has checked.</summary>
    public int Label(long row) => _labels.Type == SafetensorsType.I32
        ? File.GetSpan<int>(_labels, row, 1)[0]
        : (int)File.GetSpan<long>(_labels, row, 1)[0];

    /// <summary>Takes the labels out of resident memory, once they are indexed.</summary>
    public void ReleaseLabels() => File.Release(_labels, 0, (int)RowCount);

    /// <summary>Adds type, shape, metadata, labels, weights and 256 pages of the values to a hash.</summary>
    public void AppendSample(IncrementalHash hash)
    {
        const int Samples = 256, SampleBytes = 4096;
        var text = new StringBuilder().Append(_latents).Append('\n').Append(_labels).Append('\n');
        foreach ((string key, string value) in File.Metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal))
            text.Append(key.Length).Append(':').Append(key).Append(value.Length).Append(':').Append(value).Append('\n');
        hash.AppendData(Encoding.UTF8.GetBytes(text.ToString()));
        VisitLabels(0, (_, labels) => hash.AppendData(MemoryMarshal.AsBytes(labels)));
        ReleaseLabels();
        AppendWeights(hash);
        int size = LatentElement.Size(ElementType);
        long values = _latents.ElementCount;
        Span<byte> buffer = stackalloc byte[SampleBytes];
        for (int i = 0; i < Samples; i++)
        {
            long first = values * i / Samples;
            int count = (int)Math.Min(SampleBytes / size, values - first);
            File.ReadBytes(_latents, first, buffer[..(count * size)]);
            hash.AppendData(buffer[..(count * size)]);
        }
    }

    public void Dispose() => File.Dispose();

    private void AppendWeights(IncrementalHash hash)
    {
        if (_weights is null)
            return;
        hash.AppendData(Encoding.UTF8.GetBytes($"{_weights}\n"));
        float[] buffer = new float[LabelChunk];
        for (long first = 0; first < RowCount; first += buffer.Length)
        {
            Span<float> part = buffer.AsSpan(0, (int)Math.Min(buffer.Length, RowCount - first));
            ReadWeights(first, part);
            hash.AppendData(MemoryMarshal.AsBytes(part));
        }
    }

    private int Values(int rows) => checked(rows * Shape.Length);

    private DdoqException BadLabel(int row, long label) =>
        new($"'{File.Path}': row {row} has label {label}, labels count from 0", "Check the tool that wrote the labels.");
}
