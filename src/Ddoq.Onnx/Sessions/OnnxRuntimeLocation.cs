using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;

namespace Ddoq.Onnx.Sessions;

/// <summary>Which native ONNX Runtime is loaded: the one that came with the program, or one the user has.</summary>
/// <remarks>Thread-safe. The choice is made once, before the first network is opened.</remarks>
public static class OnnxRuntimeLocation
{
    /// <summary>The environment variable that names a directory, when <see cref="Use"/> was not called.</summary>
    public const string EnvironmentVariable = "DDOQ_ORT_PATH";

    private static readonly Lock s_lock = new();
    private static nint s_library;
    private static bool s_ready;

    /// <summary>The directory in use; null for the runtime that came with the program.</summary>
    public static string? Directory { get; private set; }

    /// <summary>Loads ONNX Runtime from a directory, for example a GPU build.</summary>
    /// <param name="directory">The directory that holds <c>libonnxruntime.so</c>, <c>onnxruntime.dll</c> or <c>libonnxruntime.dylib</c>.</param>
    /// <exception cref="UsageException">The directory holds no library, one that does not load, or one that is too old.</exception>
    /// <exception cref="InvalidOperationException">Another runtime is already loaded.</exception>
    public static void Use(string directory)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        string full = Path.GetFullPath(directory);
        lock (s_lock)
        {
            if (Directory == full)
                return;
            if (s_ready || Directory is not null)
                throw new InvalidOperationException($"ONNX Runtime is already loaded from {Directory ?? "the program's own files"}");
            string file = Find(full);
            nint library;
            try
            {
                library = NativeLibrary.Load(file);
            }
            catch (Exception exception) when (exception is DllNotFoundException or BadImageFormatException)
            {
                throw new UsageException($"{file} does not load: {ProviderSelection.FirstLine(exception.Message)}", "check that the build is for this system and that the libraries it needs are on the library path", exception);
            }

            CheckVersion(file, library);
            s_library = library;
            OrtEnv.DisableDllImportResolver = true;
            NativeLibrary.SetDllImportResolver(typeof(OrtEnv).Assembly, static (name, _, _) => name.StartsWith("onnxruntime", StringComparison.Ordinal) ? s_library : 0);
            Directory = full;
        }
    }

    /// <summary>Loads the runtime, if that has not happened yet, and says which it is.</summary>
    /// <returns>The runtime's version and the names of its execution providers, best first.</returns>
    /// <exception cref="DdoqException">No runtime is found.</exception>
    public static (string Version, IReadOnlyList<string> Providers) Load()
    {
        lock (s_lock)
        {
            if (!s_ready && Directory is null && Environment.GetEnvironmentVariable(EnvironmentVariable) is { Length: > 0 } directory)
                Use(directory);
            try
            {
                if (!s_ready && !OrtEnv.IsCreated)
                {
                    // Warnings about graph rewriting are of no use to who runs a model.
                    var options = new EnvironmentCreationOptions { logId = "ddoq", logLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
                    OrtEnv.CreateInstanceWithOptions(ref options);
                }

                s_ready = true;
                return (OrtEnv.Instance().GetVersionString(), OrtEnv.Instance().GetAvailableProviders());
            }
            catch (Exception exception) when (exception is DllNotFoundException or TypeInitializationException or BadImageFormatException or EntryPointNotFoundException)
            {
                Exception cause = exception.InnerException ?? exception;
                throw new DdoqException($"ONNX Runtime does not load: {ProviderSelection.FirstLine(cause.Message)}", "reinstall the program, or give a build of ONNX Runtime with --ort-path DIR", exception);
            }
        }
    }

    private static string Find(string directory)
    {
        if (!System.IO.Directory.Exists(directory))
            throw new UsageException($"ONNX Runtime directory {directory} does not exist");
        foreach (string name in (ReadOnlySpan<string>)["libonnxruntime.so", "onnxruntime.dll", "libonnxruntime.dylib"])
        {
            string file = Path.Combine(directory, name);
            if (File.Exists(file))
                return file;
        }

        // Release archives for Linux may hold only the versioned name.
        return System.IO.Directory.EnumerateFiles(directory, "libonnxruntime.so.*").Order(StringComparer.Ordinal).LastOrDefault()
            ?? throw new UsageException($"{directory} holds no libonnxruntime.so, onnxruntime.dll or libonnxruntime.dylib", "give the directory of the library itself, often lib/ of a release archive");
    }

    // An older library has no function table for the managed part, which then fails without a reason.
    private static unsafe void CheckVersion(string file, nint library)
    {
        if (!NativeLibrary.TryGetExport(library, "OrtGetApiBase", out nint export))
            throw new UsageException($"{file} is not ONNX Runtime: it has no OrtGetApiBase");
        var table = (nint*)((delegate* unmanaged<nint>)export)();
        string version = Marshal.PtrToStringUTF8(((delegate* unmanaged<nint>)table[1])()) ?? "";
        Version needed = typeof(OrtEnv).Assembly.GetName().Version!;
        if (!Version.TryParse(version, out Version? found) || found.Major != needed.Major || found.Minor < needed.Minor)
        {
            throw new UsageException(
                string.Create(CultureInfo.InvariantCulture, $"{file} is ONNX Runtime {version}; {needed.Major}.{needed.Minor} or later is needed"),
                "install a newer build");
        }
    }
}
