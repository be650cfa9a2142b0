using Ddoq.Latents;
using Ddoq.Numerics;

namespace Ddoq.Tests.Latents;

/// <summary>Stores of random rows for tests, and their comparison with the same rows in memory.</summary>
internal static class StoreFixture
{
    public static readonly LatentStoreInfo Info = new()
    {
        Shape = new LatentShape(3, 2, 1),
        ClassNames = ["tench", "goldfish, Carassius auratus", "größe/\"x\""],
        EncoderHash = "abc",
        ScalingFactor = 0.18215,
        ImageSize = 256,
        Kind = LatentKind.Sample,
        Extra = new Dictionary<string, string> { ["dataset"] = "test" },
    };

    public static (Half[] Values, int[] Labels) Rows(int count, LatentStoreInfo info)
    {
        var random = new CounterRandom(5, (ulong)count);
        Half[] values = new Half[count * info.Shape.Length];
        for (int i = 0; i < values.Length; i++)
            values[i] = (Half)random.NextGaussian();
        int[] labels = new int[count];
        for (int i = 0; i < count; i++)
            labels[i] = random.NextInt32(info.ClassNames.Count);
        return (values, labels);
    }

    public static void Write(string folder, LatentStoreInfo info, Half[] values, int[] labels, int rowsPerShard)
    {
        using LatentStoreWriter writer = LatentStoreWriter.Open(folder, info, labels.Length, rowsPerShard);
        int d = info.Shape.Length;

        // Pieces of uneven size, so that shard borders fall inside them.
        for (int start = 0, size = 1; start < labels.Length; start += size, size = (size * 2) + 1)
        {
            size = Math.Min(size, labels.Length - start);
            writer.Append(values.AsSpan(start * d, size * d), labels.AsSpan(start, size));
        }

        writer.Complete();
    }

    public static InMemoryLatents Reference(LatentStoreInfo info, Half[] values, int[] labels) =>
        InMemoryLatents.FromRows(info.Shape, info.ClassNames, [.. values.Select(v => (float)v)], labels);

    public static void AssertSame(LatentStore source, InMemoryLatents reference)
    {
        Assert.That(source.Shape, Is.EqualTo(reference.Shape));
        Assert.That(source.ClassNames, Is.EqualTo(reference.ClassNames));
        for (int c = 0; c < reference.ClassNames.Count; c++)
            AssertSameClass(source, reference, c);
    }

    public static void AssertSameClass(LatentStore source, InMemoryLatents reference, int classIndex)
    {
        int n = reference.RowCount(classIndex), d = reference.Shape.Length;
        Assert.That(source.RowCount(classIndex), Is.EqualTo(n));
        reference.TryGetRows(classIndex, out ReadOnlySpan<Half> expected);
        Half[] all = new Half[n * d];
        source.ReadRows(classIndex, 0, all);
        Assert.That(all, Is.EqualTo(expected.ToArray()));
        if (source.TryGetRows(classIndex, out ReadOnlySpan<Half> inPlace))
            Assert.That(inPlace.ToArray(), Is.EqualTo(all));
        for (int first = 0; first < n; first += 3)
        {
            Half[] window = new Half[Math.Min(2, n - first) * d];
            source.ReadRows(classIndex, first, window);
            Assert.That(window, Is.EqualTo(all[(first * d)..((first * d) + window.Length)]));
        }
    }
}
