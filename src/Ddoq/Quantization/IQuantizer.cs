using Ddoq.Latents;

namespace Ddoq.Quantization;

/// <summary>Quantises the classes of a latent source: K centres and their counts for each.</summary>
/// <remarks>
/// Implementations agree: with equal options the assignments are the same up to ties and the distortions within 1e-5
/// relative. The result of a class depends on its rows, its index and the options alone, never on other classes, on the
/// order of work or on the number of workers.
/// </remarks>
public interface IQuantizer : IDisposable
{
    /// <summary>What does the work, in words, for reports, for example <c>CPU, AVX-512</c>.</summary>
    string Description { get; }

    /// <summary>Quantises every class that is not skipped.</summary>
    /// <param name="source">The latents; not modified, not disposed.</param>
    /// <param name="options">The settings; validated first.</param>
    /// <param name="onClassCompleted">
    /// Called once per class as it finishes, in any order, one call at a time, on a thread of the quantiser: the place to
    /// checkpoint. What it throws stops the run and is thrown on.
    /// </param>
    /// <param name="skipClasses">Classes that are complete already; null for none.</param>
    /// <param name="progress">Receives one unit per class under the stage <c>quantize</c>.</param>
    /// <param name="cancellation">Stops between iterations; classes already reported stay valid.</param>
    /// <param name="stopping">Stops when the classes in work (on a device: the batches) are done and reported.</param>
    /// <exception cref="UsageException">A setting is out of range.</exception>
    /// <exception cref="DdoqException">A row holds a value that is not finite (class, row and value are named).</exception>
    /// <exception cref="OperationCanceledException">A token was cancelled before the last class was done.</exception>
    void Fit(
        ILatentSource source,
        QuantizerOptions options,
        Action<ClassQuantization> onClassCompleted,
        IReadOnlySet<int>? skipClasses,
        IProgressSink progress,
        CancellationToken cancellation,
        CancellationToken stopping = default);

    /// <summary>Quantises one class on the calling thread.</summary>
    /// <param name="source">The latents.</param>
    /// <param name="classIndex">The class, 0-based.</param>
    /// <param name="options">The settings; validated first.</param>
    /// <param name="cancellation">Stops between iterations.</param>
    /// <exception cref="UsageException">A setting is out of range.</exception>
    /// <exception cref="DdoqException">A row holds a value that is not finite.</exception>
    ClassQuantization FitClass(ILatentSource source, int classIndex, QuantizerOptions options, CancellationToken cancellation);
}
