using Ddoq.Imaging;
using Ddoq.Numerics;

namespace Ddoq.Pipeline.Tests;

/// <summary>Class folders of colour images of random pixels, the same at every call.</summary>
internal static class RandomClassFolders
{
    /// <summary>Writes <c>NAME/0.png</c> and on for each class.</summary>
    public static void Write(string folder, IEnumerable<(string Name, int Count)> classes, int side)
    {
        var random = new CounterRandom(3, 1);
        foreach ((string name, int count) in classes)
        {
            Directory.CreateDirectory(Path.Combine(folder, name));
            for (int i = 0; i < count; i++)
            {
                var pixels = new byte[3 * side * side];
                for (int p = 0; p < pixels.Length; p++)
                    pixels[p] = (byte)random.NextInt32(256);
                File.WriteAllBytes(Path.Combine(folder, name, $"{i}.png"), ImageWriter.EncodePng(pixels, 3, side, side));
            }
        }
    }
}
