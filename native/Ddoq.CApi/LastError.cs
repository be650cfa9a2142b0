namespace Ddoq.CApi;

/// <summary>The words of the last failure, one for each thread.</summary>
internal static unsafe class LastError
{
    private static readonly NativeText s_none = new(string.Empty);

    [ThreadStatic]
    private static NativeText? s_message;

    [ThreadStatic]
    private static NativeText? s_hint;

    /// <summary>What was found; "" before the first failure.</summary>
    public static byte* Message => (s_message ?? s_none).Pointer;

    /// <summary>What to do about it; "" when there is nothing to say.</summary>
    public static byte* Hint => (s_hint ?? s_none).Pointer;

    /// <summary>Takes down a failure of this thread; pointers to the one before end here.</summary>
    public static void Set(string message, string? hint)
    {
        s_message?.Dispose();
        s_hint?.Dispose();
        s_message = new NativeText(message);
        s_hint = new NativeText(hint ?? string.Empty);
    }
}
