using System.Globalization;
using System.Text;
using Ddoq.Storage;

namespace Ddoq.Distilled;

/// <summary>One class of <c>summary.csv</c>.</summary>
/// <param name="Label">The class.</param>
/// <param name="ClassName">Its name.</param>
/// <param name="Folder">Its folder.</param>
/// <param name="Images">Number of images.</param>
/// <param name="Rows">Rows of the source that they stand for: the sum of the cluster sizes.</param>
/// <param name="Weights">How their weights spread.</param>
/// <param name="Distortion">Mean squared distance of the class's latents to their centre; null when unknown.</param>
public sealed record DistilledSummary(
    int Label,
    string ClassName,
    string Folder,
    int Images,
    long Rows,
    WeightStatistics Weights,
    double? Distortion)
{
    /// <summary>Name of the file in the set's folder.</summary>
    public const string FileName = "summary.csv";

    /// <summary>Summarises every class, in label order.</summary>
    /// <param name="set">The set.</param>
    /// <param name="distortion">Each class's distortion; null when unknown.</param>
    public static IReadOnlyList<DistilledSummary> Of(DistilledSet set, Func<int, double>? distortion = null)
    {
        ArgumentNullException.ThrowIfNull(set);
        var folders = new ClassFolders(set.ClassNames);
        IReadOnlyList<WeightStatistics> weights = set.WeightStatistics();
        ILookup<int, long> rows = set.Images.ToLookup(image => image.Label, image => image.ClusterSize);
        return [.. Enumerable.Range(0, set.ClassNames.Count).Select(label => new DistilledSummary(
            label, set.ClassNames[label], folders.Names[label], weights[label].Count, rows[label].Sum(), weights[label], distortion?.Invoke(label)))];
    }

    /// <summary>Writes <c>summary.csv</c> (RFC 4180, but lines end in '\n'), atomically.</summary>
    /// <exception cref="DdoqException">It cannot be written.</exception>
    public static void Save(string folder, IEnumerable<DistilledSummary> classes)
    {
        ArgumentNullException.ThrowIfNull(classes);
        var csv = new StringBuilder("label,class_name,folder,images,rows,weight_min,weight_mean,weight_max,effective_images,distortion\n");
        foreach (DistilledSummary c in classes)
        {
            csv.Append(CultureInfo.InvariantCulture,
                $"{c.Label},{Field(c.ClassName)},{Field(c.Folder)},{c.Images},{c.Rows},{c.Weights.Minimum:R},{c.Weights.Mean:R},{c.Weights.Maximum:R},{c.Weights.EffectiveSampleSize:R},{c.Distortion:R}\n");
        }

        AtomicFile.WriteAllText(Path.Combine(folder, FileName), csv.ToString());
    }

    private static string Field(string text) =>
        text.AsSpan().ContainsAny(",\"\r\n") ? "\"" + text.Replace("\"", "\"\"", StringComparison.Ordinal) + "\"" : text;
}

/// <summary>How the weights of a class (or of any group of images) spread: how many images a student effectively sees.</summary>
/// <param name="Count">Number of weights (K).</param>
/// <param name="Minimum">Least weight; 0 without images.</param>
/// <param name="Maximum">Greatest weight; 0 without images.</param>
/// <param name="Mean">Mean weight; 0 without images.</param>
/// <param name="EffectiveSampleSize">(sum w)^2 / sum w^2: K for equal weights, 1 when one image has all; 0 without weight.</param>
public readonly record struct WeightStatistics(int Count, double Minimum, double Maximum, double Mean, double EffectiveSampleSize)
{
    /// <summary>Summarises weights, which are finite and not negative.</summary>
    public static WeightStatistics Of(ReadOnlySpan<double> weights)
    {
        if (weights.IsEmpty)
            return default;
        double sum = 0, squares = 0, minimum = weights[0], maximum = weights[0];
        foreach (double weight in weights)
        {
            sum += weight;
            squares += weight * weight;
            minimum = Math.Min(minimum, weight);
            maximum = Math.Max(maximum, weight);
        }

        return new WeightStatistics(weights.Length, minimum, maximum, sum / weights.Length, squares > 0 ? sum * sum / squares : 0);
    }

    /// <summary>Summarises the weights of every class.</summary>
    /// <param name="weights">[N] weights, finite and not negative.</param>
    /// <param name="labels">[N] class indices below <paramref name="classCount"/>.</param>
    /// <param name="classCount">C.</param>
    /// <returns>C statistics, in label order.</returns>
    public static IReadOnlyList<WeightStatistics> PerClass(ReadOnlySpan<float> weights, ReadOnlySpan<int> labels, int classCount)
    {
        List<double>[] byClass = [.. Enumerable.Range(0, classCount).Select(_ => new List<double>())];
        for (int i = 0; i < labels.Length; i++)
            byClass[labels[i]].Add(weights[i]);
        return [.. byClass.Select(own => Of(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(own)))];
    }
}
