using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;

namespace Ddoq.Tests.CApi;

/// <summary>libddoq as it is published, with a runtime of its own in this process; tests that need it are skipped where it is missing.</summary>
internal static unsafe class PublishedLibrary
{
    // What the library is compiled for (native/Ddoq.CApi): both sides must use one instruction set to give the same bits.
    public const string InstructionSet = "AVX2";

    private static readonly string s_path = Path.Combine(
        typeof(PublishedLibrary).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(one => one.Key == "RepositoryRoot").Value!, "artifacts", "libddoq", "libddoq.so");

    private static readonly Lazy<string?> s_missing = new(Load);
    private static nint s_library;

    /// <summary>Loads the library, or skips the test.</summary>
    public static void Require()
    {
        if (s_missing.Value is { } reason)
            Assert.Ignore(reason);
    }

    /// <summary>The address of an exported function.</summary>
    public static nint Function(string name) => NativeLibrary.GetExport(s_library, name);

    /// <summary>A text that a function returned.</summary>
    public static string Text(string function) => Marshal.PtrToStringUTF8(((delegate* unmanaged<nint>)Function(function))())!;

    private static string? Load()
    {
        if (!File.Exists(s_path))
            return $"there is no {s_path}: dotnet publish native/Ddoq.CApi -c Release -r linux-x64 -o artifacts/libddoq";

        // Its runtime reads the C library's environment, of which the runtime of these tests keeps a copy.
        fixed (byte* key = Encoding.ASCII.GetBytes("DDOQ_SIMD\0"), value = Encoding.ASCII.GetBytes(InstructionSet + "\0"))
            ((delegate* unmanaged<byte*, byte*, int, int>)NativeLibrary.GetExport(NativeLibrary.GetMainProgramHandle(), "setenv"))(key, value, 1);
        s_library = NativeLibrary.Load(s_path);
        return ((delegate* unmanaged<nint>)Function("ddoq_instruction_set"))() == 0 ? Text("ddoq_last_error") : null;
    }
}
