using System.Formats.Tar;

namespace Ddoq.Cli.Tests;

/// <summary>A tar archive a class, as ImageNet comes, of small grey images.</summary>
internal static class Archives
{
    /// <summary>Writes <c>train/class.tar</c> for each class; some of its images may be replaced.</summary>
    public static string Create(string folder, string[] classes, int perClass, Func<string, int, byte[]?>? replace = null, string part = "train")
    {
        Directory.CreateDirectory(Path.Combine(folder, part));
        for (int label = 0; label < classes.Length; label++)
        {
            using var tar = new TarWriter(File.Create(Path.Combine(folder, part, classes[label] + ".tar")), TarEntryFormat.Ustar);
            for (int i = 0; i < perClass; i++)
            {
                byte[] content = replace?.Invoke(classes[label], i) ?? Png.Grey(28, 28, (byte)((31 * i) + (7 * label)));
                tar.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, $"{classes[label]}_{i}.JPEG") { DataStream = new MemoryStream(content) });
            }
        }

        return folder;
    }
}
