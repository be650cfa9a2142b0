using System.IO.Compression;

namespace Ddoq.Onnx.Tests.ReferenceModels;

/// <summary>The reference model and the sample images of the repository this test was built in.</summary>
internal static class RepositoryFiles
{
    /// <summary>Names another folder to take the reference model from.</summary>
    public const string ModelVariable = "DDOQ_REFERENCE_MODEL";

    public static string Model
    {
        get
        {
            string folder = Environment.GetEnvironmentVariable(ModelVariable) is { Length: > 0 } named ? named : Find("models", "fashion-mnist");
            if (!File.Exists(Path.Combine(folder, "model_index.json")))
                Assert.Ignore($"the reference model is not in this checkout ({folder}); {ModelVariable} may name another folder");
            return folder;
        }
    }

    /// <summary>Sample images padded with black to 32 x 32, as grey in three channels, in [-1, 1]; and their labels.</summary>
    public static (float[] Images, int[] Labels) Samples(int count)
    {
        string images = Find("samples", "fashion-mnist", "t10k-images-idx3-ubyte.gz"), labels = Find("samples", "fashion-mnist", "t10k-labels-idx1-ubyte.gz");
        if (!File.Exists(images) || !File.Exists(labels))
            Assert.Ignore($"the sample images are not in this checkout ({images})");
        byte[] pixels = Unpack(images)[16..];
        var values = new float[count * 3 * 32 * 32];
        Array.Fill(values, -1f);
        for (int i = 0; i < count; i++)
            for (int channel = 0; channel < 3; channel++)
                for (int y = 0; y < 28; y++)
                    for (int x = 0; x < 28; x++)
                        values[(((((i * 3) + channel) * 32) + y + 2) * 32) + x + 2] = (pixels[(((i * 28) + y) * 28) + x] / 127.5f) - 1;
        return (values, [.. Unpack(labels)[8..].Take(count).Select(b => (int)b)]);
    }

    private static byte[] Unpack(string path)
    {
        using var stream = new GZipStream(File.OpenRead(path), CompressionMode.Decompress);
        using var memory = new MemoryStream();
        stream.CopyTo(memory);
        return memory.ToArray();
    }

    /// <summary>A file or folder of the repository, whether or not it exists.</summary>
    public static string Find(params string[] parts)
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "DDOQ.sln")))
            folder = Path.GetDirectoryName(folder);
        return Path.Combine([folder ?? AppContext.BaseDirectory, .. parts]);
    }
}
