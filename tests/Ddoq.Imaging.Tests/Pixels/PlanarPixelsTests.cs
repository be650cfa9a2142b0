namespace Ddoq.Imaging.Tests;

public sealed class PlanarPixelsTests
{
    private static readonly int[] s_lengths = [.. Enumerable.Range(0, 257), 443, 1000];

    [Test]
    public void ToSigned_And_ToUnit_AreTheCorrectlyRoundedFormulas()
    {
        foreach (int length in s_lengths)
        {
            byte[] bytes = TestData.RandomBytes(length, 1);
            var signed = new float[length];
            var unit = new float[length];
            PlanarPixels.ToSigned(bytes, signed);
            PlanarPixels.ToUnit(bytes, unit);

            // Division and subtraction each rounded to single precision; the double quotient of small integers rounds the same.
            Assert.That(signed, Is.EqualTo(bytes.Select(b => (float)((float)(b / 127.5) - 1.0))), $"length {length}");
            Assert.That(unit, Is.EqualTo(bytes.Select(b => (float)(b / 255.0))), $"length {length}");
        }
    }

    [Test]
    public void FromSigned_UndoesToSigned()
    {
        byte[] bytes = [.. Enumerable.Range(0, 256).Select(i => (byte)i)];
        var signed = new float[256];
        var back = new byte[256];
        PlanarPixels.ToSigned(bytes, signed);
        PlanarPixels.FromSigned(signed, back);
        Assert.Multiple(() =>
        {
            Assert.That(back, Is.EqualTo(bytes));
            Assert.That(signed[0], Is.EqualTo(-1f));
            Assert.That(signed[255], Is.EqualTo(1f));
        });
    }

    [Test]
    public void FromSigned_RoundsHalvesToEven()
    {
        // Most values meant to fall half-way between two levels do so exactly after rounding to single precision.
        (float Value, int Level)[] halves =
        [
            .. Enumerable.Range(0, 255)
                .Select(level => (Value: (float)((2 * level + 1) / 255.0 - 1), Level: level))
                .Where(half => (half.Value + 1f) * 127.5f == half.Level + 0.5f),
        ];
        Assert.That(halves, Has.Length.GreaterThan(64));
        var bytes = new byte[halves.Length];
        PlanarPixels.FromSigned([.. halves.Select(half => half.Value)], bytes);
        Assert.That(bytes, Is.EqualTo(halves.Select(half => half.Level + half.Level % 2)));
    }

    [Test]
    public void FromSigned_ClampsAndHasNoNaN()
    {
        (float Value, byte Level)[] cases =
        [
            (0f, 128), (-1f, 0), (1f, 255), (-1.5f, 0), (7f, 255), (float.PositiveInfinity, 255), (float.NegativeInfinity, 0),
            (float.NaN, 0), (-1f + 1f / 128, 1), (float.MaxValue, 255), (0.999f, 255), (-0.999f, 0),
        ];
        foreach (int length in s_lengths)
        {
            var values = new float[length];
            for (int i = 0; i < length; i++)
                values[i] = cases[i % cases.Length].Value;
            var bytes = new byte[length];
            PlanarPixels.FromSigned(values, bytes);
            Assert.That(bytes, Is.EqualTo(Enumerable.Range(0, length).Select(i => cases[i % cases.Length].Level)), $"length {length}");
        }
    }

    [Test]
    public void FromSigned_AgreesWithTheScalarFormula()
    {
        float[] values = [.. TestData.RandomBytes(4000, 9).Select((b, i) => b / 100f - 1.3f + i * 1e-5f)];
        var bytes = new byte[values.Length];
        PlanarPixels.FromSigned(values, bytes);
        Assert.That(bytes, Is.EqualTo(values.Select(v => (byte)Math.Clamp(MathF.Round((v + 1f) * 127.5f, MidpointRounding.ToEven), 0, 255))));
    }

    [Test]
    public void LengthsMustAgree() => Assert.Multiple(() =>
    {
        Assert.Throws<ArgumentException>(() => PlanarPixels.ToSigned(new byte[3], new float[4]));
        Assert.Throws<ArgumentException>(() => PlanarPixels.ToUnit(new byte[3], new float[2]));
        Assert.Throws<ArgumentException>(() => PlanarPixels.FromSigned(new float[3], new byte[4]));
    });
}
