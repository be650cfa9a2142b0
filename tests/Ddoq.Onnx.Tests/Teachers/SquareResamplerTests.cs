using Ddoq.Onnx.Teachers;

namespace Ddoq.Onnx.Tests.Teachers;

public class SquareResamplerTests
{
    // Pillow 9.4: Image.fromarray(a, mode="F").resize((side, side), filter) of a[y, x] = (7 y + 3 x + (x y mod 5)) mod 11 / 10.
    [TestCase(3, 2, new[] { 0.244898f, 0.514286f, 0.42449f, 0.549206f, 0.377778f, 0.393651f, 0.581633f, 0.428571f, 0.47551f })]
    [TestCase(3, 3, new[] { 0.208899f, 0.539249f, 0.444355f, 0.579428f, 0.361441f, 0.370011f, 0.593586f, 0.41019f, 0.478746f })]
    public void Resize_GivesPillowsValues(int side, int filter, float[] expected)
    {
        var result = new float[side * side];
        new SquareResampler(5, side, side, filter).Resize(Image(), result);
        Assert.That(result, Is.EqualTo(expected).Within(2e-6));
    }

    [Test]
    public void Resize_OfAnEnlargedImage_GivesPillowsFirstAndLastRow()
    {
        float[] result = new float[64];
        new SquareResampler(5, 8, 8, filter: 3).Resize(Image(), result);
        Assert.That(result[..8], Is.EqualTo(new[] { -0.077133f, 0.081735f, 0.342061f, 0.525547f, 0.742819f, 0.919108f, 0.433418f, 0.041918f }).Within(2e-6));
        Assert.That(result[56..], Is.EqualTo(new[] { 0.599482f, 0.405709f, 0.174804f, 0.29753f, 0.46211f, 0.621437f, 0.77398f, 0.858082f }).Within(2e-6));
    }

    [Test]
    public void Resize_WithACut_KeepsTheMiddle()
    {
        float[] whole = new float[64], cut = new float[16];
        new SquareResampler(5, 8, 8, filter: 2).Resize(Image(), whole);
        new SquareResampler(5, 8, 4, filter: 2).Resize(Image(), cut);
        Assert.That(cut, Is.EqualTo(Enumerable.Range(0, 16).Select(i => whole[((2 + (i / 4)) * 8) + 2 + (i % 4)])));
    }

    private static float[] Image() =>
        [.. Enumerable.Range(0, 25).Select(i => (i / 5, i % 5)).Select(p => ((p.Item1 * 7) + (p.Item2 * 3) + (p.Item1 * p.Item2 % 5)) % 11 / 10f)];
}
