using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Ddoq.Bench.Quantize;

/// <summary>NumPy's array file, version 1.0: the header and nothing else.</summary>
internal static partial class NpyFile
{
    /// <summary>Writes the header of a C-ordered array; data follow at a multiple of 64 bytes.</summary>
    public static void WriteHeader(Stream stream, string type, params long[] shape)
    {
        string text = $"{{'descr': '{type}', 'fortran_order': False, 'shape': ({string.Join(", ", shape)}{(shape.Length == 1 ? "," : "")}), }}";
        int length = (10 + text.Length + 1 + 63) / 64 * 64;
        stream.Write([0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y', 1, 0]);
        stream.Write([(byte)(length - 10), (byte)((length - 10) >> 8)]);
        stream.Write(Encoding.ASCII.GetBytes(text.PadRight(length - 11) + "\n"));
    }

    /// <summary>Reads the header; the offset of the data and the shape.</summary>
    /// <exception cref="DdoqException">It is not a version 1 file of C-ordered halves.</exception>
    public static (long Offset, long[] Shape) ReadHeader(string path)
    {
        using FileStream stream = File.OpenRead(path);
        byte[] start = new byte[10];
        stream.ReadExactly(start);
        byte[] header = new byte[start[8] | (start[9] << 8)];
        stream.ReadExactly(header);
        string text = Encoding.ASCII.GetString(header);
        Match shape = Shape().Match(text);
        if (start[6] != 1 || !text.Contains("'<f2'", StringComparison.Ordinal) || text.Contains("True", StringComparison.Ordinal) || !shape.Success)
            throw new DdoqException($"{path} is not a version 1 .npy file of C-ordered float16.", "Make it with the write command.");
        return (10 + header.Length, [.. shape.Groups[1].Value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(number => long.Parse(number, CultureInfo.InvariantCulture))]);
    }

    [GeneratedRegex(@"'shape': \(([0-9, ]+)\)")]
    private static partial Regex Shape();
}
