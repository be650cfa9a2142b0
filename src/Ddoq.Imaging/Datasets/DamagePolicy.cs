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
