using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Ddoq.Imaging;

/// <summary>A SHA-256 over named parts, each preceded by its length so that no two sequences of parts collide.</summary>
internal sealed class DatasetDigest : IDisposable
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    public DatasetDigest(string kind, IReadOnlyList<string> classNames)
    {
        Append("ddoq-images-1");
        Append(kind);
        Append(classNames.Count);
        foreach (string name in classNames)
            Append(name);
    }

    public void Append(string text) => Append(Encoding.UTF8.GetBytes(text));

    public void Append(ReadOnlySpan<byte> bytes)
    {
        Append(bytes.Length);
        _hash.AppendData(bytes);
    }

    public void Append(params ReadOnlySpan<long> numbers)
    {
        Span<byte> bytes = stackalloc byte[8];
        foreach (long number in numbers)
        {
            BinaryPrimitives.WriteInt64LittleEndian(bytes, number);
            _hash.AppendData(bytes);
        }
    }

    public string Finish() => Convert.ToHexStringLower(_hash.GetHashAndReset());

    public void Dispose() => _hash.Dispose();
}

/// <summary>A SHA-256 over the length and parts of an image's bytes: enough to know another image without reading the whole of each.</summary>
/// <remarks>
/// Up to 8 KB all bytes count; of more, four parts of 2 KB, the first and the last among them. A compressed image that is another one
/// differs there: in a PNG the last bytes hold the checksums of all pixels, in a JPEG or WebP every change moves all that follows. Of BMP
/// and TIFF, which may be uncompressed, all bytes count.
/// </remarks>
internal static class ContentSample
{
    private const int PartBytes = 2048, Parts = 4, BlockBytes = 1 << 16;

    /// <summary>Fills a span with what is at an offset.</summary>
    public delegate void ReadAt(long offset, Span<byte> target);

    /// <summary>Digests contents.</summary>
    /// <param name="length">Their length in bytes.</param>
    /// <param name="read">Reads them.</param>
    /// <param name="images">How many images they hold; each gets its parts.</param>
    public static byte[] Of(long length, ReadAt read, int images = 1)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BlockBytes);
        try
        {
            BinaryPrimitives.WriteInt64LittleEndian(buffer, length);
            hash.AppendData(buffer, 0, sizeof(long));
            long parts = (long)images * Parts;
            bool whole = length <= parts * PartBytes;
            if (!whole)
            {
                read(0, buffer.AsSpan(0, PartBytes));
                whole = ImageSignature.Detect(buffer) is ImageFormat.Bmp or ImageFormat.Tiff;
            }

            int step = whole ? BlockBytes : PartBytes;
            long count = whole ? (length + step - 1) / step : parts;
            for (long part = 0; part < count; part++)
            {
                long offset = whole ? part * step : (long)((Int128)(length - step) * part / (parts - 1));
                Span<byte> target = buffer.AsSpan(0, (int)Math.Min(step, length - offset));
                read(offset, target);
                hash.AppendData(target);
            }

            return hash.GetHashAndReset();
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
