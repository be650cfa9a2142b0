using System.Globalization;

namespace Ddoq.Onnx.Schedulers;

/// <summary>Where the reverse process starts: how much noise is put on the prototypes.</summary>
/// <remarks>
/// Models with different noise schedules agree on alpha-bar, the share of the signal's variance that is kept, not on
/// timesteps or strength: prefer <see cref="FromAlphaBar"/>.
/// </remarks>
public readonly record struct StartLevel
{
    private readonly Mode _mode;
    private readonly double _value;

    private StartLevel(Mode mode, double value) => (_mode, _value) = (mode, value);

    private enum Mode
    {
        PureNoise,
        AlphaBar,
        Strength,
        NoDiffusion,
    }

    /// <summary>Starts from noise alone; the prototypes are ignored. The control of every comparison.</summary>
    public static StartLevel PureNoise => default;

    /// <summary>Leaves the prototypes as they are: no noise, no call of the network. The control that shows what diffusion adds.</summary>
    public static StartLevel NoDiffusion { get; } = new(Mode.NoDiffusion, 1);

    /// <summary>Whether the reverse process is left out.</summary>
    public bool IsNoDiffusion => _mode == Mode.NoDiffusion;

    /// <summary>Whether the prototypes are ignored.</summary>
    public bool IsPureNoise => _mode == Mode.PureNoise;

    /// <summary>The alpha-bar that was asked for, 1 for <see cref="NoDiffusion"/>; null for the other kinds.</summary>
    public double? AlphaBar => _mode is Mode.AlphaBar or Mode.NoDiffusion ? _value : null;

    /// <summary>The strength that was asked for; null for the other kinds.</summary>
    public double? Strength => _mode == Mode.Strength ? _value : null;

    internal bool IsStrength => _mode == Mode.Strength;

    /// <summary>Starts at the kept timestep whose alpha-bar is nearest (by absolute difference; the noisier one of two equals).</summary>
    /// <param name="alphaBar">
    /// Share of the signal's variance that is kept, in (0, 1]; D4M starts at 0.0819, and 1 is <see cref="NoDiffusion"/>.
    /// </param>
    /// <exception cref="UsageException"><paramref name="alphaBar"/> is not in (0, 1].</exception>
    public static StartLevel FromAlphaBar(double alphaBar) => alphaBar switch
    {
        1 => NoDiffusion,
        > 0 and < 1 => new StartLevel(Mode.AlphaBar, alphaBar),
        _ => throw new UsageException(
            string.Create(CultureInfo.InvariantCulture, $"start alpha-bar is {alphaBar}; it must lie in (0, 1]"),
            "D4M's start is 0.0819; larger values keep more of the prototype, 1 leaves it as it is"),
    };

    /// <summary>Starts as image-to-image pipelines do: the last <c>min(floor(steps * strength), steps)</c> of the kept timesteps are run.</summary>
    /// <param name="strength">Share of the steps that are run, in (0, 1].</param>
    /// <exception cref="UsageException"><paramref name="strength"/> is not in (0, 1].</exception>
    public static StartLevel FromStrength(double strength) => strength is > 0 and <= 1
        ? new StartLevel(Mode.Strength, strength)
        : throw new UsageException(
            string.Create(CultureInfo.InvariantCulture, $"strength is {strength}; it must lie in (0, 1]"),
            "use a start from pure noise to ignore the prototypes altogether");

    /// <summary>The 0-based index of the first kept timestep that is run; their number when none is.</summary>
    /// <param name="alphaBars">alpha-bar of the kept timesteps, noisiest first (rising).</param>
    /// <exception cref="UsageException">The strength leaves no step to run.</exception>
    public int SelectIndex(ReadOnlySpan<double> alphaBars)
    {
        switch (_mode)
        {
            case Mode.Strength:
                int run = Math.Min((int)(alphaBars.Length * _value), alphaBars.Length);
                return run > 0
                    ? alphaBars.Length - run
                    : throw new UsageException(
                        string.Create(CultureInfo.InvariantCulture, $"strength {_value} of {alphaBars.Length} steps leaves no step to run"),
                        "raise the strength or the number of inference steps");
            case Mode.AlphaBar:
                int best = 0;
                for (int i = 1; i < alphaBars.Length; i++)
                {
                    if (Math.Abs(alphaBars[i] - _value) < Math.Abs(alphaBars[best] - _value))
                        best = i;
                }

                return best;
            case Mode.NoDiffusion:
                return alphaBars.Length;
            default:
                return 0;
        }
    }

    /// <inheritdoc/>
    public override string ToString() => _mode switch
    {
        Mode.AlphaBar => string.Create(CultureInfo.InvariantCulture, $"alpha-bar {_value}"),
        Mode.Strength => string.Create(CultureInfo.InvariantCulture, $"strength {_value}"),
        Mode.NoDiffusion => "the prototype itself, without diffusion",
        _ => "pure noise",
    };
}
