using Ddoq.Numerics;
using Ddoq.Training.Runtime;

namespace Ddoq.Training.Tests.Runtime;

public sealed class ElfImageTests
{
    [Test]
    public void ReadVersionNeeds_TwoLibraries_GivesEveryEntryInOrder()
    {
        var image = new ElfImage(Sample(), "sample.so");

        Assert.That(
            image.ReadVersionNeeds().Select(need => (need.Library, need.Version, need.Flags, need.Index)),
            Is.EqualTo(new[]
            {
                ("libc.so.6", "GLIBC_2.34", (ushort)0, (ushort)2),
                ("libstdc++.so.6", "GLIBCXX_3.4.11", (ushort)0, (ushort)3),
                ("libstdc++.so.6", "GLIBCXX_3.4.32", (ushort)2, (ushort)4),
            }));
    }

    [Test]
    public void ReadVersionNeeds_FlagsOffset_PointsAtTheFlags()
    {
        byte[] bytes = Sample();
        SymbolVersionNeed need = new ElfImage(bytes, "sample.so").ReadVersionNeeds()[1];

        bytes[need.FlagsOffset] = 2;

        Assert.That(new ElfImage(bytes, "sample.so").ReadVersionNeeds()[1].Flags, Is.EqualTo(2));
    }

    [Test]
    public void ReadVersionDefinitions_LeavesOutTheLibrarysOwnName()
    {
        var image = new ElfImage(Sample(), "sample.so");

        Assert.That(image.ReadVersionDefinitions(), Is.EquivalentTo(new[] { "SAMPLE_1", "SAMPLE_2" }));
    }

    [Test]
    public void ReadRelocatedSymbols_LeavesOutSymbolsWithoutRelocation()
    {
        var image = new ElfImage(Sample(), "sample.so");

        Assert.That(
            image.ReadRelocatedSymbols().Select(symbol => (symbol.Name, symbol.VersionIndex)),
            Is.EqualTo(new[] { ("used", (ushort)3) }));
    }

    [Test]
    public void Reading_AnyTruncation_IsRefusedOrCompleteButNeverCrashes()
    {
        byte[] whole = Sample();
        for (int length = 0; length < whole.Length; length++)
            Assert.That(() => ReadEverything(whole[..length]), Throws.TypeOf<DdoqException>(), $"{length} bytes");
    }

    [Test]
    public void Reading_DamagedBytes_IsRefusedOrReadButNeverCrashes()
    {
        byte[] whole = Sample();
        var random = new CounterRandom(17, 0);
        for (int attempt = 0; attempt < 20_000; attempt++)
        {
            byte[] damaged = [.. whole];
            int changes = 1 + random.NextInt32(3);
            for (int i = 0; i < changes; i++)
                damaged[random.NextInt32(damaged.Length)] = (byte)random.NextUInt32();
            try
            {
                ReadEverything(damaged);
            }
            catch (DdoqException)
            {
                // A refusal is as good as an answer; anything else fails the test.
            }
        }
    }

    [Test]
    public void Reading_AnotherFormat_NamesFileAndFinding()
    {
        Assert.That(
            () => new ElfImage(new byte[100], "archive.so"),
            Throws.TypeOf<DdoqException>().With.Message.Contains("archive.so").And.Message.Contains("ELF header"));
    }

    internal static byte[] Sample() => new ElfBuilder()
        .Needs("libc.so.6", ("GLIBC_2.34", 0, 2))
        .Needs("libstdc++.so.6", ("GLIBCXX_3.4.11", 0, 3), ("GLIBCXX_3.4.32", 2, 4))
        .Defines("sample.so", flags: 1)
        .Defines("SAMPLE_1")
        .Defines("SAMPLE_2")
        .Symbol("used", 3, relocations: 2)
        .Symbol("unused", 4, relocations: 0)
        .Build();

    private static void ReadEverything(byte[] bytes)
    {
        var image = new ElfImage(bytes, "sample.so");
        image.ReadVersionNeeds();
        image.ReadVersionDefinitions();
        image.ReadRelocatedSymbols();
    }
}
