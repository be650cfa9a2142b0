using Ddoq.Latents;
using Ddoq.Tests.Storage;

namespace Ddoq.Tests.Latents;

public class LatentStoreHashTests
{
    private static readonly LatentStoreInfo s_info = new() { Shape = new LatentShape(4, 4, 4), ClassNames = ["a", "b"] };
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void SetUp() => _folder = new TemporaryFolder();

    [TearDown]
    public void TearDown() => _folder.Dispose();

    [Test]
    public void SampleHash_FollowsContent_NotPlace()
    {
        string reference = Hash("one", s_info);
        Assert.Multiple(() =>
        {
            Assert.That(Hash("two", s_info), Is.EqualTo(reference), "another folder");
            Assert.That(Hash("names", s_info with { ClassNames = ["a", "c"] }), Is.Not.EqualTo(reference));
            Assert.That(Hash("shape", s_info with { Shape = new LatentShape(4, 2, 8) }), Is.Not.EqualTo(reference));
            Assert.That(Hash("label", s_info, changedLabel: 39), Is.Not.EqualTo(reference));
            Assert.That(Hash("first", s_info, changedRow: 0), Is.Not.EqualTo(reference));
            Assert.That(Hash("last", s_info, changedRow: 39), Is.Not.EqualTo(reference), "a small store is sampled everywhere");
            Assert.That(Hash("shards", s_info, rowsPerShard: 30), Is.Not.EqualTo(reference));
        });
    }

    private string Hash(string name, LatentStoreInfo info, int changedLabel = -1, int changedRow = -1, int rowsPerShard = 20)
    {
        using (LatentStoreWriter writer = LatentStoreWriter.Open(_folder[name], info, 40, rowsPerShard))
        {
            for (int row = 0; row < 40; row++)
            {
                var values = new float[64];
                Array.Fill(values, row == changedRow ? 100 : row);
                writer.Append(values, [row == changedLabel ? 1 - (row % 2) : row % 2]);
            }

            writer.Complete();
        }

        using LatentStore store = LatentStore.Open(_folder[name]);
        return store.ComputeSampleHash();
    }
}
