namespace Ddoq.CApi;

/// <summary>Structs that begin with their size: those of callers that were compiled against another version.</summary>
internal static unsafe class Versioned
{
    private const uint MostBytes = 1 << 16;

    /// <summary>Copies a caller's struct over defaults.</summary>
    /// <param name="given">The struct; its first field is its size.</param>
    /// <param name="first">Bytes of its first version, which every caller has.</param>
    /// <param name="value">Defaults for what the caller's version lacks; receives the fields.</param>
    /// <param name="name">The argument, for messages.</param>
    /// <exception cref="UsageException">It is null, its size was not set, or it sets fields that this version does not know.</exception>
    public static void Read<T>(void* given, uint first, ref T value, string name)
        where T : unmanaged
    {
        uint size = Size(given, first, name);
        for (uint i = (uint)sizeof(T); i < size; i++)
        {
            if (((byte*)given)[i] != 0)
                throw new UsageException($"{name} sets a field at byte {i} that this version of the library ({LibraryVersion.Text}) does not know.", "Use the header of the library's version, or a newer library.");
        }

        fixed (T* known = &value)
            Buffer.MemoryCopy(given, known, sizeof(T), Math.Min(size, (uint)sizeof(T)));
    }

    /// <summary>Writes as much of a struct as a caller has room for; its size stays the caller's.</summary>
    public static void Write<T>(in T value, uint first, void* given, string name)
        where T : unmanaged
    {
        uint size = Size(given, first, name);
        fixed (T* known = &value)
            Buffer.MemoryCopy((byte*)known + sizeof(uint), (byte*)given + sizeof(uint), size - sizeof(uint), Math.Min(size, (uint)sizeof(T)) - sizeof(uint));
    }

    /// <summary>Looks at a struct that is to be written later.</summary>
    /// <exception cref="UsageException">It is null, or its size was not set.</exception>
    public static void Check(void* given, uint first, string name) => Size(given, first, name);

    /// <summary>Fills a caller's struct with defaults: its own size, and 0 in the fields that this version does not know.</summary>
    /// <exception cref="UsageException">It is null, or shorter than its first version.</exception>
    public static void Initialize<T>(in T defaults, uint first, void* options, nuint size)
        where T : unmanaged
    {
        Guard.Require(options, "options");
        Guard.InRange((long)size, first, MostBytes, "size");
        new Span<byte>(options, (int)size).Clear();
        *(uint*)options = (uint)size;
        Write(defaults, first, options, "options");
    }

    private static uint Size(void* given, uint first, string name)
    {
        Guard.Require(given, name);
        uint size = *(uint*)given;
        if (size < first || size > MostBytes)
            throw new UsageException($"{name}.size is {size}; allowed: the sizeof of the struct, {first} or more.", "Set size before the call; ddoq_quantizer_options_init does it for options.");
        return size;
    }
}
