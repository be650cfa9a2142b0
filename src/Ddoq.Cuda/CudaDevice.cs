using System.Globalization;
using System.Runtime.InteropServices;
using Ddoq.Cuda.Interop;
using Ddoq.Cuda.Kernels;

namespace Ddoq.Cuda;

/// <summary>A device that the CUDA driver offers.</summary>
public sealed unsafe record CudaDevice
{
    private const int OldestMajor = 8;

    private CudaDevice()
    {
    }

    /// <summary>Its number, 0-based, as in <c>--device cuda:N</c>.</summary>
    public required int Index { get; init; }

    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>Compute capability.</summary>
    public required Version ComputeCapability { get; init; }

    /// <summary>Multiprocessors.</summary>
    public required int MultiprocessorCount { get; init; }

    /// <summary>Memory in bytes.</summary>
    public required long TotalMemory { get; init; }

    /// <summary>Second-level cache in bytes.</summary>
    public required long CacheBytes { get; init; }

    /// <summary>Whether the kernels run on it: compute capability 8.0 or newer.</summary>
    public bool IsSupported => ComputeCapability.Major >= OldestMajor;

    /// <summary>Whether it is the emulation of the tests, which proves logic and has no speed.</summary>
    public required bool IsEmulated { get; init; }

    /// <summary>Number and name, for messages.</summary>
    internal string Label => string.Create(CultureInfo.InvariantCulture, $"device {Index} ({Name})");

    /// <summary>All devices.</summary>
    /// <exception cref="DeviceUnavailableException">There is no driver, or no device.</exception>
    /// <exception cref="CudaException">The driver failed.</exception>
    public static IReadOnlyList<CudaDevice> List()
    {
        DriverLibrary.Require();
        int count;
        CudaCall.Check(DriverApi.DeviceGetCount(&count));
        var devices = new CudaDevice[count];
        for (int i = 0; i < count; i++)
            devices[i] = Describe(i);
        return devices;
    }

    /// <summary>The devices with some numbers, or all that the kernels run on.</summary>
    /// <param name="indices">Numbers, or null for all that are supported.</param>
    /// <exception cref="DeviceUnavailableException">There is no driver, no such device, or it is too old.</exception>
    /// <exception cref="CudaException">The driver failed.</exception>
    public static IReadOnlyList<CudaDevice> Select(IReadOnlyList<int>? indices)
    {
        IReadOnlyList<CudaDevice> all = List();
        if (indices is not null)
            return [.. indices.Distinct().Select(index => Supported(all, index))];
        CudaDevice[] supported = [.. all.Where(device => device.IsSupported)];
        if (supported.Length == 0)
            Supported(all, 0);
        return supported;
    }

    private static CudaDevice Supported(IReadOnlyList<CudaDevice> all, int index)
    {
        if ((uint)index >= (uint)all.Count)
        {
            throw new DeviceUnavailableException(
                all.Count == 0 ? $"CUDA device {index} does not exist; the driver offers none." : $"CUDA device {index} does not exist; there are devices 0 to {all.Count - 1}.",
                "Choose one with --device cuda:N, or run with --device cpu; ddoq doctor lists them.");
        }

        CudaDevice device = all[index];
        if (!device.IsSupported)
        {
            throw new DeviceUnavailableException(
                $"CUDA {device.Label} has compute capability {device.ComputeCapability}; the kernels need 8.0 (Ampere) or newer.",
                "Choose another device with --device cuda:N, or run with --device cpu.");
        }

        return device;
    }

    private static CudaDevice Describe(int index)
    {
        int device;
        CudaCall.Check(DriverApi.DeviceGet(&device, index), $"cuDeviceGet({index})");
        byte* name = stackalloc byte[256];
        CudaCall.Check(DriverApi.DeviceGetName(name, 256, device), $"cuDeviceGetName({index})");
        nuint bytes;
        CudaCall.Check(DriverApi.DeviceTotalMem(&bytes, device), $"cuDeviceTotalMem({index})");
        return new CudaDevice
        {
            Index = index,
            Name = Marshal.PtrToStringUTF8((nint)name) ?? string.Empty,
            ComputeCapability = new Version(Attribute(DeviceAttribute.ComputeCapabilityMajor, device), Attribute(DeviceAttribute.ComputeCapabilityMinor, device)),
            MultiprocessorCount = Attribute(DeviceAttribute.MultiprocessorCount, device),
            TotalMemory = (long)bytes,
            CacheBytes = Attribute(DeviceAttribute.CacheBytes, device),
            IsEmulated = DriverLibrary.IsEmulated,
        };
    }

    private static int Attribute(DeviceAttribute attribute, int device)
    {
        int value;
        CudaCall.Check(DriverApi.DeviceGetAttribute(&value, (int)attribute, device), $"cuDeviceGetAttribute({attribute})");
        return value;
    }

    // CUdevice_attribute of the driver API.
    private enum DeviceAttribute
    {
        MultiprocessorCount = 16,
        CacheBytes = 38,
        ComputeCapabilityMajor = 75,
        ComputeCapabilityMinor = 76,
    }
}

/// <summary>A call of the CUDA driver failed: the call, the device, and the driver's name and words for the error.</summary>
public sealed class CudaException : DdoqException
{
    private const int LaunchTimeout = 702;
    private const int ContextIsDestroyed = 709;
    private const int Assert = 710;
    private const int HardwareStackError = 714; // up to 719: illegal instruction, misaligned address, address space, program counter
    private const int Unknown = 999;

    /// <summary>Creates it.</summary>
    /// <param name="message">The call, the device and what the driver says.</param>
    /// <param name="result">The driver's result.</param>
    /// <param name="hint">What the user can do.</param>
    /// <param name="innerException">The cause, if any.</param>
    public CudaException(string message, int result, string? hint = null, Exception? innerException = null)
        : base(message, hint, innerException) => Result = result;

    /// <summary>The driver's result (CUresult).</summary>
    public int Result { get; }

    /// <summary>Whether the device or page-locked memory ran out.</summary>
    public bool IsOutOfMemory => Result == (int)CudaResult.OutOfMemory;

    /// <summary>Whether the context is lost, so that every later call in the process fails too: a fault of a kernel or of the memory.</summary>
    internal bool EndsContext => Result is (int)CudaResult.EccUncorrectable or (int)CudaResult.IllegalAddress or LaunchTimeout or ContextIsDestroyed or Assert
        or (>= HardwareStackError and <= (int)CudaResult.LaunchFailed) or Unknown;
}

/// <summary>What there is of CUDA on this machine, for people who ask why a device is or is not used.</summary>
/// <param name="Driver">The driver's library and version, or why there is none.</param>
/// <param name="HasDriver">Whether the driver works.</param>
/// <param name="Kernels">Where the kernels come from, or where they were looked for.</param>
/// <param name="HasKernels">Whether there are any.</param>
/// <param name="Devices">Every device with what is to say about it, and whether the kernels load on it.</param>
public sealed unsafe record CudaProbe(
    string Driver, bool HasDriver, string Kernels, bool HasKernels, IReadOnlyList<(CudaDevice Device, bool Usable, string Detail)> Devices)
{
    /// <summary>Looks at everything; never throws for something that is missing.</summary>
    public static CudaProbe Run()
    {
        (KernelImage? image, string kernels) = Kernel();
        try
        {
            IReadOnlyList<CudaDevice> devices = CudaDevice.List();
            int version;
            CudaCall.Check(DriverApi.DriverGetVersion(&version), "cuDriverGetVersion");
            string driver = string.Create(
                CultureInfo.InvariantCulture,
                $"{DriverLibrary.Library.File}, CUDA {version / 1000}.{version % 1000 / 10}{(DriverLibrary.IsEmulated ? ", emulated: logic only, no speed" : string.Empty)}");
            return new CudaProbe(driver, true, kernels, image is not null, [.. devices.Select(device => Look(device, image))]);
        }
        catch (DdoqException exception) when (exception is DeviceUnavailableException or CudaException)
        {
            return new CudaProbe(exception.Message, false, kernels, image is not null, []);
        }
    }

    private static (KernelImage? Image, string Words) Kernel()
    {
        try
        {
            KernelImage image = KernelImage.Find();
            return (image, string.Create(CultureInfo.InvariantCulture, $"{image.Origin}, {image.Bytes.Length / 1e6:F1} MB"));
        }
        catch (DeviceUnavailableException exception)
        {
            return (null, exception.Message);
        }
    }

    private static (CudaDevice Device, bool Usable, string Detail) Look(CudaDevice device, KernelImage? image)
    {
        string words = string.Create(
            CultureInfo.InvariantCulture,
            $"{device.Name}, compute capability {device.ComputeCapability}, {device.MultiprocessorCount} multiprocessors, {device.TotalMemory / 1e9:F1} GB");
        if (!device.IsSupported)
            return (device, false, $"{words}; the kernels need compute capability 8.0 or newer");
        if (image is null)
            return (device, false, $"{words}; there are no kernels for it");
        try
        {
            using var context = new ContextHandle(device);
            using var catalog = new KernelCatalog(image, device);
            nuint available, total;
            CudaCall.Check(DriverApi.MemGetInfo(&available, &total), "cuMemGetInfo");
            return (device, true, string.Create(CultureInfo.InvariantCulture, $"{words} ({available / 1e9:F1} GB free); the kernels load"));
        }
        catch (DdoqException exception) when (exception is DeviceUnavailableException or CudaException)
        {
            return (device, false, $"{words}; {exception.Message}");
        }
    }
}
