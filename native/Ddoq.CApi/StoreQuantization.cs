using Ddoq.Distilled;
using Ddoq.Latents;
using Ddoq.Quantization;

namespace Ddoq.CApi;

/// <summary>Quantises every class of a store into a prototypes file, which holds the bytes that <c>ddoq quantize</c> would write.</summary>
internal static class StoreQuantization
{
    /// <summary>Writes the file when all classes are done, else nothing.</summary>
    /// <param name="quantizer">What does the work.</param>
    /// <param name="store">The latents.</param>
    /// <param name="path">The file.</param>
    /// <param name="progress">Is told of every class.</param>
    /// <param name="cancellation">Stops between iterations.</param>
    /// <exception cref="DdoqException">A class has no rows, a value is not finite, or the file cannot be written; its folder must exist.</exception>
    public static void Run(QuantizerObject quantizer, StoreObject store, string path, CallerProgress progress, CancellationToken cancellation)
    {
        LatentStore latents = store.Store;
        for (int c = 0; c < latents.ClassNames.Count; c++)
        {
            if (latents.RowCount(c) == 0)
                throw new DdoqException($"{store.Path}: class '{latents.ClassNames[c]}' has no rows", "Encode images of that class, or leave it out of the class list.");
        }

        // Results wait on the disk, so that memory does not grow with the number of classes.
        string folder = $"{System.IO.Path.GetFullPath(path)}.{Guid.NewGuid():N}.classes";
        Create(folder);
        try
        {
            var checkpoint = new PrototypeCheckpoint(folder, PrototypeInfo.Of(latents.Info, quantizer.Options, latents.HasSampleWeights), flushToDisk: false);
            quantizer.Quantizer.Fit(latents, quantizer.Options, Save, null, progress, cancellation);
            cancellation.ThrowIfCancellationRequested();
            checkpoint.Assemble(path);

            void Save(ClassQuantization result)
            {
                checkpoint.Save(result.ClassIndex, ClassPrototypes.Create(latents.Shape.Length, result.Centroids, result.Counts, result.Distortion, result.Masses));
                progress.Completed(result);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // Beside the file, in a folder that must exist: a wrong path is not made right by creating it.
    private static void Create(string folder)
    {
        string parent = System.IO.Path.GetDirectoryName(folder)!;
        if (!Directory.Exists(parent))
            throw new DdoqException($"the folder '{parent}' does not exist", "Create it, or choose another place for the prototypes.");
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new DdoqException($"'{folder}' cannot be created: {exception.Message}", "Choose another place for the prototypes.", exception);
        }
    }
}
