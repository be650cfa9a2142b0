using System.Globalization;

namespace Ddoq.Pipeline.Configuration;

/// <summary>Stages of the pipeline, as the settings that serve them name them.</summary>
[Flags]
public enum PipelineStages
{
    /// <summary>No stage: the settings of the comparison alone.</summary>
    None = 0,

    /// <summary>Images to latents.</summary>
    Encode = 1,

    /// <summary>Latents to prototypes.</summary>
    Quantize = 2,

    /// <summary>Prototypes to images.</summary>
    Synthesize = 4,

    /// <summary>Images to soft labels.</summary>
    Label = 8,

    /// <summary>Images to students.</summary>
    Train = 16,

    /// <summary>Prototypes against latents.</summary>
    Evaluate = 32,

    /// <summary>The checks of the installation.</summary>
    Doctor = 64,

    /// <summary>Images or candidates to the chosen ones.</summary>
    Select = 128,
}

/// <summary>One setting, declared once: its names, what it accepts, its default, whom it serves and where its value goes.</summary>
/// <remarks>
/// Command line options, TOML keys, help, the settings pages, the options records of the stages, stage identities and the
/// saved configuration are all read from the declarations in <see cref="Settings"/>.
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

    /// <summary>Name in stage records: the flag's words, for example <c>guidance_scale</c>.</summary>
    public string RecordKey => Flag.TrimStart('-').Replace('-', '_');

    /// <summary>The stages that read the setting; their commands offer it.</summary>
    public required PipelineStages Stages { get; init; }

    /// <summary>
    /// True when the setting cannot change any result (threads, caches): it is left out of stage identities and of the saved
    /// configuration, so that runs that differ only in it produce the same bytes.
    /// </summary>
    public bool IsVolatile { get; init; }

    /// <summary>True when the value is where something lies, or a limit: stage identities hold the content found there instead.</summary>
    public bool IsOutsideIdentity { get; init; }

    /// <summary>Who decides when nobody gives a value and there is no default, for example <c>the model</c>; null where there is a default.</summary>
    public string? DecidedBy { get; init; }

    /// <summary>A word that takes back a value and leaves the decision to <see cref="DecidedBy"/>, for example <c>auto</c>.</summary>
    public string? UnsetWord { get; init; }

    /// <summary>When the setting has an effect; null for always.</summary>
    public SettingCondition? Needs { get; init; }

    /// <summary>A setting that cannot be given beside this one.</summary>
    public Setting? Excludes { get; init; }

    /// <summary>The values allowed, in words, for help and errors.</summary>
    public abstract string Allowed { get; }

    /// <summary>The names of named values; none for other kinds.</summary>
    public abstract IReadOnlyList<string> Names { get; }

    /// <summary>Which values of TOML fit.</summary>
    public abstract TomlKinds Kinds { get; }

    /// <summary>The default in TOML's notation; empty when unset by default.</summary>
    public string DefaultText => DefaultValue is { } value ? Format(value) : string.Empty;

    /// <summary>The default; null when unset by default.</summary>
    internal abstract object? DefaultValue { get; }

    /// <summary>Parses a value given as text.</summary>
    /// <param name="text">The value.</param>
    /// <param name="source">Where it was given, for the error text.</param>
    /// <exception cref="UsageException">The value is not allowed.</exception>
    public abstract object Parse(string text, string source);

    /// <summary>Writes a parsed value in TOML's notation.</summary>
    public abstract string Format(object value);

    /// <summary>A parsed value as people write it: without TOML's quotes.</summary>
    public string Show(object value) => Format(value).Trim('"');

    /// <summary>Puts a value into an options record, when that record has a place for it.</summary>
    internal abstract TOptions Apply<TOptions>(OptionsOf<TOptions> record, TOptions options, object value)
        where TOptions : notnull;

    /// <summary>Reads the value from an options record; false when the record has no place for it.</summary>
    internal abstract bool TryRead<TOptions>(OptionsOf<TOptions> record, TOptions options, out object? value)
        where TOptions : notnull;

    /// <summary>What the help says behind the description.</summary>
    public string HelpNote()
    {
        string note = Allowed;
        if (DefaultText.Length > 0)
            note += "; default " + DefaultText;
        else if (DecidedBy is not null)
            note += "; default: " + DecidedBy;
        return Needs is null ? note : $"{note}; only with {Needs}";
    }

    private protected UsageException Reject(string text, string source) => new(
        string.Create(CultureInfo.InvariantCulture, $"{source}: '{text}' is not allowed for {Key}; allowed: {Allowed}"),
        $"{Flag}, or the key {Key} in the file, takes {Allowed}.");
}

/// <summary>A setting with values of type <typeparamref name="T"/>.</summary>
/// <typeparam name="T">The type of the parsed value.</typeparam>
public sealed class Setting<T> : Setting
    where T : notnull
{
    private readonly SettingValues<T> _values;
    private readonly List<object> _places = [];
    private Func<object?> _default = static () => null;

    /// <summary>Declares a setting.</summary>
    /// <param name="key">Dotted TOML key.</param>
    /// <param name="flag">Command line flag.</param>
    /// <param name="description">One sentence for help texts.</param>
    /// <param name="values">What it accepts.</param>
    public Setting(string key, string flag, string description, SettingValues<T> values)
        : base(key, flag, description) => _values = values;

    /// <inheritdoc/>
    public override string Allowed => UnsetWord is null ? _values.Allowed : Names.Count > 0 ? $"{UnsetWord}, {_values.Allowed}" : $"{UnsetWord}, or {_values.Allowed}";

    /// <inheritdoc/>
    public override IReadOnlyList<string> Names => _values.Names;

    /// <inheritdoc/>
    public override TomlKinds Kinds => _values.Kinds;

    /// <summary>Default of a setting that has no place in an options record.</summary>
    public T Default
    {
        init => _default = () => value;
    }

    /// <inheritdoc/>
    internal override object? DefaultValue => DecidedBy is null ? _default() : null;

    /// <summary>Gives the setting a place in an options record; the first place's value there is the setting's default.</summary>
    /// <param name="record">The record, with its defaults.</param>
    /// <param name="read">Reads the value; null where the record leaves it open.</param>
    /// <param name="write">Gives a record with the value.</param>
    /// <returns>This setting.</returns>
    internal Setting<T> In<TOptions>(OptionsOf<TOptions> record, Func<TOptions, object?> read, Func<TOptions, T, TOptions> write)
        where TOptions : notnull
    {
        if (_places.Count == 0)
            _default = () => read(record.Defaults);
        _places.Add(new Place<TOptions>(record, read, write));
        return this;
    }

    /// <inheritdoc/>
    public override object Parse(string text, string source) => _values.TryParse(text, out T? value) ? value : throw Reject(text, source);

    /// <inheritdoc/>
    public override string Format(object value) => _values.Format((T)value);

    /// <inheritdoc/>
    internal override TOptions Apply<TOptions>(OptionsOf<TOptions> record, TOptions options, object value) =>
        Find(record) is { } place ? place.Write(options, (T)value) : options;

    /// <inheritdoc/>
    internal override bool TryRead<TOptions>(OptionsOf<TOptions> record, TOptions options, out object? value)
    {
        Place<TOptions>? place = Find(record);
        value = place?.Read(options);
        return place is not null;
    }

    private Place<TOptions>? Find<TOptions>(OptionsOf<TOptions> record)
        where TOptions : notnull => _places.OfType<Place<TOptions>>().FirstOrDefault(place => ReferenceEquals(place.Record, record));

    private sealed record Place<TOptions>(OptionsOf<TOptions> Record, Func<TOptions, object?> Read, Func<TOptions, T, TOptions> Write)
        where TOptions : notnull;
}

/// <summary>Says with which values of another setting a setting has an effect.</summary>
public sealed class SettingCondition
{
    private readonly object[] _values;

    private SettingCondition(Setting on, object[] values)
    {
        On = on;
        _values = values;
    }

    /// <summary>The other setting.</summary>
    public Setting On { get; }

    /// <summary>An effect only with some values of another setting.</summary>
    public static SettingCondition With<T>(Setting<T> on, params T[] values)
        where T : notnull => new(on, [.. values.Cast<object>()]);

    /// <summary>Whether the setting has an effect beside this value; always where it is left open.</summary>
    public bool Holds(object? value) => value is null || _values.Contains(value);

    /// <inheritdoc/>
    public override string ToString() => $"{On.Flag} {string.Join(", ", _values.Select(On.Show))}";
}

/// <summary>An options record as the settings know it: they say where in it their values go, it holds their defaults.</summary>
/// <param name="defaults">The record when nobody gives anything.</param>
/// <typeparam name="TOptions">The record.</typeparam>
public sealed class OptionsOf<TOptions>(TOptions defaults)
    where TOptions : notnull
{
    /// <summary>The record when nobody gives anything.</summary>
    public TOptions Defaults { get; } = defaults;

    /// <summary>The record with the values of a configuration.</summary>
    internal TOptions Read(PipelineConfiguration configuration)
    {
        TOptions options = Defaults;
        foreach ((Setting setting, object value) in configuration.GivenValues())
            options = setting.Apply(this, options, value);
        return options;
    }

    /// <summary>The values of a record that a stage's result depends on, for its identity: what has no effect is left out.</summary>
    internal IEnumerable<KeyValuePair<string, string>> Describe(TOptions options, PipelineStages stage)
    {
        foreach (Setting setting in Settings.All.Where(setting => setting.Stages.HasFlag(stage) && !setting.IsVolatile && !setting.IsOutsideIdentity))
        {
            if (!setting.TryRead(this, options, out object? value) || value is null)
                continue;
            object? other = null;
            setting.Needs?.On.TryRead(this, options, out other);
            if (setting.Needs?.Holds(other) ?? true)
                yield return new(setting.RecordKey, setting.Show(value));
        }
    }
}
