using System.Text;
using CsCheck;
using Ddoq.Distilled;

namespace Ddoq.Tests.Distilled;

public class ClassFoldersTests
{
    // Few code points, so that texts often have a beginning in common.
    private static readonly string[] s_parts = ["a", "b", "\u00E9", "\uE000", "\uFB00", "\uFF5E", "\U00010000", "\U0001F600", "\U0001F601", "\U0010FFFD"];
    private static readonly Gen<string> s_names = Gen.Int[0, s_parts.Length - 1].Select(i => s_parts[i]).Array[0, 5].Select(string.Concat);

    [TestCase("n01440764", "n01440764")]
    [TestCase("tench, Tinca tinca", "tench, Tinca tinca")]
    [TestCase("größe", "größe")]
    [TestCase("T-shirt/top", "T-shirt_top")]
    [TestCase("a\\b:c*d?e\"f<g>h|i", "a_b_c_d_e_f_g_h_i")]
    [TestCase("  x. . ", "x")]
    [TestCase("..", "_")]
    [TestCase("../../etc", "_._.._etc")]
    [TestCase(".hidden", "_hidden")]
    [TestCase("", "_")]
    [TestCase(" ", "_")]
    [TestCase("a\0b\nc", "a_b_c")]
    [TestCase("con", "_con")]
    [TestCase("COM1.txt", "_COM1.txt")]
    [TestCase("nul .x", "_nul .x")]
    [TestCase("console", "console")]
    [TestCase("Metadata.jsonl", "_Metadata.jsonl")]
    public void For_FollowsTheRule_AndIsIdempotent(string name, string folder)
    {
        Assert.That(ClassFolderName.For(name), Is.EqualTo(folder));
        Assert.That(ClassFolderName.For(folder), Is.EqualTo(folder));
    }

    [Test]
    public void For_BrokenSurrogate_IsReplaced() => Assert.That(ClassFolderName.For("x\ud800y\udc00"), Is.EqualTo("x_y_"));

    [TestCase(200, false)]
    [TestCase(201, true)]
    [TestCase(5000, true)]
    public void For_LongNames_AreCut_AndStayApart(int length, bool cut)
    {
        string name = new('a', length), other = name[..^1] + "b", wide = string.Concat(Enumerable.Repeat("😀", length));
        string folder = ClassFolderName.For(name);
        Assert.Multiple(() =>
        {
            Assert.That(folder == name, Is.Not.EqualTo(cut));
            Assert.That(Encoding.UTF8.GetByteCount(folder), Is.AtMost(200));
            Assert.That(ClassFolderName.For(other), Is.Not.EqualTo(folder));
            Assert.That(ClassFolderName.For(folder), Is.EqualTo(folder));
            Assert.That(Encoding.UTF8.GetByteCount(ClassFolderName.For(wide)), Is.AtMost(200));
            Assert.That(ClassFolderName.For(wide), Does.Match("^(😀)+-[0-9a-f]{8}$"));
        });
    }

    [Test]
    public void Names_Collisions_LeaveSafeNamesAlone()
    {
        var folders = new ClassFolders(["a/b", "a_b", "a:b", "A_B", "a_b_2", "c"]);
        Assert.That(folders.Names, Is.EqualTo(new[] { "a_b_3", "a_b", "a_b_4", "A_B_5", "a_b_2", "c" }));
        Assert.That(folders.Names.Distinct(StringComparer.OrdinalIgnoreCase).Count(), Is.EqualTo(6));
    }

    [Test]
    public void ImageFolderIndex_SortedLabels_Match()
    {
        var folders = new ClassFolders(["n01", "n02", "n10"]);
        Assert.Multiple(() =>
        {
            Assert.That(folders.Warning, Is.Null);
            Assert.That(folders.Warning, Is.Null);
        });
    }

    [Test]
    public void ImageFolderIndex_OtherOrders_WarnAndNameTheClass()
    {
        // Unpadded numbers sort 0, 1, 10, 2; upper case sorts before lower case.
        var numbers = new ClassFolders([.. Enumerable.Range(0, 11).Select(i => $"{i}")]);
        var cases = new ClassFolders(["apple", "Zebra"]);
        Assert.Multiple(() =>
        {
            Assert.That(numbers.Warning, Is.Not.Null);
            Assert.That(numbers.Warning, Does.Contain("class '2' the number 3, its label is 2").And.Contain("train/metadata.jsonl"));
            Assert.That(cases.Warning, Does.Contain("class 'apple' the number 1, its label is 0"));
        });
    }

    [Test]
    public void ImageFolderIndex_ClassWithoutImages_HasNoFolder_AndMovesTheRest()
    {
        var folders = new ClassFolders(["a", "b", "c"], [3, 0, 3]);
        Assert.Multiple(() =>
        {
            Assert.That(folders.Warning, Does.Contain("class 'c' the number 1, its label is 2"));
            Assert.That(new ClassFolders(["a", "b", "c"], [3, 3, 0]).Warning, Is.Null);
        });
    }

    [Test]
    public void Order_IsByCodePoint_NotByUtf16()
    {
        // U+FF5E is one unit above the surrogates that encode U+1F600.
        var folders = new ClassFolders(["\uFF5E", "😀"]);
        Assert.That(folders.Warning, Is.Null);
        Assert.That(string.CompareOrdinal("\uFF5E", "😀"), Is.Positive, "UTF-16 order is the other way round");
    }

    [Test]
    public void CodePointOrder_IsThatOfUtf8Bytes() =>
        Gen.Select(s_names, s_names).Sample((a, b) =>
            Math.Sign(CodePointOrder.Instance.Compare(a, b)) == Math.Sign(Encoding.UTF8.GetBytes(a).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(b))));

    [TestCase(1, "x/00.png", 0)]
    [TestCase(10, "x/09.png", 9)]
    [TestCase(100, "x/07.png", 7)]
    [TestCase(101, "x/007.png", 7)]
    [TestCase(1001, "x/1000.png", 1000)]
    public void FileName_IsPadded(int perClass, string expected, int prototype)
    {
        var folders = new ClassFolders(["x"]);
        Assert.That(folders.FileName(0, prototype, perClass), Is.EqualTo(expected));
        Assert.That(() => folders.FileName(0, perClass, perClass), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }
}
