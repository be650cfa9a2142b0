namespace Ddoq.Imaging;

/// <summary>Which numbers a batch holds beside its bytes.</summary>
public enum PixelRange
{
    /// <summary>None: only bytes.</summary>
    Bytes,

    /// <summary>x / 255, in [0, 1].</summary>
    ZeroToOne,

    /// <summary>x / 127.5 - 1, in [-1, 1].</summary>
    MinusOneToOne,
}
