using System.Collections.Concurrent;

namespace Ddoq.Imaging;

/// <summary>What the parts of a dataset hold, after every image was decoded.</summary>
/// <param name="Location">The data folder as it was given.</param>
/// <param name="Parts">The parts that can be opened, training before test.</param>
/// <param name="Missing">Why a part cannot be opened, in words; empty where both can.</param>
public sealed record DatasetSurvey(string Location, IReadOnlyList<PartSurvey> Parts, IReadOnlyList<string> Missing)
{
    /// <summary>Surveys a dataset.</summary>
    /// <param name="dataDir">The data folder.</param>
    /// <param name="workers">Threads that decode; the result does not depend on it.</param>
    /// <param name="begin">Told the name of each part and its number of images before they are read; may be null.</param>
    /// <param name="advance">Told after each image, from many threads; may be null.</param>
    /// <param name="cancellation">Stops.</param>
    /// <exception cref="DdoqException">The folder is no dataset, or its files contradict each other.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static DatasetSurvey Of(
        string dataDir, int workers, Action<string, int>? begin = null, Action? advance = null, CancellationToken cancellation = default)
    {
        var parts = new List<PartSurvey>();
        var missing = new List<UsageException>();
        foreach ((DatasetSplit split, string name) in new[] { (DatasetSplit.Train, "training"), (DatasetSplit.Test, "test") })
        {
            try
            {
                using IImageDataset dataset = ImageDatasets.Open(dataDir, split, new ImageDatasetOptions { Cancellation = cancellation });
                begin?.Invoke(name, dataset.Count);
                parts.Add(PartSurvey.Of(dataset, name, workers, advance, cancellation));
            }
            catch (UsageException e)
            {
                missing.Add(e);
            }
        }

        return parts.Count > 0 ? new DatasetSurvey(dataDir, parts, [.. missing.Select(e => e.Message)]) : throw missing[0];
    }
}

/// <summary>One part of a dataset.</summary>
/// <param name="Name"><c>training</c> or <c>test</c>.</param>
/// <param name="ClassNames">Class names in label order, C of them.</param>
/// <param name="ClassCounts">Images of each class, [C], damaged ones included.</param>
public sealed record PartSurvey(string Name, IReadOnlyList<string> ClassNames, IReadOnlyList<int> ClassCounts)
{
    /// <summary>Images, damaged ones included.</summary>
    public int Count => ClassCounts.Sum();

    /// <summary>How many images have each size as shown, the most frequent first.</summary>
    public required IReadOnlyList<(ImageSize Size, int Count)> Sizes { get; init; }

    /// <summary>How many images have each mode (see <see cref="ImageFacts.Mode"/>), the most frequent first.</summary>
    public required IReadOnlyList<(string Mode, int Count)> Modes { get; init; }

    /// <summary>Images that EXIF turns or mirrors.</summary>
    public required int Turned { get; init; }

    /// <summary>Images that cannot be decoded, in the dataset's order.</summary>
    public required IReadOnlyList<DamagedImage> Damaged { get; init; }

    /// <summary>Files that are no images of the dataset, by kind.</summary>
    public required IReadOnlyList<DataRemark> PassedOver { get; init; }

    /// <summary>What is odd in the images, by kind.</summary>
    public required IReadOnlyList<DataRemark> Remarks { get; init; }

    internal static PartSurvey Of(IImageDataset dataset, string name, int workers, Action? advance, CancellationToken cancellation)
    {
        var sizes = new ConcurrentDictionary<ImageSize, int>();
        var modes = new ConcurrentDictionary<string, int>(StringComparer.Ordinal);
        var damaged = new ConcurrentBag<DamagedImage>();
        int turned = 0;
        WorkerLoop.Run(dataset.Count, workers, i =>
        {
            try
            {
                ImageFacts facts = dataset.Examine(i);
                sizes.AddOrUpdate(facts.Size, 1, static (_, count) => count + 1);
                modes.AddOrUpdate(facts.Mode, 1, static (_, count) => count + 1);
                if (facts.Orientation != 1)
                    Interlocked.Increment(ref turned);
            }
            catch (DdoqException e)
            {
                // A misnamed file stops an encoding as a damaged one does.
                damaged.Add(new DamagedImage(i, dataset.NameOf(i), e is DamagedImageException damage ? damage.Reason : e.Message));
            }

            advance?.Invoke();
        }, cancellation);

        var counts = new int[dataset.ClassNames.Count];
        for (int i = 0; i < dataset.Count; i++)
            counts[dataset.LabelOf(i)]++;
        return new PartSurvey(name, dataset.ClassNames, counts)
        {
            Sizes = [.. sizes.Select(pair => (pair.Key, pair.Value)).OrderByDescending(pair => pair.Value).ThenBy(pair => pair.Key.Width).ThenBy(pair => pair.Key.Height)],
            Modes = [.. modes.Select(pair => (pair.Key, pair.Value)).OrderByDescending(pair => pair.Value).ThenBy(pair => pair.Key, StringComparer.Ordinal)],
            Turned = turned,
            Damaged = [.. damaged.OrderBy(image => image.Index)],
            PassedOver = dataset.PassedOver,
            Remarks = dataset.Remarks,
        };
    }
}
