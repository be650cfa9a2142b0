namespace Ddoq.Pipeline.Configuration;

/// <summary>A setting with values of type <typeparamref name="T"/>.</summary>
/// <typeparam name="T">The type of the parsed value.</typeparam>
public sealed class Setting<T> : Setting
    where T : notnull
{
    private readonly Func<string, (bool Ok, T Value)> _parse;
    private readonly Func<T, string> _format;
    private readonly T? _default;

    internal Setting(
        string key,
        string flag,
        string description,
        string allowed,
        T? defaultValue,
        Func<string, (bool Ok, T Value)> parse,
        Func<T, string> format,
        bool hasDefault = true)
        : base(key, flag, description)
    {
        Allowed = allowed;
        _default = defaultValue;
        _parse = parse;
        _format = format;
        HasDefault = hasDefault;
    }

    /// <inheritdoc/>
    public override string Allowed { get; }

    /// <summary>Whether the setting has a value when nobody gives one.</summary>
    public bool HasDefault { get; }

    /// <summary>The default value; meaningful only when <see cref="HasDefault"/>.</summary>
    public T Default => _default!;

    /// <inheritdoc/>
    public override string DefaultText => HasDefault ? _format(_default!) : string.Empty;

    /// <inheritdoc/>
    public override object Parse(string text, string source)
    {
        (bool ok, T value) = _parse(text);
        return ok ? value : throw Reject(text, source);
    }

    /// <inheritdoc/>
    public override string Format(object value) => _format((T)value);
}
