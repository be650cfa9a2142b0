using System.Buffers.Binary;
using System.IO.Compression;
using Ddoq.Storage;

namespace Ddoq.Imaging;

/// <summary>Reads an IDX file of unsigned bytes, plain or under gzip, and checks it against its own header.</summary>
/// <remarks>
/// Layout: two zero bytes, the type code 0x08, the number of dimensions, each dimension as a big-endian 32-bit integer, then
/// the elements with the last dimension fastest. Source: the description on the MNIST page (LeCun, Cortes, Burges).
/// </remarks>
internal static class IdxFile
{
    private const byte UnsignedByte = 0x08;
    private const int BlockBytes = 1 << 16;

    /// <summary>Reads a whole file.</summary>
    /// <param name="path">The file; gzip is recognised by its first bytes, not by its name.</param>
    /// <param name="rank">The number of dimensions it must have.</param>
    /// <returns>The dimensions and the elements.</returns>
    /// <param name="cancellation">Stops.</param>
    /// <exception cref="DdoqException">Not such a file, truncated, longer than its header says, or damaged.</exception>
    public static (int[] Dimensions, byte[] Elements) Read(string path, int rank, CancellationToken cancellation = default) =>
        DataFile.Guard(path, (rank, cancellation), static (asked, path) =>
        {
            using FileStream file = DataFile.Open(path);
            return Read(file, path, asked.rank, asked.cancellation);
        });

    private static (int[] Dimensions, byte[] Elements) Read(FileStream file, string path, int rank, CancellationToken cancellation)
    {
        Span<byte> start = stackalloc byte[GitPointer.Length];
        start = start[..file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
        GitPointer.Refuse(start, path);
        bool compressed = start is [0x1F, 0x8B, ..];
        file.Position = 0;
        if (!compressed)
            return Read(file, path, rank, file.Length, cancellation);

        using var stream = new GZipStream(file, CompressionMode.Decompress);
        try
        {
            return Read(stream, path, rank, file.Length * DataFile.MaximumDeflateRatio, cancellation);
        }
        catch (InvalidDataException e)
        {
            throw new DdoqException($"{path}: the gzip stream is damaged", "fetch the file again", e);
        }
    }

    private static (int[] Dimensions, byte[] Elements) Read(Stream stream, string path, int rank, long mostBytes, CancellationToken cancellation)
    {
        Span<byte> header = stackalloc byte[4 + 4 * rank];
        int got = stream.ReadAtLeast(header, header.Length, throwOnEndOfStream: false);
        if (got < header.Length || header[0] != 0 || header[1] != 0 || header[2] != UnsignedByte || header[3] != rank)
        {
            throw new DdoqException(
                $"{path} starts with {Convert.ToHexStringLower(header[..Math.Min(got, 4)])}; an IDX file of unsigned bytes with "
                + $"{rank} dimension{(rank == 1 ? "" : "s")} starts with 000008{rank:x2} and has a header of {header.Length} bytes",
                "check that the images and the labels file are not swapped, and fetch the file again");
        }

        var dimensions = new int[rank];
        Int128 length = 1;
        for (int i = 0; i < rank; i++)
        {
            uint dimension = BinaryPrimitives.ReadUInt32BigEndian(header[(4 + 4 * i)..]);
            length *= dimension;
            dimensions[i] = dimension <= int.MaxValue ? (int)dimension : throw WrongLength(path, $"{dimension}", "fewer");
        }

        string claimed = string.Join(" x ", dimensions);
        if (length > mostBytes || length > Array.MaxLength)
            throw WrongLength(path, claimed, "fewer");

        byte[] elements = ReadElements(stream, (int)length, cancellation, out int read);
        if (read < elements.Length)
            throw WrongLength(path, claimed, $"only {read}");
        if (stream.ReadByte() >= 0)
            throw WrongLength(path, claimed, "more");
        return (dimensions, elements);
    }

    // The array grows with what is there, so that a wrong header does not make us allocate for its claim.
    private static byte[] ReadElements(Stream stream, int length, CancellationToken cancellation, out int read)
    {
        byte[] elements = new byte[Math.Min(length, BlockBytes)];
        read = 0;
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            read += stream.ReadAtLeast(elements.AsSpan(read), elements.Length - read, throwOnEndOfStream: false);
            if (read < elements.Length || read == length)
                return elements;
            Array.Resize(ref elements, (int)Math.Min(length, 2L * elements.Length));
        }
    }

    private static DdoqException WrongLength(string path, string claimed, string found) => new(
        $"{path}: the header says {claimed} bytes, the file holds {found}",
        "the file is truncated or its header is wrong: fetch it again");
}
