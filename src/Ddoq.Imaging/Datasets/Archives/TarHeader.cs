using System.Globalization;
using System.Text;

namespace Ddoq.Imaging;

/// <summary>The header of one member of a tar archive: POSIX (ustar, pax), GNU and the seventh edition's.</summary>
/// <remarks>
/// 512 bytes: name (100), mode, user and group (8 each), size (12), time (12), checksum (8), type (1), link (100), magic (8), owner
/// names and device numbers, prefix of the name (155). Numbers are octal text or, with the first bit set, big-endian. Source: POSIX.1-2017,
/// pax; the manual of GNU tar, "Basic Tar Format".
/// </remarks>
/// <param name="block">The 512 bytes.</param>
internal readonly ref struct TarHeader(ReadOnlySpan<byte> block)
{
    /// <summary>Bytes of a header; contents are filled up to a multiple of it.</summary>
    public const int Bytes = 512;

    private const int ChecksumAt = 148, ChecksumBytes = 8;

    private static readonly UTF8Encoding s_utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly ReadOnlySpan<byte> _block = block;

    /// <summary>True for the blocks that end an archive.</summary>
    public bool IsZero => !_block.ContainsAnyExcept((byte)0);

    /// <summary>True when the sum of the bytes is the one that is written in it; some old programs summed them with signs.</summary>
    public bool HasRightChecksum
    {
        get
        {
            if (!TryNumber(_block.Slice(ChecksumAt, ChecksumBytes), out long written))
                return false;
            long sum = 0, signed = 0;
            for (int i = 0; i < Bytes; i++)
            {
                byte value = i is >= ChecksumAt and < ChecksumAt + ChecksumBytes ? (byte)' ' : _block[i];
                sum += value;
                signed += (sbyte)value;
            }

            return written == sum || written == signed;
        }
    }

    /// <summary>The kind of member, a letter or digit; 0 in old archives for a file.</summary>
    public byte Type => _block[156];

    /// <summary>The member's path as the header alone has it.</summary>
    public string Name
    {
        get
        {
            string name = Text(_block[..100]);
            bool hasPrefix = _block.Slice(257, 6).SequenceEqual("ustar\0"u8) && _block[345] != 0;
            return hasPrefix ? $"{Text(_block.Slice(345, 155))}/{name}" : name;
        }
    }

    /// <summary>Where a link leads.</summary>
    public string LinkName => Text(_block.Slice(157, 100));

    /// <summary>The bytes of the contents; false when the field is no number.</summary>
    public bool TrySize(out long size) => TryNumber(_block.Slice(124, 12), out size);

    /// <summary>Text up to its first zero: UTF-8, or what is none byte by byte, so that different names stay different.</summary>
    public static string Text(ReadOnlySpan<byte> bytes)
    {
        int end = bytes.IndexOf((byte)0);
        bytes = end < 0 ? bytes : bytes[..end];
        try
        {
            return s_utf8.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            return Encoding.Latin1.GetString(bytes);
        }
    }

    private static bool TryNumber(ReadOnlySpan<byte> field, out long number)
    {
        number = 0;
        if ((field[0] & 0x80) != 0)
        {
            // Base 256; the bit behind the first is that of a negative number.
            if ((field[0] & 0x40) != 0)
                return false;
            number = field[0] & 0x3F;
            foreach (byte value in field[1..])
            {
                if (number > long.MaxValue >> 8)
                    return false;
                number = (number << 8) | value;
            }

            return true;
        }

        string text = Encoding.ASCII.GetString(field).Trim(' ', '\0');
        foreach (char digit in text)
        {
            if (digit is < '0' or > '7')
                return false;
            number = 8 * number + (digit - '0');
        }

        return true;
    }

    /// <summary>The records of a pax header, <c>length key=value</c> and a line feed each.</summary>
    /// <returns>Null when they are not such records.</returns>
    public static Dictionary<string, string>? PaxRecords(ReadOnlySpan<byte> content)
    {
        var records = new Dictionary<string, string>(StringComparer.Ordinal);
        while (!content.IsEmpty)
        {
            int space = content.IndexOf((byte)' ');
            if (space is < 1 or > 9
                || !int.TryParse(content[..space], NumberStyles.None, CultureInfo.InvariantCulture, out int length)
                || length <= space + 1 || length > content.Length || content[length - 1] != (byte)'\n')
            {
                return null;
            }

            ReadOnlySpan<byte> record = content[(space + 1)..(length - 1)];
            int equals = record.IndexOf((byte)'=');
            if (equals < 1)
                return null;
            records[Text(record[..equals])] = Text(record[(equals + 1)..]);
            content = content[length..];
        }

        return records;
    }
}
