using System.Runtime.Intrinsics;

namespace Ddoq.Numerics.Kernels;

/// <summary>All variants of the kernels, widest first, and the one in use.</summary>
/// <remarks>
/// Under the JIT the processor decides. A NativeAOT program is compiled for a baseline, and variants above it report
/// themselves as not supported: publish with <c>IlcInstructionSet=x86-64-v3</c> for AVX2 (about 90 % of AVX-512 here),
/// or <c>native</c> on the machine it is for. Without it only Vector128 is left, at a quarter of the speed.
/// </remarks>
internal static class KernelTable
{
    /// <summary>The environment variable that forces a variant by name, for tests and comparisons.</summary>
    public const string EnvironmentVariable = "DDOQ_SIMD";

    /// <summary>Every variant, supported or not, widest first, for rows of halves; <see cref="LatentKernels.ForRows"/> has the others.</summary>
    public static IReadOnlyList<LatentKernels> All { get; } =
    [
        new LatentKernels<SimdVector512, Vector512<float>, HalfRow>(),
        new LatentKernels<SimdVector256, Vector256<float>, HalfRow>(),
        new LatentKernels<SimdVector128, Vector128<float>, HalfRow>(),
        new LatentKernels<SimdScalar, float, HalfRow>(),
    ];

    /// <summary>The variant of <c>DDOQ_SIMD</c>, or the widest this processor supports.</summary>
    /// <exception cref="UsageException">The variable names no variant, or one this processor cannot run.</exception>
    public static LatentKernels Default => Choose(Environment.GetEnvironmentVariable(EnvironmentVariable));

    /// <summary>The variant with a name, or the widest supported one for null or empty.</summary>
    /// <exception cref="UsageException">The name is unknown or this processor cannot run the variant.</exception>
    public static LatentKernels Choose(string? name)
    {
        if (string.IsNullOrEmpty(name))
            return All.First(kernels => kernels.IsSupported);
        foreach (LatentKernels kernels in All)
        {
            if (!string.Equals(kernels.Name, name, StringComparison.OrdinalIgnoreCase))
                continue;
            if (kernels.IsSupported)
                return kernels;
            throw new UsageException($"{EnvironmentVariable} is '{name}', which this processor does not support.", Supported());
        }

        throw new UsageException(
            $"{EnvironmentVariable} is '{name}'; allowed: {string.Join(", ", All.Select(kernels => kernels.Name))}.",
            Supported());
    }

    private static string Supported() =>
        $"Unset it to choose automatically; supported here: {string.Join(", ", All.Where(kernels => kernels.IsSupported).Select(kernels => kernels.Name))}.";
}
