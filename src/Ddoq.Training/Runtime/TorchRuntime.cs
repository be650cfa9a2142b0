using System.Runtime.InteropServices;
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
