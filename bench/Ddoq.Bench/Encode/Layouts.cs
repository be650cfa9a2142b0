using System.Formats.Tar;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Parquet;
using Parquet.Schema;

namespace Ddoq.Bench.Encode;

/// <summary>Writes the images in each layout that the engine reads, in their order.</summary>
internal static class Layouts
{
    // Hugging Face writes 100 rows of images into a row group; a WebDataset shard of ImageNet has about a thousand samples.
    private const int RowsPerGroup = 100, SamplesPerShard = 1000, RowsPerFile = 5000;

    public static IReadOnlyDictionary<string, Action<MasterImages, string>> All { get; } = new Dictionary<string, Action<MasterImages, string>>
    {
        ["folder"] = ClassFolders,
        ["validation"] = ValidationFolder,
        ["tar"] = ClassArchives,
        ["webdataset"] = WebDataset,
        ["parquet"] = ParquetShards,
    };

    /// <summary>train/class/*: links to the images themselves.</summary>
    private static void ClassFolders(MasterImages images, string folder)
    {
        Directory.CreateDirectory(folder);
        Directory.CreateSymbolicLink(Path.Combine(folder, "train"), Path.Combine(images.Folder, "train"));
    }

    /// <summary>val/ILSVRC2012_val_*.JPEG with LOC_val_solution.csv: links.</summary>
    private static void ValidationFolder(MasterImages images, string folder)
    {
        Directory.CreateDirectory(Path.Combine(folder, "val"));
        var csv = new StringBuilder("ImageId,PredictionString\n");
        for (int i = 0; i < images.Files.Length; i++)
        {
            string name = string.Create(CultureInfo.InvariantCulture, $"ILSVRC2012_val_{i + 1:D8}");
            File.CreateSymbolicLink(Path.Combine(folder, "val", name + ".JPEG"), images.Files[i]);
            csv.Append(CultureInfo.InvariantCulture, $"{name},{images.Classes[images.Labels[i]]} 1 1 2 2\n");
        }

        File.WriteAllText(Path.Combine(folder, "LOC_val_solution.csv"), csv.ToString());
    }

    /// <summary>train/class.tar.</summary>
    private static void ClassArchives(MasterImages images, string folder)
    {
        Directory.CreateDirectory(Path.Combine(folder, "train"));
        foreach (IGrouping<int, int> rows in Enumerable.Range(0, images.Files.Length).GroupBy(i => images.Labels[i]))
        {
            using var tar = new TarWriter(File.Create(Path.Combine(folder, "train", images.Classes[rows.Key] + ".tar")), TarEntryFormat.Ustar);
            foreach (int i in rows)
                Add(tar, Path.GetFileName(images.Files[i]), File.ReadAllBytes(images.Files[i]));
        }
    }

    /// <summary>train-000000.tar of key.jpg and key.cls.</summary>
    private static void WebDataset(MasterImages images, string folder)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllLines(Path.Combine(folder, "classnames.txt"), images.Classes);
        for (int first = 0; first < images.Files.Length; first += SamplesPerShard)
        {
            string name = string.Create(CultureInfo.InvariantCulture, $"train-{first / SamplesPerShard:D6}.tar");
            using var tar = new TarWriter(File.Create(Path.Combine(folder, name)), TarEntryFormat.Ustar);
            for (int i = first; i < Math.Min(first + SamplesPerShard, images.Files.Length); i++)
            {
                string key = Path.GetFileNameWithoutExtension(images.Files[i]);
                Add(tar, key + ".jpg", File.ReadAllBytes(images.Files[i]));
                Add(tar, key + ".cls", Encoding.ASCII.GetBytes(images.Labels[i].ToString(CultureInfo.InvariantCulture)));
            }
        }
    }

    /// <summary>data/train-00000-of-00010.parquet, compressed by Snappy.</summary>
    private static void ParquetShards(MasterImages images, string folder) => ParquetShardsAsync(images, folder).GetAwaiter().GetResult();

    private static async Task ParquetShardsAsync(MasterImages images, string folder)
    {
        Directory.CreateDirectory(Path.Combine(folder, "data"));
        var bytes = new DataField<byte[]>("bytes", nullable: true);
        var path = new DataField<string>("path", nullable: true);
        var label = new DataField<long>("label", nullable: true);
        var schema = new ParquetSchema(new StructField("image", bytes, path), label);
        string features = JsonSerializer.Serialize(new
        {
            info = new { features = new Dictionary<string, object> { ["image"] = new { _type = "Image" }, ["label"] = new { names = images.Classes, _type = "ClassLabel" } } },
        });
        int files = (images.Files.Length + RowsPerFile - 1) / RowsPerFile;
        for (int file = 0; file < files; file++)
        {
            string name = string.Create(CultureInfo.InvariantCulture, $"train-{file:D5}-of-{files:D5}.parquet");
            using FileStream stream = File.Create(Path.Combine(folder, "data", name));
            await using ParquetWriter writer = await ParquetWriter.CreateAsync(schema, stream, new ParquetOptions { CompressionMethod = CompressionMethod.Snappy });
            writer.CustomMetadata = new Dictionary<string, string> { ["huggingface"] = features };
            int end = Math.Min((file + 1) * RowsPerFile, images.Files.Length);
            for (int first = file * RowsPerFile; first < end; first += RowsPerGroup)
            {
                int[] rows = [.. Enumerable.Range(first, Math.Min(RowsPerGroup, end - first))];
                using ParquetRowGroupWriter group = writer.CreateRowGroup();
                await group.WriteAsync(bytes, rows.Select(i => File.ReadAllBytes(images.Files[i])).ToArray());
                await group.WriteAsync(path, rows.Select(i => Path.GetFileName(images.Files[i])).ToArray());
                await group.WriteAsync<long>(label, rows.Select(i => (long?)images.Labels[i]).ToArray().AsMemory());
                group.CompleteValidate();
            }
        }
    }

    private static void Add(TarWriter tar, string name, byte[] content) =>
        tar.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(content) });
}
