using System.Runtime.InteropServices;

namespace Ddoq.Cli.Terminal;

/// <summary>OpenSSL, with which .NET computes hashes on Linux: without it the runtime ends the process at the first one.</summary>
internal static class OpenSslLibrary
{
    // What the runtime tries, in its order.
    private static readonly string[] s_names = ["libssl.so.3", "libssl.so.1.1", "libssl.so.1.0.2", "libssl.so.1.0.0", "libssl.so.10"];

    /// <summary>The library that is there.</summary>
    /// <exception cref="DdoqException">There is none.</exception>
    public static string Find()
    {
        if (!OperatingSystem.IsLinux())
            return "not needed";
        foreach (string name in s_names)
        {
            if (NativeLibrary.TryLoad(name, out _))
                return name;
        }

        throw new DdoqException(
            $"OpenSSL was not found (tried {string.Join(", ", s_names)}); files are identified by hashes, which need it",
            "Install it: 'apt-get install libssl3', or 'dnf install openssl-libs'.");
    }
}
