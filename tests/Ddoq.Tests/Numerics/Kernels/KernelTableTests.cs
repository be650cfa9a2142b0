using Ddoq.Numerics.Kernels;

namespace Ddoq.Tests.Numerics.Kernels;

public unsafe class KernelTableTests
{
    [Test]
    public void Choose_TakesTheWidestSupported_AndTheNamedOne()
    {
        Assert.That(KernelTable.Choose(null), Is.SameAs(KernelTable.All.First(kernels => kernels.IsSupported)));
        Assert.That(KernelTable.Choose("SCALAR").Name, Is.EqualTo("scalar"));
    }

    [Test]
    public void Choose_RefusesUnknownNames() =>
        Assert.That(() => KernelTable.Choose("AVX9"), Throws.TypeOf<UsageException>().With.Message.Contains("AVX9").And.Message.Contains("Vector128"));

    [Test]
    public void FirstNonFinite_FindsEveryPosition([Values(1, 7, 8, 33, 100)] int length)
    {
        Half[] values = new Half[length];
        fixed (Half* pointer = values)
        {
            Assert.That(FiniteCheck.FirstNonFinite(pointer, length), Is.EqualTo((nint)(-1)));
            for (int i = 0; i < length; i++)
            {
                foreach (Half bad in new[] { Half.NaN, Half.PositiveInfinity, Half.NegativeInfinity })
                {
                    values[i] = bad;
                    Assert.That(FiniteCheck.FirstNonFinite(pointer, length), Is.EqualTo((nint)i));
                }

                values[i] = Half.MaxValue;
            }
        }
    }
}
