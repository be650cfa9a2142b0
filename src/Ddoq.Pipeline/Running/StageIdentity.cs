using Ddoq.Distilled;
using Ddoq.Latents;
using Ddoq.Storage;

namespace Ddoq.Pipeline;

/// <summary>The identity of a stage's input: what made it when a stage of ours did, else its content.</summary>
internal static class StageIdentity
{
    // Above this a store of another tool is identified by a sample: hashing all of it would cost a second pass over the data.
    private const long MostHashedBytes = 4L << 30;

    /// <summary>Identity of a latent store.</summary>
    /// <remarks>
    /// A store of another tool above 4 GiB is known by its headers, its labels and 256 pages of each shard: rows that are
    /// changed in place, between those pages, go unnoticed there.
    /// </remarks>
    /// <exception cref="DdoqException">It is the unfinished output of a stage, or cannot be read.</exception>
    public static string OfLatents(string path, LatentStore store, CancellationToken cancellation)
    {
        string? folder = Directory.Exists(path) ? path : Path.GetDirectoryName(Path.GetFullPath(path));
        bool isOurs = folder is not null && File.Exists(Path.Combine(folder, StageFolder.RecordFileName));
        return isOurs || store.Files.Sum(file => new FileInfo(file).Length) <= MostHashedBytes ? Of(path) : store.ComputeSampleHash(cancellation);
    }

    /// <summary>Identity of the images of a distilled set; their weights are no part of it.</summary>
    /// <exception cref="DdoqException">It does not exist, or is the unfinished output of a stage.</exception>
    public static string OfImages(string set) =>
        File.Exists(Path.Combine(set, StageFolder.RecordFileName)) || !Directory.Exists(set) ? Of(set) : ContentHash.OfFolder(Path.Combine(set, DistilledSet.TrainFolder));

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
