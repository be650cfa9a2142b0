using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Ddoq.Storage;
using Microsoft.Win32.SafeHandles;
using TorchSharp;

namespace Ddoq.Training.Runtime;

/// <summary>Makes torch usable on every system that libtorch itself supports, without the user's hand.</summary>
/// <remarks>
/// TorchSharp's native library for Linux names a version of libstdc++ that Debian 12, Ubuntu 22.04 and RHEL 9 lack, for a
/// symbol that it never calls, and so does not load there. Where the version is missing, a corrected copy is loaded into
/// this process from memory before torch's first use; TorchSharp then finds it by its name. No file is changed, so
/// read-only folders, the package cache, several processes at once and publishing need no special care. Where the version
/// is there, and on other systems, nothing is done. <see cref="SymbolVersionRepair"/> says which corrections are sound.
/// </remarks>
public static class TorchRuntime
{
    private const string BindingFile = "libLibTorchSharp.so";
    private const string TorchFile = "libtorch.so";
    private const string StandardLibrary = "libstdc++.so.6";
    private const string CoreFile = "libc10.so";
    private const string LogLevelVariable = "TORCH_CPP_LOG_LEVEL";
    private const int ErrorsOnly = 2;

    private static readonly Lock Gate = new();
    private static volatile bool s_loaded;

    /// <summary>Loads torch if it is not loaded yet. Thread-safe; after the first call it costs one read.</summary>
    /// <remarks>
    /// On Linux, malloc then keeps freed memory within the process, unless the environment sets its behaviour (GLIBC_TUNABLES, MALLOC_...),
    /// and torch's C++ side logs errors only, unless the environment sets TORCH_CPP_LOG_LEVEL.
    /// </remarks>
    /// <param name="log">Receives one line when a corrected copy is loaded; may be null.</param>
    /// <exception cref="DdoqException">The native libraries are missing or do not fit this system.</exception>
    public static void EnsureLoaded(Action<string>? log = null)
    {
        if (s_loaded)
            return;
        lock (Gate)
        {
            if (s_loaded)
                return;
            if (OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == Architecture.X64)
                LoadCorrectedCopyIfNeeded(log);
            FreedMemory.Keep();
            Initialise();
            SilenceWarnings();
            s_loaded = true;
        }
    }

    /// <summary>The folders in which the host looks for native libraries, in its order.</summary>
    internal static IEnumerable<string> NativeFolders()
    {
        string listed = AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "";
        string[] always = [AppContext.BaseDirectory, Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native")];
        return listed.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries).Concat(always);
    }

    /// <summary>The first file of this name in <see cref="NativeFolders"/>, or null.</summary>
    internal static string? FindNative(string fileName) =>
        NativeFolders().Select(folder => Path.Combine(folder, fileName)).FirstOrDefault(File.Exists);

    /// <summary>The path of the C++ standard library that this process uses, or null.</summary>
    internal static string? FindStandardLibrary()
    {
        if (!NativeLibrary.TryLoad(StandardLibrary, out _))
            return null;
        return File.ReadLines("/proc/self/maps")
            .Select(line => line.IndexOf('/', StringComparison.Ordinal) is var slash and >= 0 ? line[slash..] : "")
            .FirstOrDefault(path => Path.GetFileName(path).StartsWith("libstdc++.so.6", StringComparison.Ordinal) && File.Exists(path));
    }

    private static void LoadCorrectedCopyIfNeeded(Action<string>? log)
    {
        string? binding = FindNative(BindingFile);
        string? standard = FindStandardLibrary();
        if (binding is null || standard is null)
            return;

        byte[] bytes = File.ReadAllBytes(binding);
        IReadOnlySet<string> defined = new ElfImage(File.ReadAllBytes(standard), standard).ReadVersionDefinitions();
        IReadOnlyList<SymbolVersionRepair.Edit> edits =
            SymbolVersionRepair.Plan(new ElfImage(bytes, binding), StandardLibrary, defined);
        if (edits.Count == 0)
            return;

        // The copy has no neighbours, so what it is linked with must be in the process before it.
        string torch = FindNative(TorchFile) ?? TorchFile;
        if (!NativeLibrary.TryLoad(torch, out _))
        {
            throw new DdoqException(
                $"{TorchFile} was not found beside the program or could not be loaded ({torch})",
                "Add the package libtorch-cpu-linux-x64 (or a libtorch-cuda one) in TorchSharp's version to the executable project.");
        }

        SymbolVersionRepair.Apply(bytes, edits);
        string place = PrivateLibrary.Load(bytes, BindingFile);
        log?.Invoke(
            $"{BindingFile} asks for more than {standard} defines; loaded a corrected copy {place} "
            + $"({string.Join(", ", edits.Select(edit => edit.Description))}).");
    }

    private static void Initialise()
    {
        try
        {
            torch.InitializeDeviceType(DeviceType.CPU);
            torch.get_num_threads();
        }
        catch (Exception exception) when (exception is NotSupportedException or DllNotFoundException or TypeInitializationException or ExternalException)
        {
            throw new DdoqException(
                $"torch could not be loaded: {exception.Message}",
                "Add the package libtorch-cpu-linux-x64 (or the one for this system) in TorchSharp's version to the executable project.",
                exception);
        }
    }

    // Torch tells every process on stderr that NNPACK, which it can do without, does not know the processor.
    private static void SilenceWarnings()
    {
        if (OperatingSystem.IsLinux() && Environment.GetEnvironmentVariable(LogLevelVariable) is null
            && FindNative(CoreFile) is { } core && NativeLibrary.TryLoad(core, out nint library)
            && NativeLibrary.TryGetExport(library, "FLAGS_caffe2_log_level", out nint level))
        {
            Marshal.WriteInt32(level, ErrorsOnly);
        }
    }
}

/// <summary>Keeps memory that torch frees within the process, for its next tensor.</summary>
/// <remarks>
/// Every operation makes new tensors of megabytes. By default glibc's malloc takes such blocks from the system, gives them back
/// when they are freed, and the system clears each page again at its next use. Without that, two students side by side
/// take 0.6 to 0.75 of the time on a virtual machine, where page faults are expensive; their numbers are the same. The process
/// keeps the most memory it had in use. Nothing is done with other C libraries, or where the environment sets malloc's behaviour.
/// </remarks>
internal static partial class FreedMemory
{
    // Parameters of mallopt.
    private const int TrimThreshold = -1;
    private const int TopPad = -2;
    private const int MostMappings = -4;

    // A thread's heap is 64 MiB, and is given back when it is empty unless this much is to stay.
    private const int StayingBytes = 128 << 20;

    private static readonly string[] s_userVariables =
        ["GLIBC_TUNABLES", "MALLOC_MMAP_MAX_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TOP_PAD_", "MALLOC_TRIM_THRESHOLD_"];

    /// <summary>Sets it for the whole process.</summary>
    /// <returns>Whether it was set.</returns>
    public static bool Keep()
    {
        if (!OperatingSystem.IsLinux() || s_userVariables.Any(name => Environment.GetEnvironmentVariable(name) is not null))
            return false;
        try
        {
            return Set(MostMappings, 0) && Set(TrimThreshold, int.MaxValue) && Set(TopPad, StayingBytes);
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            // Another C library.
            return false;
        }
    }

    private static bool Set(int option, int value) => SetMallocOption(option, value) != 0;

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int SetMallocOption(int option, int value);
}

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
