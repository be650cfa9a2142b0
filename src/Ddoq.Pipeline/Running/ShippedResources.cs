namespace Ddoq.Pipeline;

/// <summary>The sample data and reference models that come with the program.</summary>
public static class ShippedResources
{
    /// <summary>Folder of the embedded sample (12,000 + 2,000 images of Fashion-MNIST).</summary>
    public static string SampleData => Find("samples", "fashion-mnist");

    /// <summary>Folder of the reference diffusion model for the sample.</summary>
    public static string ReferenceModel => Find("models", "fashion-mnist");

    private static string Find(string kind, string name)
    {
        // Beside the program when built or published; above it when a library user runs from a source tree.
        for (string? folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            string candidate = Path.Combine(folder, kind, name);
            if (Directory.Exists(candidate))
                return candidate;
        }

        throw new DdoqException(
            $"the shipped folder {kind}/{name} was not found at or above {AppContext.BaseDirectory}",
            kind == "samples" ? "Give --data-dir, or reinstall." : "Give --model, or reinstall.");
    }
}
