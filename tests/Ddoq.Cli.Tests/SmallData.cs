using System.Buffers.Binary;
using System.IO.Compression;

namespace Ddoq.Cli.Tests;

/// <summary>A part of the sample, small enough for many whole runs: the first images of each class, as plain IDX files.</summary>
internal static class SmallData
{
    public static string Create(string folder, int trainPerClass = 30, int testPerClass = 5)
    {
        Directory.CreateDirectory(folder);
        Write(folder, "train", trainPerClass);
        Write(folder, "t10k", testPerClass);
        File.Copy(Path.Combine(Program.Sample, "classes.txt"), Path.Combine(folder, "classes.txt"), overwrite: true);
        return folder;
    }

    /// <summary>The first images of each class as PNG files, in class order.</summary>
    public static byte[][][] Images(string split, int perClass)
    {
        byte[] images = Read($"{split}-images-idx3-ubyte.gz"), labels = Read($"{split}-labels-idx1-ubyte.gz");
        return [.. Enumerable.Range(0, 10).Select(label => Enumerable.Range(0, labels.Length - 8).Where(i => labels[8 + i] == label).Take(perClass)
            .Select(i => Png.Of(28, 28, (x, y) => images[16 + (((i * 28) + y) * 28) + x])).ToArray())];
    }

    private static void Write(string folder, string split, int perClass)
    {
        byte[] images = Read($"{split}-images-idx3-ubyte.gz"), labels = Read($"{split}-labels-idx1-ubyte.gz");
        var taken = new int[10];
        var chosen = new List<int>();
        for (int i = 0; i < labels.Length - 8; i++)
        {
            if (taken[labels[8 + i]]++ < perClass)
                chosen.Add(i);
        }

        const int Pixels = 28 * 28;
        using FileStream imageFile = File.Create(Path.Combine(folder, $"{split}-images-idx3-ubyte"));
        using FileStream labelFile = File.Create(Path.Combine(folder, $"{split}-labels-idx1-ubyte"));
        BinaryPrimitives.WriteInt32BigEndian(images.AsSpan(4), chosen.Count);
        BinaryPrimitives.WriteInt32BigEndian(labels.AsSpan(4), chosen.Count);
        imageFile.Write(images, 0, 16);
        labelFile.Write(labels, 0, 8);
        foreach (int i in chosen)
        {
            imageFile.Write(images, 16 + (i * Pixels), Pixels);
            labelFile.WriteByte(labels[8 + i]);
        }
    }

    private static byte[] Read(string name)
    {
        using var file = new GZipStream(File.OpenRead(Path.Combine(Program.Sample, name)), CompressionMode.Decompress);
        using var memory = new MemoryStream();
        file.CopyTo(memory);
        return memory.ToArray();
    }
}
