namespace Ddoq.Cuda.Kernels;

/// <summary>The compiled kernels, a file that nvcc made.</summary>
/// <param name="Bytes">Its contents, with a zero behind.</param>
/// <param name="Origin">Where they come from, in words.</param>
internal sealed record KernelImage(byte[] Bytes, string Origin)
{
    /// <summary>The environment variable that names a file.</summary>
    public const string Variable = "DDOQ_KERNELS";

    private const string FileName = "ddoq_kernels.fatbin";

    /// <summary>The file in <c>DDOQ_KERNELS</c>, else what is embedded in the assembly, else the file beside the program.</summary>
    /// <exception cref="DeviceUnavailableException">There are none.</exception>
    public static KernelImage Find() => Find(Environment.GetEnvironmentVariable(Variable), AppContext.BaseDirectory, Embedded());

    /// <summary>The same with the places to look at.</summary>
    internal static KernelImage Find(string? chosen, string folder, byte[]? embedded)
    {
        if (!string.IsNullOrEmpty(chosen))
            return new KernelImage(Read(chosen, $"{Variable} names '{chosen}'"), chosen);
        if (embedded is not null)
            return new KernelImage(embedded, "embedded");
        string beside = Path.Combine(folder, FileName);
        if (File.Exists(beside))
            return new KernelImage(Read(beside, $"'{beside}' is there"), beside);
        throw new DeviceUnavailableException(
            $"This build carries no CUDA kernels: nvcc was not there when it was made. Tried {Variable} (not set), the program itself, '{beside}'.",
            "Build the kernels with CMake and nvcc (native/README.md) and the program again, or point DDOQ_KERNELS at ddoq_kernels.fatbin, or run with --device cpu.");
    }

    private static byte[]? Embedded()
    {
        using Stream? resource = typeof(KernelImage).Assembly.GetManifestResourceStream(FileName);
        if (resource is null)
            return null;
        var image = new byte[resource.Length + 1];
        resource.ReadExactly(image.AsSpan(0, (int)resource.Length));
        return image;
    }

    private static byte[] Read(string path, string words)
    {
        try
        {
            return [.. File.ReadAllBytes(path), 0];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new DeviceUnavailableException($"{words}, but it cannot be read: {exception.Message}", $"Unset {Variable}, or point it at {FileName}.", exception);
        }
    }
}
