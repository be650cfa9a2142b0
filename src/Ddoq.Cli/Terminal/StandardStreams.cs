using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Ddoq.Cli.Terminal;

/// <summary>Standard output and error that never stop the work: what a closed pipe or a full disk does not take is dropped.</summary>
internal static partial class StandardStreams
{
    // errno as IOException.HResult holds it: the reader has gone.
    private const int BrokenPipe = 32;
    private static readonly List<SafeFileHandle> s_held = [];
    private static DroppingStream? s_output;

    /// <summary>Puts them in place of the console's own.</summary>
    public static void Protect()
    {
        if (IsInherited(1))
            Console.SetOut(Over(s_output = new DroppingStream(Console.OpenStandardOutput())));
        else
            Console.SetOut(TextWriter.Null);
        Console.SetError(IsInherited(2) ? Over(new DroppingStream(Console.OpenStandardError())) : TextWriter.Null);
        HoldClosedDescriptors();
    }

    /// <summary>The exit code of a command, and a failure instead of success when its result was asked for and lost.</summary>
    /// <param name="exitCode">The exit code so far.</param>
    public static int Finish(int exitCode)
    {
        // Whoever closes stdout, or stops reading it, does not want the rest.
        if (exitCode != 0 || s_output?.Failure is not { } failure || failure.HResult == BrokenPipe)
            return exitCode;
        Console.Error.WriteLine($"error: the result cannot be written to standard output: {failure.Message}");
        Console.Error.WriteLine("hint: The work itself is done and on disk; give standard output room and run the same command again to see the result.");
        return ErrorReport.FailureExitCode;
    }

    private static StreamWriter Over(Stream stream) => new(stream, Console.OutputEncoding) { AutoFlush = true };

    /// <summary>Whether a descriptor came from the caller: a closed one may have been given to a file of the runtime since, which closes on exec.</summary>
    private static bool IsInherited(int descriptor)
    {
        const int GetFlags = 1, CloseOnExec = 1;
        return OperatingSystem.IsWindows() || (FileControl(descriptor, GetFlags) is var flags and >= 0 && (flags & CloseOnExec) == 0);
    }

    // The next file opened would get the number of a closed descriptor, and every message of a library would be written into it.
    private static void HoldClosedDescriptors()
    {
        const string Nowhere = "/dev/null";
        if (OperatingSystem.IsWindows() || !File.Exists(Nowhere))
            return;
        while (true)
        {
            SafeFileHandle handle = File.OpenHandle(Nowhere, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
            if (handle.DangerousGetHandle() > 2)
            {
                handle.Dispose();
                return;
            }

            s_held.Add(handle);
        }
    }

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int FileControl(int descriptor, int command);

    private sealed class DroppingStream(Stream inner) : Stream
    {
        /// <summary>The first failure.</summary>
        public Exception? Failure { get; private set; }

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            try
            {
                inner.Write(buffer);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                Failure ??= e;
            }
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
