namespace Ddoq.Imaging;

/// <summary>The filter of a resize. All but <see cref="Nearest"/> widen when shrinking, so they do not alias.</summary>
public enum ImageInterpolation
{
    /// <summary>The pixel whose centre is nearest.</summary>
    Nearest,

    /// <summary>Triangle, 2 pixels wide at scale 1.</summary>
    Bilinear,

    /// <summary>Keys' cubic with a = -0.5, 4 pixels wide at scale 1.</summary>
    Bicubic,

    /// <summary>Lanczos with three lobes, 6 pixels wide at scale 1.</summary>
    Lanczos,
}
