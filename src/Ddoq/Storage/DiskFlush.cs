using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Ddoq.Storage;

/// <summary>Flushes a file to the disk itself, and says so when the disk refuses.</summary>
/// <remarks>
/// On Linux <see cref="FileStream.Flush(bool)"/> of .NET 10 loses a failure of <c>fsync</c>: its native part keeps the outcome of a
/// comparison instead of the result. So the function is called here.
/// </remarks>
internal static unsafe class DiskFlush
{
    // errno
    private const int Interrupted = 4;
    private const int InputOutput = 5;
    private const int Invalid = 22;
    private const int ReadOnly = 30;
    private const int NotSupported = 95;
    private static readonly delegate* unmanaged<int, int> s_fsync = OperatingSystem.IsLinux()
        ? (delegate* unmanaged<int, int>)NativeLibrary.GetExport(NativeLibrary.GetMainProgramHandle(), "fsync")
        : null;

    /// <summary>Flushes a stream's buffer and its file.</summary>
    /// <exception cref="IOException">The disk is full or broken.</exception>
    public static void Flush(FileStream stream)
    {
        if (s_fsync == null)
        {
            stream.Flush(flushToDisk: true);
            return;
        }

        stream.Flush();
        SafeFileHandle handle = stream.SafeFileHandle;
        int error;
        do
        {
            Marshal.SetLastSystemError(0);
            error = s_fsync((int)handle.DangerousGetHandle()) == 0 ? 0 : Marshal.GetLastSystemError() is > 0 and var reason ? reason : InputOutput;
        }
        while (error == Interrupted);
        GC.KeepAlive(handle);

        // Special files have nothing to flush.
        if (error is not (0 or Invalid or ReadOnly or NotSupported))
            throw new IOException(Marshal.GetPInvokeErrorMessage(error), error);
    }
}
