using Ddoq.Latents;
using Ddoq.Tests.Storage;

namespace Ddoq.Tests.Latents;

/// <summary>What a store keeps in memory, and what happens to files that change under it.</summary>
public class LatentStoreResidenceTests
{
    private static readonly LatentStoreInfo s_info = new() { Shape = new LatentShape(4, 32, 32), ClassNames = ["a", "b", "c", "d"] };
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void SetUp() => _folder = new TemporaryFolder();

    [TearDown]
    public void TearDown() => _folder.Dispose();

    [Test]
    public void Release_TakesAClassOutOfResidentMemory_AndItsRowsStayReadable()
    {
        if (!OperatingSystem.IsLinux())
            Assert.Ignore("resident pages are read from /proc");
        const int Rows = 512;
        Write(Rows, rowsPerShard: 4 * Rows, row => row / Rows);
        using LatentStore store = LatentStore.Open(_folder.Path);
        for (int c = 0; c < 4; c++)
        {
            store.Prefetch(c);
            Assert.That(store.TryGetRows(c, out ReadOnlySpan<Half> rows));
            long used = ResidentFileBytes();
            Assert.That(used, Is.GreaterThan(Rows * 8192L), "the check has touched every page");
            store.Release(c);
            Assert.That(ResidentFileBytes(), Is.LessThan(1 << 20));
            Assert.That((float)rows[(3 * 4096) + 5], Is.EqualTo(Value((c * Rows) + 3)));
            store.Release(c);
        }

        store.EnsureFinite();
        Assert.That(ResidentFileBytes(), Is.LessThan(1 << 20), "a pass over everything leaves nothing");
    }

    [Test]
    public void ScatteredClass_IsReadWithoutMappingPages()
    {
        if (!OperatingSystem.IsLinux())
            Assert.Ignore("resident pages are read from /proc");
        Write(1024, rowsPerShard: 300, row => row % 4);
        using LatentStore store = LatentStore.Open(_folder.Path);
        Half[] rows = new Half[256 * 4096];
        for (int c = 0; c < 4; c++)
        {
            store.Prefetch(c);
            Assert.That(store.TryGetRows(c, out _), Is.False);
            store.ReadRows(c, 0, rows.AsSpan());
            for (int i = 0; i < 256; i++)
                Assert.That((float)rows[i * 4096], Is.EqualTo(Value((i * 4) + c)));
            store.Release(c);
        }

        Assert.That(ResidentFileBytes(), Is.LessThan(1 << 20));
    }

    [TestCase(true)]
    [TestCase(false)]
    public void ShardCutWhileOpen_IsNamed_OnTheNextRead(bool contiguous)
    {
        Write(64, rowsPerShard: 32, row => contiguous ? row / 16 : row % 4);
        using LatentStore store = LatentStore.Open(_folder.Path);
        string second = _folder["latents-00002-of-00002.safetensors"];
        using (FileStream stream = File.Open(second, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            stream.SetLength(stream.Length - 40_000);
        Half[] rows = new Half[16 * 4096];
        Assert.Multiple(() =>
        {
            Assert.That(() => store.ReadRows(3, 0, rows.AsSpan()), Throws.InstanceOf<DdoqException>().With.Message.Contain("latents-00002-of-00002.safetensors': the file was cut"));
            Assert.That(() => store.TryGetRows(3, out _), contiguous ? Throws.InstanceOf<DdoqException>().With.Message.Contain("was cut") : Throws.Nothing);
            Assert.That(() => store.ReadRow(40, rows.AsSpan(0, 4096)), Throws.InstanceOf<DdoqException>().With.Message.Contain("was cut"));
        });
    }

    [Test]
    public void ShardRemovedWhileOpen_StaysReadable()
    {
        // The open file keeps its content; only opening it anew fails.
        Write(64, rowsPerShard: 32, row => row % 4);
        using LatentStore store = LatentStore.Open(_folder.Path);
        File.Delete(_folder["latents-00002-of-00002.safetensors"]);
        Half[] rows = new Half[16 * 4096];
        Assert.That(() => store.ReadRows(3, 0, rows.AsSpan()), Throws.Nothing);
        Assert.That((float)rows[15 * 4096], Is.EqualTo(Value(63)));
        Assert.That(() => LatentStore.Open(_folder.Path), Throws.InstanceOf<DdoqException>().With.Message.Contain("latents-00002-of-00002.safetensors' is missing"));
    }

    private static float Value(int row) => row % 1000;

    private void Write(int rowCount, int rowsPerShard, Func<int, int> label)
    {
        int total = rowsPerShard > rowCount ? rowsPerShard : rowCount;
        using LatentStoreWriter writer = LatentStoreWriter.Open(_folder.Path, s_info, total, rowsPerShard);
        var values = new Half[4096];
        for (int row = 0; row < total; row++)
        {
            Array.Fill(values, (Half)Value(row));
            writer.Append(values, [label(row)]);
        }

        writer.Complete();
    }

    // Pages of the store's files in this process, by the kernel's own count.
    private long ResidentFileBytes()
    {
        long bytes = 0;
        bool mine = false;
        foreach (string line in File.ReadLines("/proc/self/smaps"))
        {
            if (line.Contains(_folder.Path, StringComparison.Ordinal))
                mine = true;
            else if (mine && line.StartsWith("Rss:", StringComparison.Ordinal))
                bytes += 1024 * long.Parse(line.AsSpan(4, line.Length - 7), System.Globalization.CultureInfo.InvariantCulture);
            else if (line.StartsWith("VmFlags:", StringComparison.Ordinal))
                mine = false;
        }

        return bytes;
    }
}
