using System.Globalization;

namespace Ddoq.Pipeline.Configuration;

/// <summary>One documented setting: its TOML key, its flag, its default and what it accepts.</summary>
/// <remarks>
/// The table in <see cref="Settings"/> is the only place where a setting is declared; flags, TOML keys, help texts, the
/// effective configuration and its checks are all read from it.
/// </remarks>
public abstract class Setting
{
    private protected Setting(string key, string flag, string description)
    {
        Key = key;
        Flag = flag;
        Description = description;
    }

    /// <summary>Dotted TOML key, for example <c>synthesize.guidance_scale</c>.</summary>
    public string Key { get; }

    /// <summary>Command line flag, for example <c>--guidance-scale</c>.</summary>
    public string Flag { get; }

    /// <summary>One sentence for help texts.</summary>
    public string Description { get; }

    /// <summary>The values allowed, in words, for help and errors.</summary>
    public abstract string Allowed { get; }

    /// <summary>The default in TOML's notation; empty when unset by default.</summary>
    public abstract string DefaultText { get; }

    /// <summary>
    /// True when the setting cannot change any result (threads, progress): it is left out of fingerprints and of the saved
    /// configuration, so that runs that differ only in it produce the same bytes.
    /// </summary>
    public bool IsVolatile { get; init; }

    /// <summary>Parses a value given as text.</summary>
    /// <param name="text">The value.</param>
    /// <param name="source">Where it was given, for the error text.</param>
    /// <exception cref="UsageException">The value is not allowed.</exception>
    public abstract object Parse(string text, string source);

    /// <summary>Writes a parsed value in TOML's notation.</summary>
    public abstract string Format(object value);

    private protected UsageException Reject(string text, string source) => new(
        string.Create(CultureInfo.InvariantCulture, $"{source}: '{text}' is not allowed for {Key}; allowed: {Allowed}"),
        $"Give {Flag} or the key {Key} one of: {Allowed}.");
}
