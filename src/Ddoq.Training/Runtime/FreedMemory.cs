using System.Runtime.InteropServices;

namespace Ddoq.Training.Runtime;

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
