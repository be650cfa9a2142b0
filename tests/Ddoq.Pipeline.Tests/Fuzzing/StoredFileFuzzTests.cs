using System.Buffers.Binary;
using System.Text;
using Ddoq.Distilled;
using Ddoq.Fuzzing;
using Ddoq.Latents;
using Ddoq.Onnx.Tests.OnnxFiles;
using Ddoq.Pipeline.Configuration;
using Ddoq.Quantization;
using Ddoq.Storage;

namespace Ddoq.Pipeline.Tests;

/// <summary>Broken inputs for the readers of what stages hand to each other and of configuration files: see <see cref="Fuzzer"/>.</summary>
[NonParallelizable]
public sealed class StoredFileFuzzTests : TestsInMemory
{
    private static readonly LatentStoreInfo s_store = new() { Shape = new LatentShape(1, 2, 2), ClassNames = ["a", "b"] };

    // What stands for another thing, or for none, in a header or a line of JSON.
    private static readonly string[] s_values =
        ["0", "-1", "1", "2147483648", "9223372036854775807", "-9223372036854775808", "1e400", "NaN", "null", "true", "\"\"", "\"a\"", "[]", "{}", "[1]", "\"F16\"", "\"I32\"", "\"\\uD800\"", "1.5"];

    private static readonly string[] s_lines = ["[quantize]", "[quantize", "ipc = 3", "ipc = \"3\"", "ipc = [3]", "seed = 99999999999999999999", "'seed' = 1", "a.b = 1", "quantize.ipc = 2",
        "algorithm = \"lloyd\"", "[[train]]", "train = { updates = 4 }", "# ", "\u0000", "=", "x = 1979-05-27", "prompt = \"\"\"", "arms = [\"ddoq\", 1]", "hold_out = inf", "hold_out = nan"];

    private TemporaryFolder _folder = null!;

    [SetUp]
    public void CreateFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void DeleteFolder() => _folder.Dispose();

    [Test]
    public void Safetensors_GiveEveryElementTheyDescribe()
    {
        string path = _folder.File("x.safetensors");
        using (SafetensorsWriter writer = SafetensorsWriter.Create(path, [("a", SafetensorsType.F32, [2, 3]), ("b", SafetensorsType.I64, [0]), ("c", SafetensorsType.U8, [5])], new Dictionary<string, string> { ["k"] = "v" }))
        {
            writer.Append<float>("a", [1, 2, 3, 4, 5, 6]);
            writer.Append<byte>("c", [1, 2, 3, 4, 5]);
            writer.Complete();
        }

        byte[] valid = File.ReadAllBytes(path);
        Fuzzer.Run("x.safetensors", random =>
        {
            File.WriteAllBytes(path, ChangeHeader(valid, random));
            using SafetensorsFile file = SafetensorsFile.Open(path);
            foreach (SafetensorsTensor tensor in file.Tensors)
            {
                Assert.That(tensor.Shape.Aggregate(1L, (product, side) => checked(product * side)), Is.EqualTo(tensor.ElementCount));
                if (tensor.Type == SafetensorsType.U8)
                    _ = Sum(file.GetSpan<byte>(tensor.Name));
            }
        });
    }

    [Test]
    public void LatentStores_GiveEveryRowOfEveryClass()
    {
        string folder = _folder.File("store");
        using (var writer = LatentStoreWriter.Open(folder, s_store, 6, 3))
        {
            writer.Append(Enumerable.Range(0, 24).Select(i => (Half)i).ToArray().AsSpan(), [0, 0, 1, 1, 1, 0]);
            writer.Complete();
        }

        (string Path, byte[] Content)[] files = [.. Directory.GetFiles(folder).Order(StringComparer.Ordinal).Select(path => (path, File.ReadAllBytes(path)))];
        Fuzzer.Run(folder, random =>
        {
            int broken = random.Next(files.Length);
            for (int i = 0; i < files.Length; i++)
            {
                bool isIndex = files[i].Path.EndsWith(".json", StringComparison.Ordinal);
                File.WriteAllBytes(files[i].Path, i != broken ? files[i].Content : isIndex ? ChangeText(files[i].Content, random) : ChangeHeader(files[i].Content, random));
            }

            using LatentStore store = LatentStore.Open(folder);
            store.EnsureFinite();
            int rows = 0;
            for (int c = 0; c < store.ClassNames.Count; c++)
            {
                var values = new float[store.RowCount(c) * store.Shape.Length];
                store.ReadRows(c, 0, values.AsSpan());
                Assert.That(values, Has.All.Matches<float>(float.IsFinite));
                rows += store.RowCount(c);
            }

            Assert.That(rows, Is.EqualTo(store.Count));
        });
    }

    [Test]
    public void Prototypes_HaveCentresAndCountsOfEveryClass()
    {
        string path = _folder.File("prototypes.safetensors");
        var info = new PrototypeInfo { Latents = s_store, CentersPerClass = 2, Algorithm = "hartigan", Seed = 7 };
        using (PrototypeSet set = PrototypeSet.Create(info, [ClassPrototypes.Create(4, [1, 2, 3, 4, 5, 6, 7, 8], [3, 1], 0.5), ClassPrototypes.Create(4, [1, 2, 3, 4], [5], 0)]))
            set.Save(path);
        byte[] valid = File.ReadAllBytes(path);
        Fuzzer.Run("prototypes.safetensors", random =>
        {
            File.WriteAllBytes(path, ChangeHeader(valid, random));
            using PrototypeSet set = PrototypeSet.Load(path);
            for (int c = 0; c < set.ClassNames.Count; c++)
            {
                Assert.That(set.Centroids(c).Length, Is.EqualTo((long)set.CenterCount(c) * set.Shape.Length));
                Assert.That(set.Counts(c).ToArray(), Has.Length.EqualTo(set.CenterCount(c)).And.All.GreaterThan(0));
                var weights = new float[set.CenterCount(c)];
                set.ComputeWeights(c, WeightRule.SquareRoot, weights);
                Assert.That(weights, Has.All.Matches<float>(float.IsFinite));
            }
        });
    }

    [Test]
    public void SoftLabels_HaveALabelAndLogitsOfEveryImage()
    {
        string path = _folder.File("soft_labels.safetensors");
        using (var writer = SoftLabelWriter.Create(path, 3, 2))
        {
            writer.Append([1, 2, 3, 4, 5, 6], [0, 1, 1]);
            writer.Complete();
        }

        byte[] valid = File.ReadAllBytes(path);
        Fuzzer.Run("soft_labels.safetensors", random =>
        {
            File.WriteAllBytes(path, ChangeHeader(valid, random));
            using SoftLabels labels = SoftLabels.Load(path);
            for (int i = 0; i < labels.Count; i++)
            {
                Assert.That(labels.Labels[i], Is.InRange(0, labels.ClassCount - 1));
                Assert.That(labels.Logits(i).Length, Is.EqualTo(labels.ClassCount));
            }
        });
    }

    [Test]
    public void Metadata_NamesImagesThatAreThere_WithLabelsAndWeights()
    {
        var set = new DistilledSet(["a", "b"], [new DistilledImage("a/0.png", 0, "a", 1.5, 3), new DistilledImage("a/1.png", 0, "a", 0.5, 1, 1), new DistilledImage("b/0.png", 1, "b")]);
        foreach (DistilledImage image in set.Images)
            _folder.Write($"train/{image.FileName}", "");
        set.SaveMetadata(_folder.Path);
        string path = _folder.File("train", DistilledSet.MetadataFileName);
        byte[] valid = File.ReadAllBytes(path);
        Fuzzer.Run("train", random =>
        {
            File.WriteAllBytes(path, ChangeText(valid, random));
            DistilledSet read = DistilledSet.Load(_folder.Path);
            foreach (DistilledImage image in read.Images)
            {
                Assert.That(image.Label, Is.InRange(0, read.ClassNames.Count - 1));
                Assert.That(image.Weight, Is.InRange(0, double.MaxValue));
                Assert.That(Path.GetFullPath(DistilledSet.PathOf(_folder.Path, image.FileName)), Does.StartWith(_folder.File("train") + "/"));
            }
        });
    }

    [Test]
    public void StageRecords_BelongToTheirSettings()
    {
        using (StageFolder stage = StageFolder.Open(_folder.Path, "encode", new Dictionary<string, string> { ["seed"] = "1", ["data"] = "é" }))
        {
            _folder.Write("x", "12");
            stage.Complete(["x"]);
        }

        string path = _folder.File(StageFolder.RecordFileName), timing = _folder.File(StageFolder.TimingFileName);
        byte[] valid = File.ReadAllBytes(path), validTiming = File.ReadAllBytes(timing);
        string fingerprint = StageFolder.Read(_folder.Path).Fingerprint;
        Fuzzer.Run(_folder.Path, random =>
        {
            int broken = random.Next(4); // the record, the times, or both
            File.WriteAllBytes(path, broken != 0 ? ChangeText(valid, random) : valid);
            File.WriteAllBytes(timing, broken != 1 ? ChangeText(validTiming, random) : validTiming);
            Assert.That(StageFolder.Read(_folder.Path).Fingerprint, Is.EqualTo(fingerprint));
            using StageFolder stage = StageFolder.Open(_folder.Path, "encode", new Dictionary<string, string> { ["seed"] = "1", ["data"] = "é" });
            Assert.That(double.IsFinite(stage.Seconds));
        });
    }

    [Test]
    public void Toml_IsTakenOrRefusedWithItsPlace()
    {
        string path = _folder.File("run.toml");
        string[] valid = PipelineConfiguration.Empty.ToToml().Split('\n');
        Fuzzer.Run("run.toml", random =>
        {
            var lines = valid.ToList();
            for (int change = random.Next(1, 4); change > 0; change--)
            {
                int at = random.Next(lines.Count);
                if (random.Next(3) == 0)
                    lines.RemoveAt(at);
                else if (random.Next(2) == 0)
                    lines.Insert(at, s_lines[random.Next(s_lines.Length)]);
                else if (lines[at].Split('=') is { Length: 2 } pair)
                    lines[at] = $"{pair[0]}= {s_values[random.Next(s_values.Length)]}";
            }

            byte[] content = Encoding.UTF8.GetBytes(string.Join('\n', lines));
            File.WriteAllBytes(path, random.Next(3) == 0 ? Mutation.Of(content, random) : content);
            PipelineConfiguration read = PipelineConfiguration.FromToml(path);

            // What was taken is written so that it is taken again.
            string text = read.ToToml();
            File.WriteAllText(path, text);
            Assert.That(PipelineConfiguration.FromToml(path).ToToml(), Is.EqualTo(text));
        });
    }

    /// <summary>A safetensors file whose header is changed as JSON or as bytes, half of the time with a length that fits it.</summary>
    private static byte[] ChangeHeader(byte[] valid, Random random)
    {
        int length = (int)BinaryPrimitives.ReadInt64LittleEndian(valid);
        if (random.Next(4) == 0)
            return Mutation.Of(valid, random, 0, 8, 8 + length);
        byte[] header = ChangeText(valid.AsSpan(8, length).ToArray(), random);
        byte[] size = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(size, random.Next(8) == 0 ? length : header.Length);
        return [.. size, .. header, .. valid.AsSpan(8 + length)];
    }

    /// <summary>JSON with one to three of its values or names exchanged, or changed bytes.</summary>
    private static byte[] ChangeText(byte[] valid, Random random)
    {
        if (random.Next(3) == 0)
            return Mutation.Of(valid, random);
        string text = Encoding.UTF8.GetString(valid);
        for (int change = random.Next(1, 4); change > 0; change--)
        {
            int[] starts = [.. Enumerable.Range(1, text.Length - 1).Where(i => text[i - 1] is ':' or ',' or '[' or '{' or ' ' && text[i] is not (' ' or '\n'))];
            if (starts.Length == 0)
                break;
            int start = starts[random.Next(starts.Length)], end = start + 1;
            if (text[start] == '"')
            {
                while (end < text.Length && text[end] != '"')
                    end++;
                end = Math.Min(end + 1, text.Length);
            }
            else
            {
                while (end < text.Length && text[end] is not (',' or ']' or '}' or ':' or '\n'))
                    end++;
            }

            string other = random.Next(3) == 0 ? text[start..end] + "," + text[start..end] : s_values[random.Next(s_values.Length)];
            text = text[..start] + other + text[end..];
        }

        return Encoding.UTF8.GetBytes(text);
    }

    private static int Sum(ReadOnlySpan<byte> bytes)
    {
        int sum = 0;
        foreach (byte value in bytes)
            sum += value;
        return sum;
    }
}
