using NetVips;

namespace Ddoq.Imaging;

/// <summary>Loads libvips and sets it up for many small images at once.</summary>
/// <remarks>
/// The settings hold for the process: one thread an operation (the images are dealt to threads here, and results then do
/// not depend on how libvips divides one), no cache of operations (every image is seen once), and no warnings on standard
/// error (what matters in them is in the exception).
/// </remarks>
internal static class VipsLibrary
{
    // Kept for the life of the process: libvips calls it.
    private static readonly Log.LogDelegate s_ignore = static (_, _, _) => { };

    private static readonly Exception? s_failure = Load();

    /// <exception cref="DdoqException">The native library cannot be loaded.</exception>
    public static void EnsureLoaded()
    {
        if (s_failure is not null)
        {
            throw new DdoqException(
                $"the image library libvips cannot be loaded: {s_failure.Message.Split('\n')[0].Trim()}",
                "install libvips (Debian: libvips42), or use a build that carries it", s_failure);
        }
    }

    private static Exception? Load()
    {
        try
        {
            NetVips.NetVips.Concurrency = 1;
            Cache.Max = 0;
            Log.SetLogHandler("VIPS", Enums.LogLevelFlags.Warning, s_ignore);
            return null;
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException or TypeInitializationException or VipsException)
        {
            return e.InnerException ?? e;
        }
    }
}
