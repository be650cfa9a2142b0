namespace Ddoq.Numerics.Kernels;

/// <summary>The constants of the exact conversion from half to float: <c>float((sign-extended bits &lt;&lt; 13) &amp; mask) * 2^112</c>.</summary>
internal static class HalfBits
{
    /// <summary>Bits of mantissa that float has more than half.</summary>
    public const int Shift = 13;

    /// <summary>Sign, five exponent bits and ten mantissa bits after the shift.</summary>
    public const int Mask = unchecked((int)0x8fffe000);

    /// <summary>2^112: the difference of the exponent biases, 127 - 15.</summary>
    public const float Scale = 5.192296858534828e33f;

    /// <summary>Exponent bits of a half; all set for infinity and NaN.</summary>
    public const ushort Exponent = 0x7c00;
}
