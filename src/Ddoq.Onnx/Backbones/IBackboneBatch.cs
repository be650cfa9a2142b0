namespace Ddoq.Onnx.Backbones;

/// <summary>The buffers of one batch in flight. Not safe for concurrent use.</summary>
/// <remarks>Spans stay valid until the batch is disposed; their contents until the next <see cref="Predict"/>.</remarks>
public interface IBackboneBatch : IDisposable
{
    /// <summary>Rows (B).</summary>
    int BatchSize { get; }

    /// <summary>The network's input, [B, c, h, w]; written by the caller before each <see cref="Predict"/>.</summary>
    Span<float> Latents { get; }

    /// <summary>The last prediction for the rows' classes, [B, c or 2c, h, w].</summary>
    ReadOnlySpan<float> Conditional { get; }

    /// <summary>The last prediction without a class, [B, c or 2c, h, w]; empty when not guided.</summary>
    ReadOnlySpan<float> Unconditional { get; }

    /// <summary>Sets the rows' classes, which hold until they are set again.</summary>
    /// <param name="classes">B class indices, 0-based.</param>
    void SetClasses(ReadOnlySpan<int> classes);

    /// <summary>Runs the network, with the guided rows in the same call.</summary>
    /// <param name="timestep">Training timestep, the same for all rows; rounded where the network takes whole ones.</param>
    /// <exception cref="DdoqException">The network fails.</exception>
    void Predict(double timestep);
}
