using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

[assembly: DisableRuntimeMarshalling]

namespace Ddoq.Cuda.Interop;

/// <summary>Finds the CUDA driver: the library in <c>DDOQ_CUDA_DRIVER</c>, else NVIDIA's.</summary>
/// <remarks><c>DDOQ_CUDA_DRIVER</c> lets the emulated driver of the tests take the place of a device: it proves logic, not speed.</remarks>
internal static class DriverLibrary
{
    /// <summary>The name under which <see cref="DriverApi"/> asks for it.</summary>
    public const string Name = "ddoq-cuda-driver";

    /// <summary>The environment variable that names another library.</summary>
    public const string Variable = "DDOQ_CUDA_DRIVER";

    private static readonly Lazy<Found> s_library = new(Load);

    /// <summary>The library that was loaded, or why there is none.</summary>
    public static Found Library => s_library.Value;

    /// <summary>Whether the driver is the emulation, whose times mean nothing.</summary>
    public static bool IsEmulated => Library.Handle != 0 && NativeLibrary.TryGetExport(Library.Handle, "ddoqEmulationReset", out _);

    /// <summary>Makes sure that the driver's functions can be called and that it is initialised.</summary>
    /// <exception cref="DeviceUnavailableException">There is no driver, or it finds no device.</exception>
    public static void Require()
    {
        if (Library.Handle == 0)
            throw new DeviceUnavailableException(Library.Reason, "Install NVIDIA's driver, or run with --device cpu.");
        CudaResult result = DriverApi.Initialize(0);
        if (result == CudaResult.NoDevice)
            throw new DeviceUnavailableException($"The CUDA driver ({Library.File}) finds no device.", "Check CUDA_VISIBLE_DEVICES and nvidia-smi, or run with --device cpu.");
        if (result != CudaResult.Success)
            throw new DeviceUnavailableException($"The CUDA driver ({Library.File}) cannot be initialised: cuInit gives {CudaCall.Describe(result)}.", "Run nvidia-smi to see whether the driver works, or run with --device cpu.");
    }

    /// <summary>Loads a driver: <paramref name="chosen"/>, or NVIDIA's under its usual names.</summary>
    internal static Found Find(string? chosen)
    {
        string[] names = !string.IsNullOrEmpty(chosen) ? [chosen]
            : OperatingSystem.IsWindows() ? ["nvcuda"]
            : ["libcuda.so.1", "libcuda.so"];
        foreach (string name in names)
        {
            if (!NativeLibrary.TryLoad(name, out nint handle))
                continue;

            // The newest function that is used: drivers before CUDA 11.4 lack it.
            return NativeLibrary.TryGetExport(handle, "cuGraphInstantiateWithFlags", out _)
                ? new Found(handle, name, string.Empty)
                : new Found(0, name, $"The library '{name}' is not a CUDA driver, or one older than CUDA 11.4.");
        }

        return new Found(0, string.Empty, string.IsNullOrEmpty(chosen)
            ? $"No CUDA driver was found; tried {string.Join(", ", names)}."
            : $"{Variable} names '{chosen}', which cannot be loaded.");
    }

    [UnconditionalSuppressMessage("SingleFile", "IL3000", Justification = "The resolver is set for an assembly, not for a file.")]
    private static Found Load()
    {
        Found found = Find(Environment.GetEnvironmentVariable(Variable));
        if (found.Handle != 0)
            NativeLibrary.SetDllImportResolver(Assembly.GetExecutingAssembly(), (name, _, _) => name == Name ? found.Handle : 0);
        return found;
    }

    /// <summary>A search's result.</summary>
    /// <param name="Handle">The library, 0 for none.</param>
    /// <param name="File">Its name.</param>
    /// <param name="Reason">Why there is none.</param>
    internal sealed record Found(nint Handle, string File, string Reason);
}
