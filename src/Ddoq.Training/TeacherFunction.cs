namespace Ddoq.Training;

/// <summary>Labels a batch of images.</summary>
/// <param name="images">[B, 3, H, W] planar RGB in [0, 1], before any normalisation; valid during the call.</param>
/// <param name="count">B.</param>
/// <param name="logits">[B, C], to be filled.</param>
/// <remarks>
/// Called from the training thread, one call at a time per run; runs in parallel call it at the same time, so it must be
/// thread-safe then. The same images must give the same logits, or runs cannot be repeated.
/// </remarks>
public delegate void TeacherFunction(ReadOnlySpan<float> images, int count, Span<float> logits);
