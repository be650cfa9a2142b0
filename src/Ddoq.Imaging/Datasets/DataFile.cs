namespace Ddoq.Imaging;

/// <summary>Turns the file system's exceptions into errors that name the file.</summary>
internal static class DataFile
{
    public static byte[] ReadAllBytes(string path) => Guard(path, 0, static (_, path) => File.ReadAllBytes(path));

    public static TResult Guard<TState, TResult>(string path, TState state, Func<TState, string, TResult> read)
    {
        try
        {
            return read(state, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DdoqException(
                $"{path} cannot be read: {e.Message}", "check that it is there and that you may read it", e);
        }
    }
}
