using Ddoq.Storage;

namespace Ddoq.Latents;

/// <summary>How the values of a latent are stored, named as in safetensors files.</summary>
public enum LatentElementType
{
    /// <summary>IEEE half precision: 2 bytes, the type that Ddoq writes.</summary>
    F16,

    /// <summary>The upper half of a single: 2 bytes.</summary>
    BF16,

    /// <summary>IEEE single precision: 4 bytes.</summary>
    F32,
}

/// <summary>Sizes and names of <see cref="LatentElementType"/>.</summary>
internal static class LatentElement
{
    public static int Size(LatentElementType type) => type == LatentElementType.F32 ? sizeof(float) : sizeof(ushort);

    /// <summary>The type of a tensor of latents; null when the engine has no rows of that type.</summary>
    public static LatentElementType? Of(SafetensorsType type) => type switch
    {
        SafetensorsType.F16 => LatentElementType.F16,
        SafetensorsType.BF16 => LatentElementType.BF16,
        SafetensorsType.F32 => LatentElementType.F32,
        _ => null,
    };
}
