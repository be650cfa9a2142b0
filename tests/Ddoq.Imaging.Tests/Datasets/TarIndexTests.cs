using System.Diagnostics;

namespace Ddoq.Imaging.Tests;

/// <summary>Every byte of an archive is accounted for: what is damaged is an error with its place, whatever GNU tar makes of it.</summary>
public sealed class TarIndexTests
{
    private const int Block = 512;

    // Three members of one block each: headers at 0, 1024 and 2048, the end mark at 3072.
    private static byte[] Three(TemporaryFolder folder)
    {
        string path = folder["good.tar"];
        ImageNetTests.Tar(path, ("1.png", new byte[] { 1 }), ("2.png", new byte[] { 2 }), ("3.png", new byte[] { 3 }));
        return File.ReadAllBytes(path)[..(3072 + 2 * Block)];
    }

    [Test]
    public void DamageIsAnErrorWithItsPlace()
    {
        using var folder = new TemporaryFolder();
        byte[] good = Three(folder), zeroed = [.. good], flipped = [.. good], size = [.. good];
        zeroed.AsSpan(1024, Block).Clear();
        flipped[1024 + 3] ^= 4;
        "9"u8.CopyTo(size.AsSpan(1024 + 130));
        Expect(zeroed, "byte 1024", "zeros in place of a header behind 1.png", "byte 1536");
        Expect(flipped, "byte 1024", "checksum", "behind 1.png");
        Expect(size, "byte 1024", "checksum");
        Expect([.. good, .. good], "byte 3072", "data from byte 4096");
        Expect(good[..3072], "no end mark", "behind 3.png at byte 3072");
        Expect(good[..(3072 + Block)], "end mark", "byte 3072");
        Expect(good[..2500], "truncated", "byte 2048");
        Expect(good[..1030], "truncated", "byte 1024");
        Expect(good[..1025], "truncated", "byte 1024");
        Expect([0x1F, 0x8B, .. good], "compressed by gzip");
        byte[] sum = [.. good];
        sum.AsSpan(148, 8).Fill(0xFF);
        sum[148] = 0x80;
        Expect(sum, "checksum");

        void Expect(byte[] content, params string[] words)
        {
            File.WriteAllBytes(folder["bad.tar"], content);
            TestData.AssertMessage(Assert.Throws<DdoqException>(() => Names(folder["bad.tar"])), ["bad.tar", .. words]);
        }
    }

    [Test]
    public void LinksAndSparseFiles_AreRefusedByName()
    {
        if (!File.Exists("/usr/bin/tar") && !File.Exists("/bin/tar"))
            Assert.Ignore("tar is not there");
        using var folder = new TemporaryFolder();
        using (FileStream file = File.Create(folder["in/hole.png"]))
        {
            file.SetLength(1 << 20);
            file.Position = 1 << 19;
            file.WriteByte(1);
        }

        foreach (string format in new[] { "gnu", "pax" })
        {
            Pack(folder, $"--format={format}", "--sparse");
            DdoqException? error = Assert.Throws<DdoqException>(() => Names(folder["a.tar"]));
            TestData.AssertMessage(error, "hole.png", "sparse");
            Assert.That(error!.Hint, Does.Contain("--sparse").And.Not.Contain("fetch"));
        }

        File.CreateSymbolicLink(folder["in/link.png"], "hole.png");
        Pack(folder, "--format=gnu");
        TestData.AssertMessage(Assert.Throws<DdoqException>(() => Names(folder["a.tar"])), "link.png is a link to hole.png");
    }

    // Names beyond the header's field: GNU tar's long names, the prefix of ustar, the path of pax.
    [Test]
    public void LongNames_AreThoseThatWerePacked([Values("gnu", "ustar", "pax", "v7")] string format)
    {
        if (!File.Exists("/usr/bin/tar") && !File.Exists("/bin/tar"))
            Assert.Ignore("tar is not there");
        using var folder = new TemporaryFolder();
        string deep = string.Join('/', Enumerable.Repeat("folder", 16));
        string[] names = format == "v7" ? ["a/1.png"] : [$"{deep}/1.png", $"{deep}/ä.png", .. format == "ustar" ? Array.Empty<string>() : [new string('n', 180) + ".png"]];
        foreach (string name in names)
            File.WriteAllText(folder[$"in/{name}"], name);
        Pack(folder, $"--format={format}");
        Assert.That(Names(folder["a.tar"]), Is.EquivalentTo(names));
        foreach (TarMember member in TarIndex.Members(folder["a.tar"]))
            Assert.That(File.ReadAllBytes(folder["a.tar"]).AsSpan((int)member.Offset, member.Length).ToArray(), Is.EqualTo(System.Text.Encoding.UTF8.GetBytes(member.Name)));
    }

    [Test]
    public void NamesThatAreNotUtf8_StayDifferent()
    {
        using var folder = new TemporaryFolder();
        byte[] archive = Three(folder);
        foreach ((int at, byte letter) in new[] { (0, (byte)0xE9), (1024, (byte)0xE8) })
        {
            archive[at] = letter;
            archive.AsSpan(at + 148, 8).Fill((byte)' ');
            int sum = 0;
            foreach (byte value in archive.AsSpan(at, Block))
                sum += value;
            System.Text.Encoding.ASCII.GetBytes(Convert.ToString(sum, 8).PadLeft(6, '0') + "\0 ").CopyTo(archive, at + 148);
        }

        File.WriteAllBytes(folder["a.tar"], archive);
        Assert.That(Names(folder["a.tar"]), Is.EqualTo(new[] { "é.png", "è.png", "3.png" }));
    }

    private static string[] Names(string path) => [.. TarIndex.Members(path).Select(member => member.Name)];

    private static void Pack(TemporaryFolder folder, params string[] options)
    {
        using Process process = Process.Start("tar", [.. options, "-cf", folder["a.tar"], "-C", folder["in/x"][..^2], "."]);
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero);
    }
}
