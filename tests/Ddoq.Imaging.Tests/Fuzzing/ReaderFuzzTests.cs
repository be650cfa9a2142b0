using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Ddoq.Fuzzing;

namespace Ddoq.Imaging.Tests;

/// <summary>Broken inputs for every reader: see <see cref="Fuzzer"/>.</summary>
[NonParallelizable]
public sealed class ReaderFuzzTests : TestsInMemory
{
    private const int Block = 512;

    [Test]
    public void Tar_LosesNoMember()
    {
        using var folder = new TemporaryFolder();
        string path = folder["train/a.tar"];
        ImageNetTests.Tar(path, [.. Enumerable.Range(0, 5).Select(i => ($"{i}.png", TestData.Png((uint)i)))]);
        byte[] valid = File.ReadAllBytes(path);
        int[] headers = [.. TarIndex.Members(path).Select(member => (int)member.Offset - Block)];
        Fuzzer.Run("a.tar", random =>
        {
            bool mend = random.Next(2) == 0;
            byte[] content = Mutation.Of(valid, random, [.. headers, valid.Length - 1]);
            if (mend)
                MendChecksums(content);
            File.WriteAllBytes(path, content);
            long end = 0;
            int count = 0;
            foreach (TarMember member in TarIndex.Members(path))
            {
                Assert.That(member.Offset + member.Length, Is.LessThanOrEqualTo(content.Length).And.GreaterThanOrEqualTo(end));
                end = member.Offset + member.Length;
                count++;
            }

            // A member goes only when its own header says so, with a checksum that is right.
            if (!mend && content.Length == valid.Length)
                Assert.That(count, Is.GreaterThanOrEqualTo(headers.Count(at => content.AsSpan(at, Block).SequenceEqual(valid.AsSpan(at, Block)))));
        });
    }

    [Test]
    public void Shards_EndInSamplesOrErrors()
    {
        using var folder = new TemporaryFolder();
        string path = folder["train-0.tar"];
        byte[][] images = [TestData.Png(1), TestData.Png(2)];
        string[] extensions = ["png", "jpg", "cls", "cls", "json", "txt", "gif", "npy", "seg.png", "", "CLS"];
        string[] texts = ["0", "1", "2", "-1", "\uFEFF1", "0.5", "tench", "", "99999999999", "{\"label\": 1}", "{\"label\": \"a\"}", "{\"label\": null}", "{\"label\": 1e99}", "[]", "{", "a\nb", "\uD800"];
        string[] keys = ["a", "b", "c/d", "é", "._x", "__MACOSX/x", "n.o"];
        Fuzzer.Run("train-0.tar", random =>
        {
            var members = new List<(string, byte[])>();
            for (int sample = random.Next(1, 6); sample > 0; sample--)
            {
                string key = $"{keys[random.Next(keys.Length)]}{sample}";
                if (random.Next(3) > 0)
                    members.Add(($"{key}.png", images[random.Next(images.Length)]));
                if (random.Next(4) > 0)
                    members.Add(($"{key}.cls", Encoding.UTF8.GetBytes($"{sample - 1}")));
                if (random.Next(3) == 0)
                    members.Add(($"{key}.{extensions[random.Next(extensions.Length)]}", Encoding.UTF8.GetBytes(texts[random.Next(texts.Length)])));
            }

            ImageNetTests.Tar(path, [.. members]);
            if (random.Next(2) == 0)
            {
                byte[] content = Mutation.Of(File.ReadAllBytes(path), random, [.. Enumerable.Range(0, members.Count).Select(i => i * 2 * Block)]);
                MendChecksums(content);
                File.WriteAllBytes(path, content);
            }

            ReadAll(folder.Path);
        });
    }

    [Test]
    public void Parquet_EndsInImagesOrErrors()
    {
        using var folder = new TemporaryFolder();
        string path = folder["train-0.parquet"];
        ParquetTests.Write(path, ParquetTests.Images(6), i => i % 3, rowsPerGroup: 3);
        byte[] valid = File.ReadAllBytes(path);
        int footer = valid.Length - 8 - BinaryPrimitives.ReadInt32LittleEndian(valid.AsSpan(valid.Length - 8));
        int[] places = [4, valid.Length - 8, .. Enumerable.Range(0, 40).Select(i => footer + i * (valid.Length - footer) / 40)];
        Fuzzer.Run("train-0.parquet", random =>
        {
            File.WriteAllBytes(path, Mutation.Of(valid, random, places));
            ReadAll(folder.Path);
        }, mostBytes: 32 << 20);
    }

    [Test]
    public void Idx_EndsInImagesOrErrors()
    {
        using var folder = new TemporaryFolder();
        byte[] images = [0, 0, 8, 3, 0, 0, 0, 6, 0, 0, 0, 5, 0, 0, 0, 4, .. TestData.RandomBytes(120, 1)];
        byte[] labels = [0, 0, 8, 1, 0, 0, 0, 6, 0, 1, 2, 0, 1, 2];
        byte[] packed = Gzip(images);
        Fuzzer.Run("train-", random =>
        {
            bool gzip = random.Next(2) == 0;
            File.Delete(folder["train-images-idx3-ubyte.gz"]);
            File.Delete(folder["train-images-idx3-ubyte"]);
            File.WriteAllBytes(folder["train-images-idx3-ubyte" + (gzip ? ".gz" : "")], random.Next(4) == 0 ? (gzip ? packed : images)
                : gzip && random.Next(2) == 0 ? Gzip(Mutation.Of(images, random, 4, 8, 12)) : Mutation.Of(gzip ? packed : images, random, 4, 8, 12));
            File.WriteAllBytes(folder["train-labels-idx1-ubyte"], random.Next(2) == 0 ? labels : Mutation.Of(labels, random, 4, 8));
            ReadAll(folder.Path);
        });
    }

    [TestCase("rgb.png"), TestCase("rgb16.png"), TestCase("palette.png"), TestCase("rgb.jpg"), TestCase("exif6.jpg"), TestCase("cmyk.jpg"), TestCase("lossless.webp"), TestCase("rgb.tif"), TestCase("palette.bmp")]
    public void Images_EndInPixelsOrErrors(string name)
    {
        using var folder = new TemporaryFolder();
        PythonOracle.Run("make_images.py", folder.Path);
        byte[] valid = File.ReadAllBytes(folder[name]);
        int[] places = [0, 16, 24, 60, .. Segments(valid)];
        Fuzzer.Run(name, random =>
        {
            byte[] content = Mutation.Of(valid, random, places);
            if (random.Next(2) == 0)
                MendPngChecksums(content);
            using DecodedImage image = ImageDecoder.Decode(content, name, ImageDatasetOptions.Default);
            Assert.That(image.Samples.Length, Is.EqualTo(image.Size.Width * image.Size.Height * image.Channels));
        });
    }

    [Test]
    public void FolderNames_AreListedInTheOrderOfTheirBytes()
    {
        string[] parts = ["a", "B", "é", "ﬀ", "\U0001F600", " ", "-", "_", "[x]", "%", "'", "train", "val", "Test", ".hidden", "@eaDir", "n01440764", "10", "9", "x.png", "\u0301"];
        string[] extensions = [".png", ".PNG", ".jpg", ".gif", "", ".txt"];
        Fuzzer.Run("ddoq-imaging-", random =>
        {
            using var folder = new TemporaryFolder();
            var expected = new SortedDictionary<byte[], SortedSet<string>>(Comparer<byte[]>.Create((a, b) => a.AsSpan().SequenceCompareTo(b)));
            for (int c = random.Next(1, 4); c > 0; c--)
            {
                string name = Name();
                SortedSet<string> images = [];
                for (int i = random.Next(1, 4); i > 0; i--)
                {
                    string file = $"{Name()}{i}{extensions[random.Next(extensions.Length)]}";
                    string path = Path.Combine(folder.Path, name, file);
                    Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                    File.WriteAllBytes(path, [1]);
                    if (!file.StartsWith('.') && (file.EndsWith(".png", StringComparison.OrdinalIgnoreCase) || file.EndsWith(".jpg", StringComparison.Ordinal)))
                        images.Add($"{name}/{file}");
                }

                if (!name.StartsWith('.') && !name.Equals("@eaDir", StringComparison.OrdinalIgnoreCase))
                {
                    byte[] key = Encoding.UTF8.GetBytes(name);
                    expected[key] = [.. expected.GetValueOrDefault(key) ?? [], .. images];
                }
            }

            using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train);
            string[] names = [.. expected.Values.SelectMany(images => images.OrderBy(Encoding.UTF8.GetBytes, Comparer<byte[]>.Create((a, b) => a.AsSpan().SequenceCompareTo(b))))];
            Assert.That(dataset.ClassNames, Is.EqualTo(expected.Keys.Select(Encoding.UTF8.GetString)));
            Assert.That(ImageNetTests.Names(dataset), Is.EqualTo(names));

            string Name() => string.Concat(Enumerable.Range(0, random.Next(1, 3)).Select(_ => parts[random.Next(parts.Length)]));
        });
    }

    private static void ReadAll(string folder)
    {
        using IImageDataset dataset = ImageDatasets.Open(folder, DatasetSplit.Train);
        byte[] pixels = new byte[3 * 64];
        for (int i = 0; i < dataset.Count; i++)
        {
            Assert.That(dataset.LabelOf(i), Is.InRange(0, dataset.ClassNames.Count - 1));
            try
            {
                dataset.ReadRgb(i, new ImageFit(8, 8), pixels);
            }
            catch (DamagedImageException)
            {
                // One image, named.
            }
        }
    }

    private static byte[] Gzip(byte[] content)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest))
            gzip.Write(content);
        return packed.ToArray();
    }

    /// <summary>Writes right checksums into whatever looks like a header, so that its other fields are believed.</summary>
    private static void MendChecksums(byte[] archive)
    {
        for (int at = 0; at + Block <= archive.Length; at += Block)
        {
            Span<byte> block = archive.AsSpan(at, Block);
            if (!block.Slice(257, 5).SequenceEqual("ustar"u8))
                continue;
            block.Slice(148, 8).Fill((byte)' ');
            int sum = 0;
            foreach (byte value in block)
                sum += value;
            Encoding.ASCII.GetBytes(Convert.ToString(sum, 8).PadLeft(6, '0') + "\0 ").CopyTo(block[148..]);
        }
    }

    /// <summary>Writes right checksums into a PNG's chunks, so that their contents are believed.</summary>
    internal static void MendPngChecksums(byte[] png)
    {
        for (int at = 8; at + 12 <= png.Length;)
        {
            uint length = BinaryPrimitives.ReadUInt32BigEndian(png.AsSpan(at));
            if (length > png.Length - at - 12)
                return;
            BinaryPrimitives.WriteUInt32BigEndian(png.AsSpan(at + 8 + (int)length), Crc32(png.AsSpan(at + 4, 4 + (int)length)));
            at += 12 + (int)length;
        }
    }

    private static uint Crc32(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in bytes)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
                crc = (crc >> 1) ^ (0xEDB88320 & (0 - (crc & 1)));
        }

        return ~crc;
    }

    /// <summary>Where the chunks of a PNG or the segments of a JPEG start.</summary>
    private static List<int> Segments(byte[] content)
    {
        var places = new List<int>();
        for (int at = 2; at + 4 < content.Length && content[0] == 0xFF && content[at] == 0xFF; at += 2 + BinaryPrimitives.ReadUInt16BigEndian(content.AsSpan(at + 2)))
            places.Add(at);
        for (int at = 8; at + 12 <= content.Length && content[0] == 0x89; at += 12 + BinaryPrimitives.ReadInt32BigEndian(content.AsSpan(at)))
            places.Add(at);
        return places;
    }
}
