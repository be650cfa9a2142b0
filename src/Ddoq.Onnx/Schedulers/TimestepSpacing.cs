namespace Ddoq.Onnx.Schedulers;

/// <summary>Which of the training timesteps are kept (the names of the diffusers configuration).</summary>
public enum TimestepSpacing
{
    /// <summary>Whole multiples of <c>train / steps</c> plus the offset; the noisiest timestep is left out.</summary>
    Leading,

    /// <summary>Evenly from 0 to the noisiest timestep.</summary>
    Linspace,

    /// <summary>Evenly, counted down from the noisiest timestep.</summary>
    Trailing,
}
