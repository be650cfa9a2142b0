using Ddoq.Storage;

namespace Ddoq.Latents;

/// <summary>One mapped file of a latent store, its tensors checked.</summary>
internal sealed class LatentShard : IDisposable
{
    private const string FormatHint = "Expected are tensors latents F16 [n, c, h, w] and labels I32 [n]; convert the file or make it again.";
    private readonly SafetensorsTensor _latents;
    private readonly SafetensorsTensor _labels;

    private LatentShard(SafetensorsFile file)
    {
        File = file;
        _latents = file.GetTensor("latents");
        _labels = file.GetTensor("labels");
        if (_latents.Type != SafetensorsType.F16 || _latents.Shape.Count != 4)
            throw new DdoqException($"'{file.Path}': tensor latents is {_latents}", FormatHint);
        Shape = LatentMetadata.CheckShape($"'{file.Path}': tensor latents", _latents.Shape[1], _latents.Shape[2], _latents.Shape[3]);
        RowCount = _latents.Shape[0];
        if (_labels.Type is not (SafetensorsType.I32 or SafetensorsType.I64) || _labels.Shape.Count != 1)
            throw new DdoqException($"'{file.Path}': tensor labels is {_labels}", FormatHint);
        if (_labels.Shape[0] != RowCount)
            throw new DdoqException($"'{file.Path}': {RowCount} latents but {_labels.Shape[0]} labels", FormatHint);
    }

    public SafetensorsFile File { get; }

    public LatentShape Shape { get; }

    public long RowCount { get; }

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

    /// <summary>Consecutive rows in place; the caller keeps <c>count * D</c> within a span.</summary>
    public ReadOnlySpan<Half> Rows(long first, int count) =>
        File.GetSpan<Half>(_latents, first * Shape.Length, checked(count * Shape.Length));

    /// <summary>Copies the labels, refusing negative ones and those beyond 32 bits.</summary>
    public void ReadLabels(Span<int> destination)
    {
        if (_labels.Type == SafetensorsType.I32)
        {
            File.GetSpan<int>(_labels, 0, destination.Length).CopyTo(destination);
        }
        else
        {
            ReadOnlySpan<long> wide = File.GetSpan<long>(_labels, 0, destination.Length);
            for (int i = 0; i < wide.Length; i++)
                destination[i] = wide[i] is >= 0 and < int.MaxValue ? (int)wide[i] : throw BadLabel(i, wide[i]);
        }

        int bad = destination.IndexOfAnyExceptInRange(0, int.MaxValue - 1);
        if (bad >= 0)
            throw BadLabel(bad, destination[bad]);
    }

    public void Dispose() => File.Dispose();

    private DdoqException BadLabel(int row, long label) =>
        new($"'{File.Path}': row {row} has label {label}, labels count from 0", "Check the tool that wrote the labels.");
}
