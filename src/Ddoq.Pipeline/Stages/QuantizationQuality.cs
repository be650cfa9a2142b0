using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Ddoq.Quantization;
using Ddoq.Storage;

namespace Ddoq.Pipeline;

/// <summary>The quality report of a quantisation, one line per class: <c>quality.csv</c>.</summary>
/// <remarks>
/// Columns: class, its name, rows, centres; mean squared distance of the rows of the fit to their centres, the variance of all
/// rows, and the share of it that is explained, <c>1 - distortion / variance</c> (nothing for a class without variance); the
/// held-out rows and their mean squared distance; iterations and moves; cells without rows, cells with few (one, or at most a tenth of an equal share), the
/// effective number of cells <c>(sum v)^2 / sum v^2</c>, the least and the most rows of a cell. Where rows have sample weights,
/// distances are weighted means, and shares and v are of the weights. Equal runs give equal bytes: times
/// are kept apart, in <see cref="ClassTimes"/>.
/// </remarks>
public static class QuantizationQuality
{
    /// <summary>Name of the file.</summary>
    public const string FileName = "quality.csv";

    private const string Header =
        "class,class_name,rows,centres,distortion,variance,explained,held_out_rows,held_out_distortion,iterations,moves,empty_cells,tiny_cells,effective_cells,min_count,max_count";

    /// <summary>The line of one class, without its number and name.</summary>
    /// <param name="result">What the quantiser gave.</param>
    /// <param name="variance">Variance of the rows (<see cref="Ddoq.Latents.LatentVariance"/>).</param>
    internal static string Line(ClassQuantization result, double variance) => string.Create(
        CultureInfo.InvariantCulture,
        $"{result.RowCount},{result.CentroidCount},{result.Distortion:R},{variance:R},{Explained(result.Distortion, variance):R},{result.HeldOutRowCount},{result.HeldOutDistortion:R},{result.IterationCount},{result.MoveCount},{result.EmptyCells},{TinyCells(result)},{result.EffectiveCells:R},{result.Counts.DefaultIfEmpty().Min()},{result.Counts.DefaultIfEmpty().Max()}");

    /// <summary>Writes the file, atomically.</summary>
    internal static void Write(string path, IReadOnlyList<string> classNames, IReadOnlyList<string> lines)
    {
        var text = new StringBuilder(Header).Append('\n');
        for (int c = 0; c < classNames.Count; c++)
        {
            text.Append(CultureInfo.InvariantCulture, $"{c},\"{classNames[c].Replace("\"", "\"\"", StringComparison.Ordinal)}\",")
                .Append(lines[c])
                .Append('\n');
        }

        AtomicFile.WriteAllText(path, text.ToString());
    }

    /// <summary>The report in a few figures.</summary>
    /// <param name="path">A <c>quality.csv</c>.</param>
    /// <exception cref="DdoqException">The file cannot be read or is not such a report.</exception>
    public static QualitySummary Summarise(string path)
    {
        string[] lines;
        try
        {
            lines = File.ReadAllLines(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DdoqException($"cannot read '{path}': {e.Message}", "Run the quantize stage again with --force.", e);
        }

        if (lines.Length < 2 || lines[0] != Header)
            throw Bad(path, 1);
        var explained = new double?[lines.Length - 1];
        double rows = 0, distortion = 0, variance = 0, heldOutRows = 0, heldOut = 0, effective = 0;
        long empty = 0, tiny = 0, iterations = 0, centres = 0;
        for (int i = 1; i < lines.Length; i++)
        {
            // The name may hold commas; the fourteen figures behind it do not.
            string[] fields = lines[i].Split(',');
            ReadOnlySpan<string> f = fields.Length >= 16 ? fields.AsSpan(fields.Length - 14) : throw Bad(path, i + 1);
            try
            {
                double n = Number(f[0]), held = Number(f[5]);
                rows += n;
                centres += (long)Number(f[1]);
                distortion += (n - held) * Number(f[2]);
                variance += (n - held) * Number(f[3]);
                explained[i - 1] = f[4].Length > 0 ? Number(f[4]) : null;
                heldOutRows += held;
                heldOut += held > 0 ? held * Number(f[6]) : 0;
                iterations += (long)Number(f[7]);
                empty += (long)Number(f[9]);
                tiny += (long)Number(f[10]);
                effective += Number(f[11]);
            }
            catch (FormatException)
            {
                throw Bad(path, i + 1);
            }
        }

        int classes = lines.Length - 1;
        return new QualitySummary(
            classes, (long)rows, centres, distortion / Math.Max(1, rows - heldOutRows), Explained(distortion, variance), explained, heldOutRows > 0 ? heldOut / heldOutRows : null, empty, tiny, effective / classes, (double)iterations / classes);
    }

    internal static double? Explained(double distortion, double variance) => variance > 0 ? 1 - (distortion / variance) : null;

    private static long TinyCells(ClassQuantization result)
    {
        if (result.Masses is { } masses)
        {
            double share = masses.Sum() / (10 * Math.Max(1, masses.Length));
            return masses.LongCount(mass => mass > 0 && mass <= share);
        }

        long most = Math.Max(1, result.RowCount / (10L * Math.Max(1, result.CentroidCount)));
        return result.Counts.LongCount(count => count > 0 && count <= most);
    }

    private static double Number(string text) => double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture);

    private static DdoqException Bad(string path, int line) =>
        new(string.Create(CultureInfo.InvariantCulture, $"'{path}', line {line}: not a quality report of this version"), "Run the quantize stage again with --force.");
}

/// <summary>The quality report in a few figures, over all classes.</summary>
/// <param name="Classes">Classes.</param>
/// <param name="Rows">Rows.</param>
/// <param name="Centres">Centres.</param>
/// <param name="Distortion">Mean squared distance over all rows of the fits.</param>
/// <param name="Explained">Share of the variance within the classes that is explained; null where there is none.</param>
/// <param name="ExplainedByClass">The same of each class.</param>
/// <param name="HeldOutDistortion">The distortion over all rows held out; null when there are none.</param>
/// <param name="EmptyCells">Cells without rows.</param>
/// <param name="TinyCells">Cells of one row, or of at most a tenth of an equal share.</param>
/// <param name="EffectiveCells">Effective number of cells, mean over the classes.</param>
/// <param name="Iterations">Iterations, mean over the classes.</param>
public sealed record QualitySummary(
    int Classes, long Rows, long Centres, double Distortion, double? Explained, IReadOnlyList<double?> ExplainedByClass, double? HeldOutDistortion, long EmptyCells, long TinyCells, double EffectiveCells, double Iterations);

/// <summary>Seconds that each class took, in <c>classes-timing.json</c>: informative, and apart from what equal runs share.</summary>
/// <remarks>
/// Saved every few seconds, since a flush per class would cost more than a small class. Shares of a run that work in one
/// folder keep a file each. Thread-safe only from the quantiser's callback, which is called one at a time.
/// </remarks>
internal sealed class ClassTimes
{
    private const string Pattern = "classes*-timing.json";
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(10);
    private readonly string _path;
    private readonly SortedDictionary<int, double> _seconds;
    private readonly Stopwatch _sinceSave = Stopwatch.StartNew();

    private ClassTimes(string path, SortedDictionary<int, double> seconds)
    {
        _path = path;
        _seconds = seconds;
    }

    /// <summary>Goes on with what an earlier run of the same share saved.</summary>
    public static ClassTimes Open(string folder, Share share)
    {
        string path = PathOf(folder, share);
        return new ClassTimes(path, Read(path));
    }

    /// <summary>Notes a class; true when it is time to save.</summary>
    public bool Add(int classIndex, double seconds)
    {
        _seconds[classIndex] = Math.Round(seconds, 4);
        return _sinceSave.Elapsed > s_interval;
    }

    /// <summary>Writes the file.</summary>
    public void Save()
    {
        _sinceSave.Restart();
        ResultFiles.Write(_path, _seconds);
    }

    /// <summary>Joins the times of all parts into one file, and removes the shares' own from that folder.</summary>
    public static void Merge(IEnumerable<string> parts, string output)
    {
        var all = new SortedDictionary<int, double>();
        string target = PathOf(output, Share.All);
        foreach (string file in parts.SelectMany(part => Directory.EnumerateFiles(part, Pattern).Order(StringComparer.Ordinal)))
        {
            foreach ((int classIndex, double seconds) in Read(file))
                all.TryAdd(classIndex, seconds);
        }

        if (all.Count > 0)
            ResultFiles.Write(target, all);
        foreach (string file in Directory.EnumerateFiles(output, Pattern).Where(file => Path.GetFileName(file) != Path.GetFileName(target)))
            File.Delete(file);
    }

    private static string PathOf(string folder, Share share) => Path.Combine(
        folder, share.IsPartial ? string.Create(CultureInfo.InvariantCulture, $"classes-{share.Number}-of-{share.Count}-timing.json") : "classes-timing.json");

    private static SortedDictionary<int, double> Read(string path)
    {
        try
        {
            return File.Exists(path) ? JsonSerializer.Deserialize<SortedDictionary<int, double>>(File.ReadAllText(path), ResultFiles.Options) ?? [] : [];
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            // Times inform; a damaged file of them must not stop the work.
            return [];
        }
    }
}
