namespace Ddoq.Imaging.Tests;

public sealed class PlanarRgbTests
{
    [TestCase(0), TestCase(1), TestCase(7), TestCase(16), TestCase(33), TestCase(443)]
    public void Interleaving_GoesBothWays(int pixels)
    {
        byte[] interleaved = TestData.RandomBytes(3 * pixels, 2), planar = new byte[3 * pixels], back = new byte[3 * pixels];
        PlanarRgb.FromInterleaved(interleaved, planar);
        PlanarRgb.ToInterleaved(planar, back);
        Assert.Multiple(() =>
        {
            Assert.That(planar, Is.EqualTo(Enumerable.Range(0, 3 * pixels).Select(i => interleaved[3 * (i % pixels) + i / pixels])));
            Assert.That(back, Is.EqualTo(interleaved));
        });
    }

    [Test]
    public void GreyLevels_SurviveRgbAndBack()
    {
        byte[] grey = [.. Enumerable.Range(0, 256).Select(i => (byte)i)], back = new byte[256];
        PlanarRgb.ToGrey([.. grey, .. grey, .. grey], back);
        Assert.That(back, Is.EqualTo(grey));
    }

    [TestCase(255, 0, 0, 76), TestCase(0, 255, 0, 150), TestCase(0, 0, 255, 29), TestCase(255, 255, 0, 226), TestCase(12, 200, 99, 132)]
    public void ToGrey_IsLuma(int red, int green, int blue, int luma)
    {
        byte[] grey = new byte[1];
        PlanarRgb.ToGrey([(byte)red, (byte)green, (byte)blue], grey);
        Assert.That(grey[0], Is.EqualTo(luma));
    }

    [Test]
    public void LengthsMustAgree() => Assert.Multiple(() =>
    {
        Assert.Throws<ArgumentException>(() => PlanarRgb.FromInterleaved(new byte[6], new byte[3]));
        Assert.Throws<ArgumentException>(() => PlanarRgb.ToInterleaved(new byte[4], new byte[4]));
        Assert.Throws<ArgumentException>(() => PlanarRgb.ToGrey(new byte[6], new byte[3]));
    });
}
