using System.Runtime.InteropServices;
using System.Text;

namespace Ddoq.CApi;

/// <summary>A text in unmanaged memory, UTF-8 with a zero behind, for pointers that callers keep.</summary>
internal sealed unsafe class NativeText : IDisposable
{
    /// <summary>Copies a text.</summary>
    public NativeText(string text)
    {
        int bytes = Encoding.UTF8.GetByteCount(text);
        Pointer = (byte*)NativeMemory.Alloc((nuint)bytes + 1);
        Encoding.UTF8.GetBytes(text, new Span<byte>(Pointer, bytes));
        Pointer[bytes] = 0;
    }

    /// <summary>Gives the memory back when no owner did, for example after the end of its thread.</summary>
    ~NativeText() => NativeMemory.Free(Pointer);

    /// <summary>The first byte.</summary>
    public byte* Pointer { get; private set; }

    /// <summary>Reads a caller's text.</summary>
    /// <exception cref="UsageException">It is null or empty.</exception>
    public static string Read(byte* text, string name)
    {
        if (text == null || *text == 0)
            throw new UsageException($"{name} is {(text == null ? "null" : "empty")}; allowed: a text in UTF-8.");
        return Marshal.PtrToStringUTF8((nint)text)!;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        NativeMemory.Free(Pointer);
        Pointer = null;
        GC.SuppressFinalize(this);
    }
}
