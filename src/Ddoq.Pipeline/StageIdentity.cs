using Ddoq.Storage;

namespace Ddoq.Pipeline;

/// <summary>The identity of a stage's input: what made it when a stage of ours did, else its content.</summary>
internal static class StageIdentity
{
    /// <summary>Identity of a folder or a file.</summary>
    /// <exception cref="DdoqException">It does not exist, or is the unfinished output of a stage.</exception>
    public static string Of(string path)
    {
        string? folder = Directory.Exists(path) ? path : Path.GetDirectoryName(Path.GetFullPath(path));
        if (!Directory.Exists(path) && !File.Exists(path))
            throw new DdoqException($"'{path}' does not exist", "Check the path, or run the stage that makes it.");
        if (folder is not null && File.Exists(Path.Combine(folder, StageFolder.RecordFileName)))
        {
            StageRecord record = StageFolder.Read(folder);
            if (!record.Completed)
                throw new DdoqException($"'{folder}': the stage '{record.Stage}' is not complete", "Run that stage again; it goes on where it stopped.");
            return record.Fingerprint;
        }

        return Directory.Exists(path) ? ContentHash.OfFolder(path) : ContentHash.OfFile(path);
    }
}
