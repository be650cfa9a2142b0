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
