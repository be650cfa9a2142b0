using System.Globalization;
using System.Text;
using Ddoq.Distilled;

namespace Ddoq.Pipeline;

/// <summary>The <c>README.md</c> of a distilled set, with the header that Hugging Face reads.</summary>
internal static class DistilledCard
{
    public const string FileName = "README.md";

    private const int MaximumClasses = 100;

    public static string Write(DistilledSet set, IReadOnlyList<DistilledSummary> summary, string origin)
    {
        var folders = new ClassFolders(set.ClassNames, set.ImageCounts());
        var text = new StringBuilder();
        text.Append("---\ntask_categories: [image-classification]\ntags: [dataset-distillation]\n---\n\n# Distilled image set\n\n");
        text.Append(CultureInfo.InvariantCulture, $"{set.Images.Count} images of {set.ClassNames.Count} classes. Origin: {origin}.\n\n");
        text.Append("- `train/<class>/<k>.png`: the images; `train/metadata.jsonl`: label, class name, weight and cluster size of each.\n");
        text.Append("- Multiply each image's training loss by its `weight`.\n");
        text.Append("- `soft_labels.safetensors`, where present: teacher logits in the order of the metadata.\n");
        text.Append("- `summary.csv`: figures per class; `ddoq.json`: what made the set.\n");
        if (folders.Warning is not null)
            text.Append("- Note: ").Append(folders.Warning).Append(".\n");
        text.Append("\n| class | images | rows they stand for | weights | effective images |\n|---|---|---|---|---|\n");
        foreach (DistilledSummary row in summary.Take(MaximumClasses))
        {
            text.Append(
                CultureInfo.InvariantCulture,
                $"| {row.ClassName.Replace("|", "\\|", StringComparison.Ordinal)} | {row.Images} | {row.Rows} | {row.Weights.Minimum:F3} to {row.Weights.Maximum:F3} | {row.Weights.EffectiveSampleSize:F2} |\n");
        }

        if (summary.Count > MaximumClasses)
            text.Append(CultureInfo.InvariantCulture, $"\n{summary.Count - MaximumClasses} more classes are in `summary.csv`.\n");
        return text.ToString();
    }
}
