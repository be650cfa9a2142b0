namespace Ddoq.Imaging;

/// <summary>An image file that cannot be decoded: truncated, corrupt, empty or no image at all.</summary>
/// <remarks>The one kind of error that <see cref="DamagePolicy.Skip"/> may pass over.</remarks>
public sealed class DamagedImageException : DdoqException
{
    /// <summary>Creates the error.</summary>
    /// <param name="path">The file.</param>
    /// <param name="reason">What is wrong with it, as the end of a sentence.</param>
    /// <param name="innerException">The decoder's own error, if any.</param>
    public DamagedImageException(string path, string reason, Exception? innerException = null)
        : base($"{path}: {reason}", "replace or delete the file, or allow some damaged images to be skipped", innerException)
    {
        Path = path;
        Reason = reason;
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>What is wrong with it.</summary>
    public string Reason { get; }
}
