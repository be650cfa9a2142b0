using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;

namespace Ddoq.Cuda.Tests.Emulation;

/// <summary>The emulated CUDA driver: the whole of Ddoq.Cuda runs on it unchanged. It proves logic, not speed.</summary>
/// <remarks>CMake builds it (native/README.md); without it the tests that need it are skipped and say so.</remarks>
internal static unsafe class EmulatedDriver
{
    private static readonly string s_folder = Metadata("DdoqEmulation");
    private static readonly Lazy<string?> s_missing = new(Connect);
    private static nint s_library;

    /// <summary>A folder that the build told the tests about.</summary>
    public static string Metadata(string key) =>
        typeof(EmulatedDriver).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(one => one.Key == key).Value!;

    /// <summary>Starts a fresh device, or skips the test where there is no emulation.</summary>
    /// <param name="seed">Order of threads, blocks and streams.</param>
    /// <param name="devices">Number of devices.</param>
    /// <param name="memory">Bytes of device memory, of all devices together.</param>
    public static void Start(ulong seed = 1, int devices = 1, long memory = 1L << 30)
    {
        if (s_missing.Value is { } reason)
            Assert.Ignore(reason);
        SetEnvironment("DDOQ_EMULATION_DEVICES", devices);
        SetEnvironment("DDOQ_EMULATION_MEMORY", memory);
        ((delegate* unmanaged<ulong, void>)Export("ddoqEmulationReset"))(seed);
    }

    /// <summary>The nth call from now (1 is the next) of a driver function gives <paramref name="result"/> and does nothing.</summary>
    public static void Fail(string call, int nth, int result)
    {
        fixed (byte* name = Encoding.ASCII.GetBytes(call + "\0"))
            ((delegate* unmanaged<byte*, int, int, void>)Export("ddoqEmulationFail"))(name, nth, result);
    }

    /// <summary>Objects that are alive, in words; empty when there are none.</summary>
    public static string Leaks => Text("ddoqEmulationLeaks");

    /// <summary>What a kernel or copy did wrong; empty when nothing.</summary>
    public static string Fault => Text("ddoqEmulationFault");

    /// <summary>Kernels that have run.</summary>
    public static ulong Launches => ((delegate* unmanaged<ulong>)Export("ddoqEmulationLaunches"))();

    /// <summary>How often each driver function was called.</summary>
    public static IReadOnlyDictionary<string, int> Calls
    {
        get
        {
            byte* buffer = stackalloc byte[8192];
            ((delegate* unmanaged<byte*, int, int>)Export("ddoqEmulationCalls"))(buffer, 8192);
            return Marshal.PtrToStringUTF8((nint)buffer)!
                .Split(',', StringSplitOptions.RemoveEmptyEntries)
                .Select(one => one.Split('='))
                .ToDictionary(one => one[0], one => int.Parse(one[1], CultureInfo.InvariantCulture));
        }
    }

    /// <summary>Checks that the device has no fault, and that nothing is left on it.</summary>
    public static void ExpectClean()
    {
        if (s_missing.Value is not null)
            return;
        Assert.Multiple(() =>
        {
            Assert.That(Fault, Is.Empty);
            Assert.That(Leaks, Is.Empty);
        });
    }

    private static string Text(string function)
    {
        byte* buffer = stackalloc byte[1024];
        ((delegate* unmanaged<byte*, int, int>)Export(function))(buffer, 1024);
        return Marshal.PtrToStringUTF8((nint)buffer)!;
    }

    private static nint Export(string name) => NativeLibrary.GetExport(s_library, name);

    private static string? Connect()
    {
        string library = Path.Combine(s_folder, "libddoq_emulated_cuda.so");
        if (!File.Exists(library))
            return $"there is no emulated CUDA driver at {library}: run cmake -S . -B build/native && cmake --build build/native --target ddoq_emulated_cuda";
        if (!NativeLibrary.TryLoad(library, out s_library))
            return $"{library} cannot be loaded here";
        Environment.SetEnvironmentVariable("DDOQ_CUDA_DRIVER", library);
        Environment.SetEnvironmentVariable("DDOQ_KERNELS", Path.Combine(s_folder, "ddoq_kernels.emulated"));
        return null;
    }

    // The emulation reads the C library's environment, of which .NET keeps a copy of its own.
    private static void SetEnvironment(string name, long value)
    {
        fixed (byte* key = Encoding.ASCII.GetBytes(name + "\0"))
        fixed (byte* text = Encoding.ASCII.GetBytes(value + "\0"))
            ((delegate* unmanaged<byte*, byte*, int, int>)NativeLibrary.GetExport(NativeLibrary.GetMainProgramHandle(), "setenv"))(key, text, 1);
    }
}
