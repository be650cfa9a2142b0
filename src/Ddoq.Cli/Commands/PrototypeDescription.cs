using System.Text.Json.Nodes;
using Ddoq.Distilled;
using Ddoq.Pipeline;
using Ddoq.Pipeline.Stages;

namespace Ddoq.Cli.Commands;

/// <summary>Facts about quantised folders, for stdout.</summary>
internal static class PrototypeDescription
{
    /// <summary>A complete folder: its prototypes, with the quality report in a few figures where there is one.</summary>
    public static JsonObject OfFolder(string folder)
    {
        using PrototypeSet set = PrototypeSet.Load(Path.Combine(folder, PrototypeSet.FileName));
        JsonObject result = Description.Of(set, folder);
        string report = Path.Combine(folder, QuantizationQuality.FileName);
        if (!File.Exists(report))
            return result;
        QualitySummary quality = QuantizationQuality.Summarise(report);

        // Before the table of classes, which ends what people read.
        int place = result.IndexOf("classes");
        result.Insert(place++, "rows", quality.Rows);
        result.Insert(place++, "distortion", quality.Distortion);
        result.Insert(place++, "explained", quality.Explained);
        if (quality.HeldOutDistortion is double heldOut)
            result.Insert(place++, "held_out_distortion", heldOut);
        result.Insert(place++, "effective_cells", quality.EffectiveCells);
        result.Insert(place++, "empty_cells", quality.EmptyCells);
        result.Insert(place++, "tiny_cells", quality.TinyCells);
        result.Insert(place, "iterations", quality.Iterations);
        foreach (JsonObject row in result["classes"]!.AsArray().OfType<JsonObject>())
        {
            if (row["class"]!.GetValueKind() == System.Text.Json.JsonValueKind.Number)
                row["explained"] = quality.ExplainedByClass[(int)row["class"]!];
        }

        return result;
    }

    /// <summary>Distortion against the number of centres.</summary>
    public static JsonObject OfCurve(IReadOnlyList<CurvePoint> points, string folder) => new()
    {
        ["curve"] = Path.Combine(folder, CurveStage.FileName),
        ["points"] = new JsonArray([.. points.Select(point => (JsonNode)new JsonObject
        {
            ["centres_per_class"] = point.CentresPerClass,
            ["centres"] = point.Centres,
            ["distortion"] = point.Distortion,
            ["explained"] = point.Explained,
            ["held_out_distortion"] = point.HeldOutDistortion,
        })]),
    };

    /// <summary>A folder whose quantisation is under way.</summary>
    public static JsonObject OfUnfinished(JsonObject stage, string folder)
    {
        if (!File.Exists(Path.Combine(folder, PrototypeCheckpoint.HeaderFileName)))
            return stage;
        PrototypeCheckpoint checkpoint = PrototypeCheckpoint.Open(folder);
        int classes = checkpoint.Info.Latents.ClassNames.Count;
        stage["class_count"] = classes;
        stage["classes_done"] = Enumerable.Range(0, classes).Count(c => File.Exists(checkpoint.PathOf(c)));
        return stage;
    }
}
