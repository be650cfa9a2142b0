using System.Runtime.InteropServices;
using Ddoq.Latents;
using Ddoq.Numerics;
using Ddoq.Storage;
using Ddoq.Tests.Storage;

namespace Ddoq.Tests.Latents;

/// <summary>Stores of bfloat16 and single-precision latents, as other tools write them.</summary>
public class LatentElementTypeTests
{
    private const int Dimension = 6;
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void SetUp() => _folder = new TemporaryFolder();

    [TearDown]
    public void TearDown() => _folder.Dispose();

    [Test]
    public void Rows_ComeExact_AsSingles_AndRoundedAsHalves([Values] LatentElementType type, [Values] bool mixed)
    {
        float[] values = Representable(20 * Dimension, type);
        int[] labels = [.. Enumerable.Range(0, 20).Select(row => mixed ? row % 2 : row / 10)];
        using LatentStore store = LatentStore.Open(Write(values, labels, type));
        for (int c = 0; c < 2; c++)
        {
            float[] expected = [.. Enumerable.Range(0, 20).Where(row => labels[row] == c).SelectMany(row => values[(row * Dimension)..((row + 1) * Dimension)])];
            var singles = new float[expected.Length - Dimension];
            var halves = new Half[singles.Length];
            store.ReadRows(c, 1, singles.AsSpan());
            store.ReadRows(c, 1, halves.AsSpan());
            bool inPlace = store.TryGetRowBytes(c, out ReadOnlySpan<byte> bytes);
            bool inPlaceHalves = store.TryGetRows(c, out _);
            var first = new Half[Dimension];
            store.ReadRow(store.GlobalRow(c, 1), first);
            byte[] stored = Stored(expected, type), copied = new byte[stored.Length], mapped = bytes.ToArray();
            store.ReadRowBytes(c, 0, copied);
            Assert.Multiple(() =>
            {
                Assert.That(store.ElementType, Is.EqualTo(type));
                Assert.That(singles, Is.EqualTo(expected[Dimension..]));
                Assert.That(halves, Is.EqualTo(expected[Dimension..].Select(value => (Half)value)));
                Assert.That(first, Is.EqualTo(halves[..Dimension]));
                Assert.That(copied, Is.EqualTo(stored));
                Assert.That(inPlace, Is.EqualTo(!mixed));
                Assert.That(inPlaceHalves, Is.EqualTo(!mixed && type == LatentElementType.F16));
                Assert.That(mapped, Is.EqualTo(mixed ? [] : stored));
            });
        }
    }

    [TestCase(LatentElementType.BF16, float.NaN, "NaN")]
    [TestCase(LatentElementType.BF16, float.NegativeInfinity, "-Infinity")]
    [TestCase(LatentElementType.BF16, -1.1e14f, "-1.0995116E+14")]
    [TestCase(LatentElementType.F32, float.NaN, "NaN")]
    [TestCase(LatentElementType.F32, float.PositiveInfinity, "Infinity")]
    [TestCase(LatentElementType.F32, -1.001e14f, "-1.001E+14")]
    public void UnusableValue_IsNamed_WithFileRowAndClass(LatentElementType type, float value, string shown)
    {
        float[] values = Representable(20 * Dimension, type);
        values[(13 * Dimension) + 4] = value;
        using LatentStore store = LatentStore.Open(Write(values, [.. Enumerable.Range(0, 20).Select(row => row / 10)], type));
        var buffer = new float[Dimension];
        Assert.Multiple(() =>
        {
            Assert.That(() => store.ReadRows(1, 3, buffer.AsSpan()), Throws.InstanceOf<DdoqException>().With.Message.Contain($"row 13 (class 1 'b') holds {shown}").And.Message.Contain("at value 4"));
            Assert.That(() => store.TryGetRowBytes(1, out _), Throws.InstanceOf<DdoqException>().With.Message.Contain("row 13"));
            Assert.That(() => store.EnsureFinite(), Throws.InstanceOf<DdoqException>().With.Message.Contain("row 13"));
            Assert.That(() => store.ReadRows(1, 2, buffer.AsSpan()), Throws.Nothing);
        });
    }

    [Test]
    public void ValueBeyondHalf_IsReadAsSingle_AndRefusedAsHalf()
    {
        float[] values = Representable(4 * Dimension, LatentElementType.F32);
        values[(2 * Dimension) + 1] = 1e14f;
        using LatentStore store = LatentStore.Open(Write(values, [0, 1, 1, 0], LatentElementType.F32));
        var singles = new float[2 * Dimension];
        store.ReadRows(1, 0, singles.AsSpan());
        Assert.Multiple(() =>
        {
            Assert.That(singles[Dimension + 1], Is.EqualTo(1e14f));
            Assert.That(() => store.ReadRows(1, 0, new Half[2 * Dimension]), Throws.InstanceOf<DdoqException>().With.Message.Contain("row 2 (class 1 'b')"));
            Assert.That(() => store.ReadRow(2, new Half[Dimension]), Throws.InstanceOf<DdoqException>().With.Message.Contain("row 2 (class 1 'b')"));
        });
    }

    [Test]
    public void ShardsOfTwoTypes_AreRefused()
    {
        float[] values = Representable(2 * Dimension, LatentElementType.BF16);
        Write(values, [0, 1], LatentElementType.F16, "one.safetensors");
        Write(values, [0, 1], LatentElementType.BF16, "two.safetensors");
        File.WriteAllText(_folder["latents.safetensors.index.json"], """{"shards":[{"file":"one.safetensors"},{"file":"two.safetensors"}]}""");
        Assert.That(() => LatentStore.Open(_folder.Path), Throws.InstanceOf<DdoqException>().With.Message.Contain("two.safetensors': latents is 'BF16', the first shard has 'F16'"));
    }

    private string Write(float[] values, int[] labels, LatentElementType type, string name = "latents.safetensors")
    {
        var metadata = new Dictionary<string, string> { ["class_names"] = "[\"a\",\"b\"]" };
        SafetensorsType stored = Enum.Parse<SafetensorsType>(type.ToString());
        using SafetensorsWriter writer = SafetensorsWriter.Create(
            _folder[name], [("latents", stored, [labels.Length, 1, 2, 3]), ("labels", SafetensorsType.I32, [labels.Length])], metadata);
        byte[] bytes = Stored(values, type);
        switch (type)
        {
            case LatentElementType.F16:
                writer.Append("latents", MemoryMarshal.Cast<byte, Half>(bytes));
                break;
            case LatentElementType.BF16:
                writer.Append("latents", MemoryMarshal.Cast<byte, ushort>(bytes));
                break;
            default:
                writer.Append("latents", MemoryMarshal.Cast<byte, float>(bytes));
                break;
        }

        writer.Append<int>("labels", labels);
        writer.Complete();
        return _folder[name];
    }

    // Gaussian values cut to the digits of the type, so that storing them loses nothing.
    private static float[] Representable(int count, LatentElementType type)
    {
        var random = new CounterRandom(11, (ulong)type);
        var values = new float[count];
        random.FillGaussian(values);
        return type switch
        {
            LatentElementType.F16 => [.. values.Select(value => (float)(Half)value)],
            LatentElementType.BF16 => [.. values.Select(value => BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(value) & ~0xFFFF))],
            _ => values,
        };
    }

    private static byte[] Stored(float[] values, LatentElementType type) => type switch
    {
        LatentElementType.F16 => [.. values.SelectMany(value => BitConverter.GetBytes((Half)value))],
        LatentElementType.BF16 => [.. values.SelectMany(value => BitConverter.GetBytes((ushort)(BitConverter.SingleToInt32Bits(value) >> 16)))],
        _ => [.. values.SelectMany(BitConverter.GetBytes)],
    };
}
