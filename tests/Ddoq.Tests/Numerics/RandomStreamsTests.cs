using Ddoq.Numerics;

namespace Ddoq.Tests.Numerics;

public class RandomStreamsTests
{
    // Results that were published are drawn from these: the table in docs/architecture.md.
    [Test]
    public void Streams_KeepTheirPublishedValues() => Assert.Multiple(() =>
    {
        Assert.That(RandomStreams.Of(7, RandomPurpose.Reassignment, 2), Is.EqualTo(0x00000007_00000023));
        Assert.That(RandomStreams.Of(7, RandomPurpose.SelectionSample, 1), Is.EqualTo(0x00000007_00000017));
        Assert.That(RandomStreams.InitialValues(5), Is.EqualTo(0x01000000_00000005));
        Assert.That(RandomStreams.ImageOrder(3), Is.EqualTo(0x02000003_00000000));
        Assert.That(RandomStreams.Augmentation(3, 4), Is.EqualTo(0x03000003_00000004));
        Assert.That(RandomStreams.Mix(3, 4), Is.EqualTo(0x04000003_00000004));
        Assert.That(RandomStreams.MosaicPool(9), Is.EqualTo(0x05000000_00000009));
        Assert.That(RandomStreams.MosaicCrops(7, 9), Is.EqualTo(0x06000007_00000009));
        Assert.That(RandomStreams.Posterior((1L << 32) + 6), Is.EqualTo(0x40000001_00000006));
        Assert.That(RandomStreams.RealImages(9), Is.EqualTo(0x41000000_00000009));
        Assert.That(RandomStreams.Synthesis(0x21, 0x43), Is.EqualTo(0x53000002_10000043));
        Assert.That(RandomStreams.Synthesis(0x21, 0x43, 0), Is.EqualTo(0x53000002_10000043), "the first candidate is the only one of before");
        Assert.That(RandomStreams.Synthesis(0x21, 0x43, 0x65), Is.EqualTo(0x54000084_00430065));
    });

    [Test]
    public void Synthesis_NamesEveryCandidateOnce_AndRefusesIndicesThatDoNotFit()
    {
        int[] classes = [0, 1, 21840, (1 << 22) - 1], prototypes = [0, 1, 199, (1 << 18) - 1], candidates = [0, 1, 11, (1 << 16) - 1];
        ulong[] streams = [.. from c in classes from p in prototypes from m in candidates select RandomStreams.Synthesis(c, p, m)];
        Assert.That(streams, Is.Unique.And.All.GreaterThanOrEqualTo(CounterRandom.Stream(0x53000000, 0)).And.All.LessThan(CounterRandom.Stream(0x55000000, 0)));
        Assert.That(() => RandomStreams.Synthesis(1 << 22, 0, 1), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => RandomStreams.Synthesis(0, 1 << 18, 1), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => RandomStreams.Synthesis(0, 0, 1 << 16), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => RandomStreams.Synthesis(0, 0, -1), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void Synthesis_NamesEveryPrototypeOnce_AndRefusesIndicesThatDoNotFit()
    {
        int[] classes = [0, 1, 9, 999, 21840, (1 << 28) - 1], prototypes = [0, 1, 199, 99999, (1 << 28) - 1];
        ulong[] streams = [.. classes.SelectMany(c => prototypes.Select(p => RandomStreams.Synthesis(c, p)))];
        Assert.That(streams, Is.Unique.And.All.GreaterThanOrEqualTo(CounterRandom.Stream(0x53000000, 0)).And.All.LessThan(CounterRandom.Stream(0x54000000, 0)));
        Assert.That(() => RandomStreams.Synthesis(-1, 0), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => RandomStreams.Synthesis(0, 1 << 28), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }
}
