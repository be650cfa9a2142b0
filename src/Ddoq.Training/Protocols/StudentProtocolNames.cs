namespace Ddoq.Training.Protocols;

/// <summary>The names by which command lines, configurations and tables call protocols.</summary>
public static class StudentProtocolNames
{
    private static readonly (StudentProtocol Protocol, string Name)[] Names =
    [
        (StudentProtocol.Rded, "rded"),
        (StudentProtocol.StoredSoft, "stored-soft"),
        (StudentProtocol.SmallImage, "small-image"),
        (StudentProtocol.SmallImageDsa, "small-image-dsa"),
        (StudentProtocol.MinimaxHard, "minimax-hard"),
        (StudentProtocol.IgdHard, "igd-hard"),
    ];

    /// <summary>All names, in the order of the protocols.</summary>
    public static IReadOnlyList<string> All { get; } = [.. Names.Select(entry => entry.Name)];

    /// <summary>The name of a protocol, for example <c>rded</c>.</summary>
    /// <exception cref="UsageException">The value is no protocol.</exception>
    public static string ToName(this StudentProtocol protocol)
    {
        foreach ((StudentProtocol candidate, string name) in Names)
        {
            if (candidate == protocol)
                return name;
        }

        throw new UsageException($"there is no evaluation protocol {(int)protocol}");
    }

    /// <summary>The protocol of a name.</summary>
    /// <exception cref="UsageException">The name is unknown; the message lists the allowed ones.</exception>
    public static StudentProtocol Parse(string name)
    {
        foreach ((StudentProtocol protocol, string candidate) in Names)
        {
            if (candidate == name)
                return protocol;
        }

        throw new UsageException($"there is no evaluation protocol '{name}'; allowed are {string.Join(", ", All)}");
    }
}
