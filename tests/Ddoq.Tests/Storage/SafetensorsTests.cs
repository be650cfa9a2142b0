using System.Text;
using CsCheck;
using Ddoq.Numerics;
using Ddoq.Storage;

namespace Ddoq.Tests.Storage;

public class SafetensorsTests
{
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void SetUp() => _folder = new TemporaryFolder();

    [TearDown]
    public void TearDown() => _folder.Dispose();

    [Test]
    public void RoundTrip_AnyNamesShapesAndMetadata()
    {
        string path = Path.Combine(_folder.Path, "any.safetensors");
        string[] parts = ["a", "\"", "\\", "\n", "\u00E9", "\U0001F600", " ", "/", "\u0001", "__"];
        Gen<string> text = Gen.Int[0, parts.Length - 1].Select(i => parts[i]).Array[1, 6].Select(string.Concat);
        Gen.Select(text.Array[0, 6], Gen.Int[0, 4].Array[0, 4].Array[6], text.Array[0, 4], Gen.UInt).Sample(
            (names, shapes, keys, seed) =>
            {
                (string Name, long[] Shape)[] tensors = [.. names.Distinct().Select((name, i) => (name, shapes[i].Select(side => (long)side).ToArray()))];
                Dictionary<string, string> metadata = keys.Distinct().ToDictionary(key => key, key => key + seed);
                float[][] values = [.. tensors.Select((tensor, t) => Enumerable.Range(0, (int)tensor.Shape.Aggregate(1L, (product, side) => product * side)).Select(i => (seed % 1000) + (100f * t) + i).ToArray())];
                using (SafetensorsWriter writer = SafetensorsWriter.Create(path, tensors.Select(tensor => (tensor.Name, SafetensorsType.F32, (IReadOnlyList<long>)tensor.Shape)), metadata, flushToDisk: false))
                {
                    for (int t = 0; t < tensors.Length; t++)
                        writer.Append<float>(tensors[t].Name, values[t]);
                    writer.Complete();
                }

                using SafetensorsFile file = SafetensorsFile.Open(path);
                return file.Tensors.Select(tensor => tensor.Name).SequenceEqual(tensors.Select(tensor => tensor.Name))
                    && metadata.All(pair => file.Metadata[pair.Key] == pair.Value)
                    && tensors.Select((tensor, t) => file.GetTensor(tensor.Name).Shape.SequenceEqual(tensor.Shape) && file.GetSpan<float>(tensor.Name).SequenceEqual(values[t])).All(same => same);
            },
            iter: 300,
            threads: 1);
    }

    [Test]
    public void RoundTrip_AllTypes_EmptyAndScalarTensors()
    {
        string path = WriteSample();
        using SafetensorsFile file = SafetensorsFile.Open(path);
        Assert.Multiple(() =>
        {
            Assert.That(file.Metadata, Is.EqualTo(new Dictionary<string, string> { ["a"] = "first", ["z"] = "größe \"x\" \n" }));
            Assert.That(file.Tensors.Select(t => t.Name), Is.EqualTo(new[] { "d", "l", "empty", "f", "i", "h", "b", "s", "u8", "i8", "yes" }));
            Assert.That(file.GetSpan<double>("d").ToArray(), Is.EqualTo(new[] { 1.5, -2 }));
            Assert.That(file.GetSpan<long>("l").ToArray(), Is.EqualTo(new[] { long.MinValue }));
            Assert.That(file.GetTensor("l").Shape, Is.Empty);
            Assert.That(file.GetSpan<float>("empty").Length, Is.Zero);
            Assert.That(file.GetTensor("empty").Shape, Is.EqualTo(new long[] { 3, 0, 7 }));
            Assert.That(file.GetSpan<float>("f", 1, 2).ToArray(), Is.EqualTo(new[] { 2f, 3f }));
            Assert.That(file.GetSpan<int>("i").ToArray(), Is.EqualTo(new[] { -7 }));
            Assert.That(file.GetSpan<Half>("h").ToArray(), Is.EqualTo(new[] { (Half)0.25f, (Half)(-65504f), (Half)0 }));
            Assert.That(file.GetSpan<ushort>("b").ToArray(), Is.EqualTo(new ushort[] { 0x3FC0 }));
            Assert.That(file.GetSpan<bool>("yes").ToArray(), Is.EqualTo(new[] { true, false }));
            Assert.That(file.GetSpan<sbyte>("i8").ToArray(), Is.EqualTo(new sbyte[] { -128 }));
        });
    }

    [Test]
    public void Write_DataStartsAt64_AndBytesRepeat()
    {
        byte[] first = File.ReadAllBytes(WriteSample());
        byte[] second = File.ReadAllBytes(WriteSample());
        Assert.Multiple(() =>
        {
            Assert.That((8 + BitConverter.ToInt64(first)) % 64, Is.Zero);
            Assert.That(second, Is.EqualTo(first));
        });
    }

    [Test]
    public void ReadSingles_ConvertsEachFloatingType()
    {
        using SafetensorsFile file = SafetensorsFile.Open(WriteSample());
        float[] two = new float[2], one = new float[1];
        file.ReadSingles("d", 0, two);
        Assert.That(two, Is.EqualTo(new[] { 1.5f, -2f }));
        file.ReadSingles("h", 1, two);
        Assert.That(two, Is.EqualTo(new[] { -65504f, 0f }));
        file.ReadSingles("f", 1, two);
        Assert.That(two, Is.EqualTo(new[] { 2f, 3f }));
        file.ReadSingles("b", 0, one);
        Assert.That(one, Is.EqualTo(new[] { 1.5f }));
        Assert.That(() => file.ReadSingles("i", 0, new float[1]), Throws.InstanceOf<DdoqException>().With.Message.Contain("I32"));
    }

    [Test]
    public void GetSpan_WrongTypeNameOrWindow_IsRefused()
    {
        using SafetensorsFile file = SafetensorsFile.Open(WriteSample());
        Assert.Multiple(() =>
        {
            Assert.That(() => file.GetSpan<int>("f").Length, Throws.InstanceOf<DdoqException>().With.Message.Contain("F32 [2, 2]"));
            Assert.That(() => file.GetTensor("absent"), Throws.InstanceOf<DdoqException>().With.Message.Contain("'d', 'l'"));
            Assert.That(() => file.GetSpan<float>("f", 3, 2).Length, Throws.InstanceOf<ArgumentOutOfRangeException>());
            Assert.That(() => file.GetSpan<float>("f", -1, 2).Length, Throws.InstanceOf<ArgumentOutOfRangeException>());
            Assert.That(() => file.GetSpan<float>("f", long.MaxValue, 1).Length, Throws.InstanceOf<ArgumentOutOfRangeException>());
        });
        file.Dispose();
        Assert.That(() => file.GetSpan<float>("f").Length, Throws.InstanceOf<ObjectDisposedException>());
    }

    [Test]
    public void GetSpan_FileCutWhileOpen_IsAnError_NotACrash()
    {
        string path = _folder["cut.safetensors"];
        using (SafetensorsWriter writer = SafetensorsWriter.Create(path, [("x", SafetensorsType.F32, [100_000])]))
        {
            writer.Append<float>("x", new float[100_000]);
            writer.Complete();
        }

        using SafetensorsFile file = SafetensorsFile.Open(path);
        Assert.That(file.GetSpan<float>("x")[99_999], Is.Zero);
        if (!OperatingSystem.IsLinux())
            Assert.Ignore("only Linux lets another program cut an open file");
        using (System.Diagnostics.Process truncate = System.Diagnostics.Process.Start("truncate", ["-s", "5000", path]))
            truncate.WaitForExit();
        Assert.That(() => file.GetSpan<float>("x").Length, Throws.InstanceOf<DdoqException>().With.Message.Contain("was cut from"));
    }

    [Test]
    public void Writer_Misuse_IsRefused_AndLeavesNoFile()
    {
        string path = _folder["x.safetensors"];
        using (SafetensorsWriter writer = SafetensorsWriter.Create(path, [("x", SafetensorsType.F32, [3])]))
        {
            writer.Append<float>("x", [1, 2]);
            Assert.Multiple(() =>
            {
                Assert.That(() => writer.Append<float>("y", [1]), Throws.ArgumentException);
                Assert.That(() => writer.Append<int>("x", [1]), Throws.ArgumentException);
                Assert.That(() => writer.Append<float>("x", [1, 2]), Throws.ArgumentException.With.Message.Contain("2 elements are written"));
                Assert.That(writer.Complete, Throws.InvalidOperationException.With.Message.Contain("8 bytes were written"));
            });
        }

        using (SafetensorsWriter writer = SafetensorsWriter.Create(path, []))
        {
            writer.Complete();
            Assert.That(writer.Complete, Throws.InvalidOperationException.With.Message.Contain("completed"));
            File.Delete(path);
        }

        Assert.Multiple(() =>
        {
            Assert.That(() => SafetensorsWriter.Create(path, [("b", SafetensorsType.U8, [1]), ("f", SafetensorsType.F32, [1])]), Throws.ArgumentException.With.Message.Contain("aligned"));
            Assert.That(() => SafetensorsWriter.Create(path, [("b", SafetensorsType.U8, [1]), ("b", SafetensorsType.U8, [1])]), Throws.ArgumentException);
            Assert.That(() => SafetensorsWriter.Create(path, [("__metadata__", SafetensorsType.U8, [1])]), Throws.ArgumentException);
            Assert.That(() => SafetensorsWriter.Create(path, [("b", SafetensorsType.U8, [-1])]), Throws.ArgumentException);
            Assert.That(Directory.GetFileSystemEntries(_folder.Path), Is.Empty);
        });
    }

    // Each header tells one lie about 8 bytes of data; the message must name it.
    [TestCase("[]", "does not start with '{'")]
    [TestCase("{", "not valid JSON")]
    [TestCase("{} x", "not valid JSON")]
    [TestCase("{}", "8 bytes after the last tensor")]
    [TestCase("{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"x\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[8,8]}}", "names 'x' twice")]
    [TestCase("{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]}}", "tensor 'x': F32 [1] needs 4 bytes, data_offsets hold 8")]
    [TestCase("{\"x\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}", "cut off by 8 bytes")]
    [TestCase("{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", "leaves a gap before it")]
    [TestCase("{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"y\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", "tensor 'y': starts at data byte 4 and overlaps")]
    [TestCase("{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", "begin <= end")]
    [TestCase("{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}", "[begin, end]")]
    [TestCase("{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}}", "'data_offsets' holds something else")]
    [TestCase("{\"x\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", "'shape' holds something else")]
    [TestCase("{\"x\":{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}}", "'shape' holds something else")]
    [TestCase("{\"x\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,8]}}", "'shape' holds something else")]
    [TestCase("{\"x\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,8]}}", "63 bits")]
    [TestCase("{\"x\":{\"dtype\":\"F64\",\"shape\":[2305843009213693953],\"data_offsets\":[0,8]}}", "63 bits")]
    [TestCase("{\"x\":{\"dtype\":\"F31\",\"shape\":[2],\"data_offsets\":[0,8]}}", "dtype 'F31' is unknown")]
    [TestCase("{\"x\":{\"dtype\":\"11\",\"shape\":[2],\"data_offsets\":[0,8]}}", "dtype '11' is unknown")]
    [TestCase("{\"x\":{\"dtype\":7,\"shape\":[2],\"data_offsets\":[0,8]}}", "dtype is not a string")]
    [TestCase("{\"x\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", "'dtype' appears twice")]
    [TestCase("{\"x\":{\"shape\":[2],\"data_offsets\":[0,8]}}", "'dtype' is missing")]
    [TestCase("{\"x\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", "'shape' is missing")]
    [TestCase("{\"x\":{\"dtype\":\"F32\",\"shape\":[2]}}", "'data_offsets' is missing")]
    [TestCase("{\"x\":[]}", "entry is not an object")]
    [TestCase("{\"__metadata__\":{\"a\":1},\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", "metadata 'a' is not a string")]
    [TestCase("{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"},\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", "metadata 'a' appears twice")]
    [TestCase("{\"__metadata__\":3}", "__metadata__ is not an object")]
    [TestCase("{\"\\ud800\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", "not valid UTF-8")]
    public void Open_LyingHeader_IsNamed(string header, string expected)
    {
        string path = _folder["lie.safetensors"];
        byte[] json = Encoding.UTF8.GetBytes(header);
        File.WriteAllBytes(path, [.. BitConverter.GetBytes((long)json.Length), .. json, .. new byte[8]]);
        var error = Assert.Throws<DdoqException>(() => SafetensorsFile.Open(path).Dispose())!;
        Assert.Multiple(() =>
        {
            Assert.That(error.Message, Does.StartWith($"'{path}': ").And.Contain(expected));
            Assert.That(error.Hint, Is.Not.Null);
        });
    }

    [TestCase(0L, "does not start with '{'")]
    [TestCase(3L, "the file has 2 after the length")]
    [TestCase(100_000_001L, "the format allows 100000000")]
    [TestCase(-1L, "the format allows 100000000")]
    [TestCase(2L, null)]
    public void Open_HeaderLength(long length, string? expected)
    {
        string path = _folder["length.safetensors"];
        File.WriteAllBytes(path, [.. BitConverter.GetBytes(length), (byte)'{', (byte)'}']);
        if (expected is null)
            Assert.That(() => SafetensorsFile.Open(path).Dispose(), Throws.Nothing);
        else
            Assert.That(() => SafetensorsFile.Open(path).Dispose(), Throws.InstanceOf<DdoqException>().With.Message.Contain(expected));
    }

    [Test]
    public void Open_NoFileOrTooShort_IsNamed()
    {
        File.WriteAllBytes(_folder["empty"], []);
        Assert.Multiple(() =>
        {
            Assert.That(() => SafetensorsFile.Open(_folder["absent"]), Throws.InstanceOf<DdoqException>().With.Message.Contain("no such file"));
            Assert.That(() => SafetensorsFile.Open(_folder["empty"]), Throws.InstanceOf<DdoqException>().With.Message.Contain("has 0 bytes"));
            Assert.That(() => SafetensorsFile.Open(_folder.Path), Throws.InstanceOf<DdoqException>().With.Message.Contain("is a folder"));
        });
    }

    [Test]
    public void Open_DamagedAtRandom_IsAnErrorOrReadable_NeverAnythingElse()
    {
        byte[] whole = File.ReadAllBytes(WriteSample());
        int headerEnd = 8 + (int)BitConverter.ToInt64(whole);
        string path = _folder["fuzz.safetensors"];
        int refused = 0;
        for (uint variant = 0; variant < 4000; variant++)
        {
            File.WriteAllBytes(path, Damage(whole, headerEnd, variant));
            try
            {
                using SafetensorsFile file = SafetensorsFile.Open(path);
                float[] values = new float[8];
                foreach (SafetensorsTensor tensor in file.Tensors.Where(t => t.Type is SafetensorsType.F32 or SafetensorsType.F16 or SafetensorsType.F64))
                    file.ReadSingles(tensor.Name, 0, values.AsSpan(0, (int)Math.Min(8, tensor.ElementCount)));
            }
            catch (DdoqException)
            {
                refused++;
            }
            catch (Exception e)
            {
                Assert.Fail($"variant {variant}: {e}");
            }
        }

        Assert.That(refused, Is.InRange(1000, 3999), "most but not all damage is in what the format can notice");
    }

    [Test]
    public void GetSpan_Beyond2GiB_ReadsTheRightPlace()
    {
        // A sparse file: 2.5 G elements of one byte take no room on the disk.
        const long Count = 2_500_000_000;
        string path = _folder["sparse.safetensors"];
        using (SafetensorsWriter writer = SafetensorsWriter.Create(path, [("x", SafetensorsType.U8, [0])]))
            writer.Complete();
        byte[] json = Encoding.UTF8.GetBytes($"{{\"x\":{{\"dtype\":\"U8\",\"shape\":[{Count}],\"data_offsets\":[0,{Count}]}}}}");
        using (FileStream stream = new(path, FileMode.Create))
        {
            stream.Write([.. BitConverter.GetBytes((long)json.Length), .. json]);
            stream.SetLength(8 + json.Length + Count);
            stream.Position = stream.Length - 2;
            stream.Write([41, 42]);
        }

        using SafetensorsFile file = SafetensorsFile.Open(path);
        Assert.Multiple(() =>
        {
            Assert.That(file.GetSpan<byte>("x", Count - 3, 3).ToArray(), Is.EqualTo(new byte[] { 0, 41, 42 }));
            Assert.That(() => file.GetSpan<byte>("x").Length, Throws.InstanceOf<DdoqException>().With.Message.Contain("one span holds at most"));
        });
    }

    /// <summary>A copy with one to four damages: bits flipped, bytes replaced, a piece cut out, the end cut off or extended.</summary>
    internal static byte[] Damage(byte[] whole, int headerEnd, uint variant)
    {
        var random = new CounterRandom(20240607, CounterRandom.Stream(1, variant));
        byte[] bytes = [.. whole];
        int damages = 1 + random.NextInt32(4);
        for (int i = 0; i < damages && bytes.Length > 0; i++)
        {
            // Half of the damage goes to the header, which is the part that can lie.
            int place = random.NextInt32(random.NextInt32(2) == 0 ? Math.Min(headerEnd, bytes.Length) : bytes.Length);
            switch (random.NextInt32(6))
            {
                case 0:
                    bytes[place] ^= (byte)(1 << random.NextInt32(8));
                    break;
                case 1:
                    bytes[place] = (byte)random.NextInt32(256);
                    break;
                case 2:
                    bytes[place] = (byte)"0123456789{}[]\",:-"[random.NextInt32(18)];
                    break;
                case 3:
                    bytes = [.. bytes[..place], .. bytes[Math.Min(bytes.Length, place + 1 + random.NextInt32(9))..]];
                    break;
                case 4:
                    bytes = bytes[..place];
                    break;
                default:
                    bytes = [.. bytes, .. new byte[1 + random.NextInt32(9)]];
                    break;
            }
        }

        return bytes;
    }

    private string WriteSample()
    {
        string path = _folder["sample.safetensors"];
        using SafetensorsWriter writer = SafetensorsWriter.Create(
            path,
            [
                ("d", SafetensorsType.F64, [2]), ("l", SafetensorsType.I64, []), ("empty", SafetensorsType.F32, [3, 0, 7]),
                ("f", SafetensorsType.F32, [2, 2]), ("i", SafetensorsType.I32, [1]), ("h", SafetensorsType.F16, [3]),
                ("b", SafetensorsType.BF16, [1]), ("s", SafetensorsType.I16, [2]), ("u8", SafetensorsType.U8, [1]),
                ("i8", SafetensorsType.I8, [1]), ("yes", SafetensorsType.BOOL, [2]),
            ],
            new Dictionary<string, string> { ["z"] = "größe \"x\" \n", ["a"] = "first" });
        writer.Append<float>("f", [1, 2]);
        writer.Append<double>("d", [1.5, -2]);
        writer.Append<long>("l", [long.MinValue]);
        writer.Append<float>("empty", []);
        writer.Append<float>("f", [3, 4]);
        writer.Append<int>("i", [-7]);
        writer.Append<Half>("h", [(Half)0.25f, (Half)(-65504f), (Half)0]);
        writer.Append<ushort>("b", [0x3FC0]);
        writer.Append<short>("s", [-1, 300]);
        writer.Append<byte>("u8", [255]);
        writer.Append<sbyte>("i8", [-128]);
        writer.Append<bool>("yes", [true, false]);
        writer.Complete();
        return path;
    }
}
