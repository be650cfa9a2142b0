using System.Globalization;
using System.Text;
using Ddoq.Quantization;
using Ddoq.Storage;

namespace Ddoq.Pipeline;

/// <summary>The quality report of a quantisation, one line per class: <c>quality.csv</c>.</summary>
/// <remarks>Lines are kept beside the class checkpoints until all are there, so that a resumed run reports every class.</remarks>
internal sealed class QuantizationQuality(string checkpointFolder)
{
    public const string FileName = "quality.csv";

    private const string Header =
        "class,class_name,rows,centres,distortion,held_out_rows,held_out_distortion,iterations,moves,empty_cells,effective_cells,min_count,max_count";

    public void Save(ClassQuantization result)
    {
        string line = string.Create(
            CultureInfo.InvariantCulture,
            $"{result.RowCount},{result.CentroidCount},{result.Distortion:R},{result.HeldOutRowCount},{result.HeldOutDistortion:R},{result.IterationCount},{result.MoveCount},{result.EmptyCells},{result.EffectiveCells:R},{result.Counts.Min()},{result.Counts.Max()}");
        AtomicFile.WriteAllText(PathOf(result.ClassIndex), line);
    }

    public void Assemble(string path, IReadOnlyList<string> classNames)
    {
        var text = new StringBuilder(Header).Append('\n');
        for (int c = 0; c < classNames.Count; c++)
        {
            text.Append(CultureInfo.InvariantCulture, $"{c},\"{classNames[c].Replace("\"", "\"\"", StringComparison.Ordinal)}\",")
                .Append(File.ReadAllText(PathOf(c)))
                .Append('\n');
        }

        AtomicFile.WriteAllText(path, text.ToString());
    }

    private string PathOf(int classIndex) =>
        Path.Combine(checkpointFolder, string.Create(CultureInfo.InvariantCulture, $"{classIndex:D5}.csv"));
}
