namespace Ddoq.Imaging;

/// <summary>What to do with images that cannot be decoded.</summary>
public sealed record DamagePolicy
{
    private DamagePolicy(int limit) => Limit = limit;

    /// <summary>The first damaged image is an error. The default.</summary>
    public static DamagePolicy Fail { get; } = new(0);

    /// <summary>How many damaged images are left out before they are an error.</summary>
    public int Limit { get; }

    /// <summary>Leaves out up to <paramref name="limit"/> damaged images and reports them; one more is an error.</summary>
    /// <exception cref="UsageException"><paramref name="limit"/> is negative.</exception>
    public static DamagePolicy Skip(int limit) => limit >= 0
        ? new DamagePolicy(limit)
        : throw new UsageException($"{limit} damaged images cannot be skipped", "give 0 or more");
}

/// <summary>An image that was left out because it cannot be decoded.</summary>
/// <param name="Index">Its index in the dataset.</param>
/// <param name="Name">Its name, as <see cref="IImageDataset.NameOf"/> gives it.</param>
/// <param name="Reason">What is wrong with it.</param>
public readonly record struct DamagedImage(int Index, string Name, string Reason);

/// <summary>An image file that cannot be decoded: truncated, corrupt, empty or no image at all.</summary>
/// <remarks>The one kind of error that <see cref="DamagePolicy.Skip"/> may pass over.</remarks>
public sealed class DamagedImageException : DdoqException
{
    /// <summary>Creates the error.</summary>
    /// <param name="path">The file.</param>
    /// <param name="reason">What is wrong with it, as the end of a sentence.</param>
    /// <param name="innerException">The decoder's own error, if any.</param>
    public DamagedImageException(string path, string reason, Exception? innerException = null)
        : base($"{path}: {reason}", "replace or delete the file, or let some damaged images be skipped (--max-damaged of ddoq encode, train and distill)", innerException)
    {
        Path = path;
        Reason = reason;
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>What is wrong with it.</summary>
    public string Reason { get; }
}
