namespace Ddoq.Onnx.Synthesis;

/// <summary>One batch in flight, from prototypes to synthesised latents. Not safe for concurrent use.</summary>
internal interface ISynthesisLane : IDisposable
{
    /// <summary>Runs the reverse process on the rows of one batch.</summary>
    /// <param name="prototypes">[rows, c, h, w]; empty when the start is pure noise.</param>
    /// <param name="classes">At most a batch of classes.</param>
    /// <param name="streams">Their noise streams.</param>
    /// <param name="latents">Receives [rows, c, h, w].</param>
    /// <param name="cancellation">Looked at before every network call.</param>
    void Run(ReadOnlySpan<float> prototypes, ReadOnlySpan<int> classes, ReadOnlySpan<ulong> streams, Span<float> latents, CancellationToken cancellation);
}
