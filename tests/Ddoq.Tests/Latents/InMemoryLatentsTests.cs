using Ddoq.Latents;

namespace Ddoq.Tests.Latents;

public class InMemoryLatentsTests
{
    private static readonly LatentShape s_shape = new(1, 1, 2);

    [Test]
    public void FromRows_SortsByClass_KeepingTheOrder()
    {
        InMemoryLatents latents = InMemoryLatents.FromRows(s_shape, ["a", "b", "none"], [1, 2, 3, 4, 5, 6], [1, 0, 1]);
        Half[] row = new Half[2];
        latents.ReadRows(1, 1, row);
        Assert.Multiple(() =>
        {
            Assert.That(latents.TryGetRows(1, out ReadOnlySpan<Half> rows));
            Assert.That(rows.ToArray(), Is.EqualTo(new[] { (Half)1, (Half)2, (Half)5, (Half)6 }));
            Assert.That(row, Is.EqualTo(new[] { (Half)5, (Half)6 }));
            Assert.That(latents.RowCount(2), Is.Zero);
        });
    }

    [Test]
    public void BadInput_IsNamed()
    {
        Assert.Multiple(() =>
        {
            Assert.That(() => InMemoryLatents.FromRows(s_shape, ["a"], [1, 2], [1]), Throws.InstanceOf<DdoqException>().With.Message.Contain("label 1"));
            Assert.That(() => InMemoryLatents.FromRows(s_shape, ["a"], [1, 2, 3], [0]), Throws.InstanceOf<DdoqException>());
            Assert.That(() => InMemoryLatents.FromRows(s_shape, ["a"], [0, 0, 1, 70000], [0, 0]), Throws.InstanceOf<DdoqException>().With.Message.Contain("row 1 (class 0 'a') holds 70000 at value 1"));
            Assert.That(() => new InMemoryLatents(s_shape, ["a"], [[Half.NaN, default]]), Throws.InstanceOf<DdoqException>());
            Assert.That(() => new InMemoryLatents(s_shape, ["a"], [[default]]), Throws.InstanceOf<DdoqException>());
            Assert.That(() => new InMemoryLatents(s_shape, ["a"], []), Throws.ArgumentException);
            Assert.That(() => new InMemoryLatents(new LatentShape(0, 1, 1), ["a"], [[]]), Throws.InstanceOf<DdoqException>());
        });
    }

    [Test]
    public void NotFinite_IsFoundAtEveryPlaceAndLength()
    {
        // Every bit pattern of a half, at places around the vector width.
        foreach (int length in (int[])[1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 129])
        {
            for (int place = 0; place < length; place++)
            {
                Half[] values = new Half[length];
                values[place] = Half.NegativeInfinity;
                Assert.That(
                    () => new InMemoryLatents(new LatentShape(1, 1, length), ["a"], [values]),
                    Throws.InstanceOf<DdoqException>().With.Message.Contain($"at value {place};"));
            }
        }

        Half[] finite = [.. Enumerable.Range(0, 65536).Select(bits => BitConverter.UInt16BitsToHalf((ushort)bits)).Where(Half.IsFinite)];
        Assert.That(() => new InMemoryLatents(new LatentShape(1, 1, finite.Length), ["a"], [finite]), Throws.Nothing);
    }
}
