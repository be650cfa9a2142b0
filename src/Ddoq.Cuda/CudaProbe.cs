using System.Globalization;
using Ddoq.Cuda.Interop;
using Ddoq.Cuda.Kernels;

namespace Ddoq.Cuda;

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
