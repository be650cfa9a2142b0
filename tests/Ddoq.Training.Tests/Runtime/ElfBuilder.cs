using System.Buffers.Binary;
using System.Text;

namespace Ddoq.Training.Tests.Runtime;

/// <summary>Builds a shared library that holds nothing but a dynamic segment with symbol versions.</summary>
internal sealed class ElfBuilder
{
    private const int AddressBias = 0x1000;

    private readonly List<(string Library, List<(string Version, ushort Flags, ushort Index)> Entries)> _needs = [];
    private readonly List<(string Name, ushort Flags)> _definitions = [];
    private readonly List<(string Name, ushort Version, int Relocations)> _symbols = [("", 0, 0)];

    public ElfBuilder Needs(string library, params (string Version, ushort Flags, ushort Index)[] entries)
    {
        _needs.Add((library, [.. entries]));
        return this;
    }

    public ElfBuilder Defines(string version, ushort flags = 0)
    {
        _definitions.Add((version, flags));
        return this;
    }

    public ElfBuilder Symbol(string name, ushort version, int relocations)
    {
        _symbols.Add((name, version, relocations));
        return this;
    }

    /// <summary>Header, two program headers, dynamic segment, then the tables; addresses are offsets plus a bias.</summary>
    public byte[] Build()
    {
        var strings = new MemoryStream();
        strings.WriteByte(0);
        byte[] needs = Needs(strings), definitions = Definitions(strings);
        byte[] symbols = new byte[24 * _symbols.Count], versions = new byte[2 * _symbols.Count];
        for (int i = 0; i < _symbols.Count; i++)
        {
            Put32(symbols, 24 * i, Intern(strings, _symbols[i].Name));
            Put16(versions, 2 * i, _symbols[i].Version);
        }

        var relocations = new MemoryStream();
        for (int i = 0; i < _symbols.Count; i++)
        {
            byte[] record = new byte[24];
            Put32(record, 8, 7);
            Put32(record, 12, (uint)i);
            for (int j = 0; j < _symbols[i].Relocations; j++)
                relocations.Write(record);
        }

        const int DynamicOffset = 64 + (2 * 56);
        const int DynamicEntries = 12;
        var file = new MemoryStream(new byte[4096], 0, 4096, writable: true, publiclyVisible: true);
        int end = DynamicOffset + (16 * DynamicEntries);
        var dynamic = new List<(long Tag, ulong Value)>();
        void Place(long tag, byte[] content)
        {
            file.Position = end;
            file.Write(content);
            dynamic.Add((tag, (ulong)(end + AddressBias)));
            end += content.Length;
        }

        Place(5, strings.ToArray());
        dynamic.Add((10, (ulong)strings.Length));
        Place(6, symbols);
        Place(0x6ffffff0, versions);
        Place(23, relocations.ToArray());
        dynamic.Add((2, (ulong)relocations.Length));
        Place(0x6ffffffe, needs);
        dynamic.Add((0x6fffffff, (ulong)_needs.Count));
        Place(0x6ffffffc, definitions);
        dynamic.Add((0x6ffffffd, (ulong)_definitions.Count));
        dynamic.Add((0, 0));

        byte[] bytes = file.GetBuffer().AsSpan(0, end).ToArray();
        "\u007fELF"u8.CopyTo(bytes);
        (bytes[4], bytes[5]) = (2, 1);
        Put64(bytes, 32, 64);
        Put16(bytes, 54, 56);
        Put16(bytes, 56, 2);
        Segment(bytes, 64, 1, 0, AddressBias, end);
        Segment(bytes, 64 + 56, 2, DynamicOffset, DynamicOffset + AddressBias, 16 * dynamic.Count);
        for (int i = 0; i < dynamic.Count; i++)
        {
            Put64(bytes, DynamicOffset + (16 * i), (ulong)dynamic[i].Tag);
            Put64(bytes, DynamicOffset + (16 * i) + 8, dynamic[i].Value);
        }

        return bytes;
    }

    private byte[] Needs(MemoryStream strings)
    {
        var table = new MemoryStream();
        for (int i = 0; i < _needs.Count; i++)
        {
            (string library, var entries) = _needs[i];
            byte[] record = new byte[16 + (16 * entries.Count)];
            Put16(record, 0, 1);
            Put16(record, 2, (ushort)entries.Count);
            Put32(record, 4, Intern(strings, library));
            Put32(record, 8, 16);
            Put32(record, 12, i + 1 < _needs.Count ? (uint)record.Length : 0);
            for (int j = 0; j < entries.Count; j++)
            {
                int at = 16 + (16 * j);
                Put16(record, at + 4, entries[j].Flags);
                Put16(record, at + 6, entries[j].Index);
                Put32(record, at + 8, Intern(strings, entries[j].Version));
                Put32(record, at + 12, j + 1 < entries.Count ? 16u : 0);
            }

            table.Write(record);
        }

        return table.ToArray();
    }

    private byte[] Definitions(MemoryStream strings)
    {
        byte[] table = new byte[28 * _definitions.Count];
        for (int i = 0; i < _definitions.Count; i++)
        {
            int at = 28 * i;
            Put16(table, at, 1);
            Put16(table, at + 2, _definitions[i].Flags);
            Put16(table, at + 4, (ushort)(i + 1));
            Put16(table, at + 6, 1);
            Put32(table, at + 12, 20);
            Put32(table, at + 16, i + 1 < _definitions.Count ? 28u : 0);
            Put32(table, at + 20, Intern(strings, _definitions[i].Name));
        }

        return table;
    }

    private static uint Intern(MemoryStream strings, string text)
    {
        uint at = (uint)strings.Length;
        strings.Position = at;
        strings.Write(Encoding.UTF8.GetBytes(text));
        strings.WriteByte(0);
        return at;
    }

    private static void Segment(byte[] bytes, int at, uint type, int offset, int address, int size)
    {
        Put32(bytes, at, type);
        Put64(bytes, at + 8, (ulong)offset);
        Put64(bytes, at + 16, (ulong)address);
        Put64(bytes, at + 32, (ulong)size);
        Put64(bytes, at + 40, (ulong)size);
    }

    private static void Put16(byte[] bytes, int at, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(at), value);

    private static void Put32(byte[] bytes, int at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(at), value);

    private static void Put64(byte[] bytes, int at, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(at), value);
}
