using System.Collections.Concurrent;

namespace Ddoq.CApi;

/// <summary>What callers hold: numbers in the place of addresses, so that a wrong or destroyed handle is noticed.</summary>
internal static class Handles
{
    private static readonly ConcurrentDictionary<nint, object> s_objects = new();
    private static long s_last;

    /// <summary>Handles that are alive.</summary>
    public static int Count => s_objects.Count;

    /// <summary>A handle for an object.</summary>
    public static nint Add(object one)
    {
        var handle = (nint)((Interlocked.Increment(ref s_last) << 4) | 1); // odd: no address of memory
        s_objects[handle] = one;
        return handle;
    }

    /// <summary>The object of a handle.</summary>
    /// <exception cref="UsageException">It is none, of another kind, or destroyed.</exception>
    public static T Get<T>(nint handle, string name)
        where T : class
    {
        if (handle == 0)
            throw new UsageException($"{name} is null; allowed: a handle that the library gave.");
        return s_objects.TryGetValue(handle, out object? one) && one is T found
            ? found
            : throw new UsageException($"{name} is no handle of that kind; it was destroyed, or belongs to something else.");
    }

    /// <summary>Ends a handle; 0 and unknown ones are passed over.</summary>
    public static void Remove<T>(nint handle)
        where T : class, IDisposable
    {
        if (s_objects.TryGetValue(handle, out object? one) && one is T found && s_objects.TryRemove(handle, out _))
            found.Dispose();
    }
}
