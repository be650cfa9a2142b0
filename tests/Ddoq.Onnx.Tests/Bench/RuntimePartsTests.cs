using System.Buffers.Binary;
using System.Diagnostics;
using System.Text;
using Ddoq.Onnx.Tests.OnnxFiles;
using Ddoq.Onnx.Tests.ReferenceModels;

namespace Ddoq.Onnx.Tests.Bench;

/// <summary>bench/onnx/runtime_parts.py on a small library: an ELF file whose one section holds device code.</summary>
public class RuntimePartsTests
{
    private const string Python = "/usr/bin/python3";
    private const string Library = "libonnxruntime_providers_cuda.so";

    private TemporaryFolder _folder = null!;

    [SetUp]
    public void PackALibrary()
    {
        if (!File.Exists(Python))
            Assert.Ignore($"{Python} is not there");
        _folder = new TemporaryFolder();
        Directory.CreateDirectory(_folder.File("native"));
        File.WriteAllBytes(_folder.File("native", Library), Elf(Container((80, 40), (90, 56)), Container((90, 24), (120, 16))));

        // Parts of 100 bytes, so that there are several.
        (int code, string output) = Run("pack", _folder.File("native"), _folder.File("parts"), "--part-size", "0.0001");
        Assert.That(code, Is.Zero, output);
        Assert.That(output, Does.Contain("80 kept, 56 zeroed"));
    }

    [TearDown]
    public void DeleteFolder() => _folder?.Dispose();

    [Test]
    public void JoinedLibrary_HasTheDeviceCodeOfOneArchitecture_AndNothingElseMoved()
    {
        (int code, string output) = Run("join", _folder.File("parts"), _folder.File("joined"));
        Assert.That(code, Is.Zero, output);
        byte[] expected = Elf(Container((80, 40, 0), (90, 56, 90)), Container((90, 24, 90), (120, 16, 0)));
        Assert.That(File.ReadAllBytes(_folder.File("joined", Library)), Is.EqualTo(expected));
    }

    [Test]
    public void Join_NamesTheMissingPart()
    {
        File.Delete(_folder.File("parts", "part-01"));
        (int code, string output) = Run("join", _folder.File("parts"), _folder.File("joined"));
        Assert.That(code, Is.EqualTo(1));
        Assert.That(output, Does.Contain("lacks part-01"));
    }

    [Test]
    public void Join_NamesTheChangedPart_AndWritesNothing()
    {
        byte[] part = File.ReadAllBytes(_folder.File("parts", "part-01"));
        part[5] ^= 1;
        File.WriteAllBytes(_folder.File("parts", "part-01"), part);
        (int code, string output) = Run("join", _folder.File("parts"), _folder.File("joined"));
        Assert.That(code, Is.EqualTo(1));
        Assert.That(output, Does.Contain("part-01 is not the part that was packed"));
        Assert.That(Directory.Exists(_folder.File("joined")), Is.False);
    }

    private static (int Code, string Output) Run(params string[] arguments)
    {
        var start = new ProcessStartInfo(Python) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in (string[])[RepositoryFiles.Find("bench", "onnx", "runtime_parts.py"), .. arguments])
            start.ArgumentList.Add(argument);
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + error.Result);
    }

    private static byte[] Container(params (int Architecture, int Length, int Seed)[] entries)
    {
        var body = new MemoryStream();
        foreach ((int architecture, int length, int seed) in entries)
        {
            var header = new byte[64];
            BinaryPrimitives.WriteUInt16LittleEndian(header, 2);
            BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(4), 64);
            BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(8), length);
            BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(28), architecture);
            body.Write(header);

            // Code that hardly compresses; seed 0 stands for code that was taken out.
            var code = new byte[length];
            if (seed != 0)
                new Random(seed).NextBytes(code);
            body.Write(code);
        }

        var container = new byte[16 + body.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(container, 0xBA55ED50);
        BinaryPrimitives.WriteUInt16LittleEndian(container.AsSpan(4), 1);
        BinaryPrimitives.WriteUInt16LittleEndian(container.AsSpan(6), 16);
        BinaryPrimitives.WriteInt64LittleEndian(container.AsSpan(8), body.Length);
        body.ToArray().CopyTo(container, 16);
        return container;
    }

    private static byte[] Container(params (int Architecture, int Length)[] entries) => Container([.. entries.Select(e => (e.Architecture, e.Length, e.Architecture))]);

    // Header, names, device code with a gap between containers as linkers leave it, and three section headers.
    private static byte[] Elf(byte[] first, byte[] second)
    {
        byte[] names = Encoding.ASCII.GetBytes("\0.shstrtab\0.nv_fatbin\0\0\0\0"), gap = new byte[16];
        int code = 64 + names.Length, length = first.Length + gap.Length + second.Length, headers = code + length;
        var file = new byte[headers + (3 * 64)];
        ((byte[])[0x7F, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1]).CopyTo(file, 0);
        BinaryPrimitives.WriteInt64LittleEndian(file.AsSpan(0x28), headers);
        BinaryPrimitives.WriteInt16LittleEndian(file.AsSpan(0x3A), 64);
        BinaryPrimitives.WriteInt16LittleEndian(file.AsSpan(0x3C), 3);
        BinaryPrimitives.WriteInt16LittleEndian(file.AsSpan(0x3E), 1);
        names.CopyTo(file, 64);
        first.CopyTo(file, code);
        second.CopyTo(file, code + first.Length + gap.Length);
        foreach ((int section, int name, int offset, int size) in ((int, int, int, int)[])[(1, 1, 64, names.Length), (2, 11, code, length)])
        {
            Span<byte> header = file.AsSpan(headers + (section * 64), 64);
            BinaryPrimitives.WriteInt32LittleEndian(header, name);
            BinaryPrimitives.WriteInt64LittleEndian(header[24..], offset);
            BinaryPrimitives.WriteInt64LittleEndian(header[32..], size);
        }

        return file;
    }
}
