using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Ddoq.Storage;
using Microsoft.Win32.SafeHandles;

namespace Ddoq.Training.Runtime;

/// <summary>Loads a shared library from bytes, for this process only.</summary>
/// <remarks>
/// Two places, tried in order: an anonymous memory file, which leaves nothing behind and needs no writable folder; and a
/// file in the user's cache named by its content, for systems whose policy forbids executing memory files. The cached file
/// is written under another name, flushed and renamed, so processes that start together each find a whole file.
/// <c>DDOQ_TORCH_COPY=memory|cache</c> forces one of them.
/// </remarks>
internal static partial class PrivateLibrary
{
    /// <summary>The variable that forces a place.</summary>
    public const string PlaceVariable = "DDOQ_TORCH_COPY";

    private const uint CloseOnExec = 1;
    private const uint Executable = 0x10;

    /// <summary>Loads the library and leaves it loaded.</summary>
    /// <param name="bytes">The whole file.</param>
    /// <param name="fileName">Its name, without a folder.</param>
    /// <returns>Where it was loaded from, in words.</returns>
    /// <exception cref="DdoqException">No place allowed it; the message holds the linker's reasons.</exception>
    /// <exception cref="UsageException"><see cref="PlaceVariable"/> has an unknown value.</exception>
    public static string Load(byte[] bytes, string fileName)
    {
        string? forced = Environment.GetEnvironmentVariable(PlaceVariable);
        if (forced is not (null or "" or "memory" or "cache"))
            throw new UsageException($"{PlaceVariable} is '{forced}'; allowed are memory and cache");

        var reasons = new List<string>();
        if (forced is not "cache")
        {
            if (TryLoadFromMemory(bytes, fileName, reasons))
                return "from memory";
        }

        if (forced is not "memory")
        {
            string path = Path.Combine(CacheFolder(), "ddoq", "torch", Fingerprint(bytes), fileName);
            if (TryLoadFromFile(bytes, path, reasons))
                return $"from {path}";
        }

        throw new DdoqException(
            $"{fileName} could not be loaded: {string.Join("; ", reasons)}",
            $"Point XDG_CACHE_HOME at a folder that is writable and not mounted noexec, or set {PlaceVariable}.");
    }

    /// <summary>Puts the bytes at a path, whole or not at all, and loads them from there.</summary>
    internal static bool TryLoadFromFile(byte[] bytes, string path, List<string> reasons)
    {
        try
        {
            WriteOnce(bytes, path);
            NativeLibrary.Load(path);
            return true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or DllNotFoundException or DdoqException)
        {
            reasons.Add(exception.Message);
            return false;
        }
    }

    /// <summary>Writes a file if it is not there with these very bytes; safe when processes do so at the same time.</summary>
    internal static void WriteOnce(byte[] bytes, string path)
    {
        if (File.Exists(path) && new FileInfo(path).Length == bytes.Length && File.ReadAllBytes(path).AsSpan().SequenceEqual(bytes))
            return;

        string folder = Path.GetDirectoryName(path)!;
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(folder);
        else
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        AtomicFile.WriteAllBytes(path, bytes);
    }

    private static bool TryLoadFromMemory(byte[] bytes, string fileName, List<string> reasons)
    {
        try
        {
            // Kernels before 6.3 do not know the flag; later ones may be set to need it.
            int descriptor = CreateMemoryFile(fileName, CloseOnExec | Executable);
            if (descriptor < 0)
                descriptor = CreateMemoryFile(fileName, CloseOnExec);
            if (descriptor < 0)
            {
                reasons.Add($"memory file: error {Marshal.GetLastPInvokeError()}");
                return false;
            }

            using var handle = new SafeFileHandle(descriptor, ownsHandle: true);
            RandomAccess.Write(handle, bytes, 0);
            NativeLibrary.Load(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{descriptor}"));
            return true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or DllNotFoundException or EntryPointNotFoundException)
        {
            reasons.Add(exception.Message);
            return false;
        }
    }

    private static string CacheFolder()
    {
        string? cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
        if (!string.IsNullOrEmpty(cache))
            return cache;
        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        return home.Length > 0 ? Path.Combine(home, ".cache") : Path.GetTempPath();
    }

    private static string Fingerprint(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes).AsSpan(0, 8));

    [LibraryImport("libc", EntryPoint = "memfd_create", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int CreateMemoryFile(string name, uint flags);
}
