using System.Runtime.InteropServices;

namespace Ddoq.Storage;

/// <summary>Tells the operating system which mapped pages are wanted soon, and which are done with.</summary>
/// <remarks>Hints: where the system has no such call, nothing happens and nothing but speed and resident memory differ.</remarks>
internal static unsafe partial class MappedPages
{
    private const int WillNeed = 3;
    private const int DoNotNeed = 4;

    // A fault maps its neighbours in the page cache too: 64 KiB at a time on Linux, and newer kernels the whole large folio,
    // up to 2 MiB, that was read from the disk at once. They are let go with it; with 64 KiB alone, a pass over a file that
    // was not in the cache left nearly all of it resident.
    private const nint FaultWindow = 2 << 20;

    private static bool s_isAvailable = OperatingSystem.IsLinux() || OperatingSystem.IsMacOS();

    /// <summary>Starts reading pages from the disk into the system's cache; does not wait for them.</summary>
    /// <param name="start">First byte within a mapping.</param>
    /// <param name="length">Bytes within the mapping.</param>
    public static void Prefetch(byte* start, nint length)
    {
        nint page = Environment.SystemPageSize;
        nint first = RoundDown((nint)start, page);
        Advise(first, RoundUp((nint)start + length, page) - first, WillNeed);
    }

    /// <summary>
    /// Takes pages out of this process's resident memory. They stay readable (the system's cache keeps them while it has
    /// room), so another reader at the same moment only takes a few more faults.
    /// </summary>
    /// <param name="start">First byte within the mapping.</param>
    /// <param name="length">Bytes within the mapping.</param>
    /// <param name="mapping">Start of the whole mapping, at a page's border.</param>
    /// <param name="mappingLength">
    /// Bytes of the whole mapping: what lies beyond belongs to others, whose pages would lose their content.
    /// </param>
    public static void Release(byte* start, nint length, byte* mapping, nint mappingLength)
    {
        nint first = Math.Max(RoundDown((nint)start, FaultWindow), (nint)mapping);
        nint end = Math.Min(RoundUp((nint)start + length, FaultWindow), RoundUp((nint)mapping + mappingLength, Environment.SystemPageSize));
        Advise(first, end - first, DoNotNeed);
    }

    private static nint RoundDown(nint address, nint unit) => address & -unit;

    private static nint RoundUp(nint address, nint unit) => (address + unit - 1) & -unit;

    private static void Advise(nint address, nint length, int advice)
    {
        if (!s_isAvailable || length <= 0)
            return;
        try
        {
            // The result is of no use: refused advice changes nothing.
            _ = Madvise(address, length, advice);
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            s_isAvailable = false;
        }
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Madvise(nint address, nint length, int advice);
}
