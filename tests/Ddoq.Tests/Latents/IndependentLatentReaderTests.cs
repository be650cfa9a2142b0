using System.Text.Json;
using Ddoq.Latents;
using Ddoq.Numerics;
using Ddoq.Tests.Storage;

namespace Ddoq.Tests.Latents;

public class IndependentLatentReaderTests
{
    [TestCase(4, 3, 2)]
    [TestCase(1, 7, 3)]
    public void Shards_ReadBySomebodyElse_HoldTheSameRows(int channels, int height, int width)
    {
        using var folder = new TemporaryFolder();
        var info = new LatentStoreInfo { Shape = new LatentShape(channels, height, width), ClassNames = ["größe", "b \"c\""], ScalingFactor = 0.18215, Kind = LatentKind.Mean };
        const int Rows = 25, PerShard = 11;
        int d = info.Shape.Length;
        var random = new CounterRandom(8, 8);
        float[] values = new float[Rows * d];
        random.FillGaussian(values);
        int[] labels = [.. Enumerable.Range(0, Rows).Select(i => i * 7 % 3 % 2)];
        using (LatentStoreWriter writer = LatentStoreWriter.Open(folder.Path, info, Rows, PerShard))
        {
            writer.Append(values, labels);
            writer.Complete();
        }

        using (JsonDocument index = JsonDocument.Parse(File.ReadAllBytes(folder["latents.safetensors.index.json"])))
        {
            Assert.That(index.RootElement.GetProperty("metadata").GetProperty("total_size").GetInt64(), Is.EqualTo(Rows * ((d * 2) + 4)));
            Assert.That(index.RootElement.GetProperty("weight_map").EnumerateObject().Count(), Is.EqualTo(6));
            Assert.That(index.RootElement.GetProperty("metadata").GetProperty("class_names")[0].GetString(), Is.EqualTo("größe"));
        }

        string[] files = [.. Directory.GetFiles(folder.Path, "*.safetensors").Order(StringComparer.Ordinal)];
        JsonElement read = IndependentReader.Run(files);
        for (int s = 0; s < files.Length; s++)
        {
            JsonElement file = read.GetProperty(Path.GetFileName(files[s]));
            int first = s * PerShard, n = Math.Min(PerShard, Rows - first);
            IndependentReader.AssertTensor(file, "latents", "F16", [n, channels, height, width], [.. values.Skip(first * d).Take(n * d).Select(v => (double)(Half)v)]);
            IndependentReader.AssertTensor(file, "labels", "I32", [n], [.. labels.Skip(first).Take(n).Select(l => (double)l)]);
            Assert.That(file.GetProperty("start").GetInt64() % 64, Is.Zero);
            Assert.That(JsonSerializer.Deserialize<string[]>(file.GetProperty("metadata").GetProperty("class_names").GetString()!), Is.EqualTo(info.ClassNames));
        }
    }
}
