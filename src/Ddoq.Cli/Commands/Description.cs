using System.Globalization;
using System.Text.Json.Nodes;
using Ddoq.Distilled;
using Ddoq.Evaluation.Comparison;
using Ddoq.Latents;
using Ddoq.Pipeline;
using Ddoq.Pipeline.Results;
using Ddoq.Pipeline.Stages;
using Ddoq.Storage;

namespace Ddoq.Cli.Commands;

/// <summary>Facts about results, for stdout.</summary>
internal static class Description
{
    private const int MaximumRows = 50;

    public static JsonObject Of(LatentStore store, string path) => new()
    {
        ["latents"] = path,
        ["rows"] = store.Count,
        ["shape"] = store.Shape.ToString(),
        ["type"] = store.ElementType.ToString(),
        ["sample_weights"] = store.HasSampleWeights,
        ["shards"] = store.Files.Count,
        ["encoder"] = store.Info.EncoderHash,
        ["scaling_factor"] = store.Info.ScalingFactor,
        ["image_size"] = store.Info.ImageSize,
        ["kind"] = store.Info.Kind?.ToString(),
        ["class_count"] = store.ClassNames.Count,
        ["classes"] = Rows(store.ClassNames.Count, c =>
        {
            var row = new JsonObject
            {
                ["class"] = c,
                ["name"] = store.ClassNames[c],
                ["rows"] = store.RowCount(c),
                ["contiguous"] = store.IsContiguous(c),
            };
            if (store.HasSampleWeights)
                row["mass"] = Mass(store, c);
            return row;
        }),
    };

    private static double Mass(LatentStore store, int classIndex)
    {
        float[] weights = new float[store.RowCount(classIndex)];
        store.ReadSampleWeights(classIndex, weights);
        return weights.Sum(weight => (double)weight);
    }

    public static JsonObject Of(PrototypeSet set, string path) => new()
    {
        ["prototypes"] = path,
        ["algorithm"] = set.Info.Algorithm,
        ["seed"] = set.Info.Seed,
        ["shape"] = set.Shape.ToString(),
        ["class_count"] = set.ClassNames.Count,
        ["centres"] = set.TotalCenters,
        ["sample_weights"] = set.HasMasses,
        ["classes"] = Rows(set.ClassNames.Count, c => new JsonObject
        {
            ["class"] = c,
            ["name"] = set.ClassNames[c],
            ["centres"] = set.CenterCount(c),
            ["rows"] = set.Counts(c).ToArray().Sum(),
            ["least_count"] = set.Counts(c).ToArray().DefaultIfEmpty().Min(),
            ["most_count"] = set.Counts(c).ToArray().DefaultIfEmpty().Max(),
            ["distortion"] = set.Distortion(c),
            ["w2"] = Math.Sqrt(set.Distortion(c)),
        }),
    };

    public static JsonObject OfCandidates(string folder)
    {
        CandidateList list = CandidateSet.Open(folder).List;
        return new JsonObject
        {
            ["candidates"] = folder,
            ["count"] = list.Count,
            ["per_prototype"] = list.CandidatesPerPrototype,
            ["shape"] = list.Shape.ToString(),
            ["algorithm"] = list.Algorithm,
            ["seed"] = list.Seed,
            ["class_count"] = list.ClassNames.Count,
            ["classes"] = Rows(list.ClassNames.Count, c => new JsonObject
            {
                ["class"] = c,
                ["name"] = list.ClassNames[c],
                ["prototypes"] = list.Prototypes[c],
                ["candidates"] = list.CountOf(c),
            }),
        };
    }

    public static JsonObject OfDistilledSet(string folder)
    {
        DistilledSet set = DistilledSet.Load(folder);
        IReadOnlyList<WeightStatistics> statistics = set.WeightStatistics();
        return new JsonObject
        {
            ["distilled_set"] = folder,
            ["images"] = set.Images.Count,
            ["class_count"] = set.ClassNames.Count,
            ["soft_labels"] = File.Exists(Path.Combine(folder, SoftLabels.FileName)),
            ["classes"] = Rows(set.ClassNames.Count, c =>
            {
                WeightStatistics weights = statistics[c];
                return new JsonObject
                {
                    ["class"] = c,
                    ["name"] = set.ClassNames[c],
                    ["images"] = weights.Count,
                    ["least_weight"] = weights.Minimum,
                    ["most_weight"] = weights.Maximum,
                    ["effective_images"] = weights.EffectiveSampleSize,
                };
            }),
        };
    }

    /// <summary>A folder where one share is done and others are not.</summary>
    public static JsonObject OfShare(Share share, string kind, string folder, params ReadOnlySpan<(string Name, int Value)> facts)
    {
        var result = new JsonObject { [kind] = folder, ["complete"] = false, ["share"] = share.ToString() };
        foreach ((string name, int value) in facts)
            result[name] = value;
        return result;
    }

    public static JsonObject Of(LabelResult result) => new()
    {
        ["images"] = result.Images,
        ["teacher_top1"] = result.Top1,
        ["chance"] = result.Chance,
    };

    public static JsonObject Of(IReadOnlyList<StudentResult> results) => new()
    {
        ["protocol"] = results[0].Recipe,
        ["weights"] = results[0].WeightRule,
        ["network"] = results[0].Network,
        ["updates"] = results[0].Updates,
        ["mean_accuracy_percent"] = 100 * results.Average(result => result.LastAccuracy),
        ["students"] = Rows(results.Count, i => new JsonObject
        {
            ["seed"] = results[i].Seed,
            ["last_percent"] = 100 * results[i].LastAccuracy,
            ["best_percent"] = 100 * results[i].BestAccuracy,
            ["final_loss"] = results[i].FinalLoss,
        }),
    };

    public static JsonObject Of(PrototypeComparison comparison) => new()
    {
        ["classes"] = Rows(comparison.Measurements.Count, i =>
        {
            ClassMeasurement m = comparison.Measurements[i];
            return new JsonObject
            {
                ["class"] = m.ClassIndex,
                ["name"] = m.ClassName,
                ["rows"] = m.RowCount,
                ["prototypes"] = m.PrototypeCount,
                ["distortion"] = m.Distortion,
                ["explained"] = m.VarianceExplained,
                ["w2_weighted"] = m.WassersteinVoronoi,
                ["w2_uniform"] = m.WassersteinUniform,
            };
        }),
    };

    public static JsonObject Of(SafetensorsFile file, string path)
    {
        var metadata = new JsonObject();
        foreach ((string key, string value) in file.Metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal))
            metadata[key] = value.Length > 100 ? value[..100] + "..." : value;
        return new JsonObject
        {
            ["file"] = path,
            ["bytes"] = new FileInfo(path).Length,
            ["metadata"] = metadata.ToJsonString(),
            ["tensors"] = new JsonArray([.. file.Tensors.Select(tensor => (JsonNode)new JsonObject
            {
                ["name"] = tensor.Name,
                ["type"] = tensor.Type.ToString(),
                ["shape"] = string.Join('x', tensor.Shape),
            })]),
        };
    }

    public static JsonObject Of(StageRecord record, string folder)
    {
        var result = new JsonObject
        {
            ["folder"] = folder,
            ["stage"] = record.Stage,
            ["complete"] = record.Completed,
            ["version"] = record.Version,
            ["fingerprint"] = record.Fingerprint,
        };
        foreach ((string key, string value) in record.Settings)
            result[key] = value;
        return result;
    }

    public static JsonArray Rows(int count, Func<int, JsonObject> row)
    {
        // A person reads the head of a long list; programs read the files.
        var rows = new JsonArray([.. Enumerable.Range(0, Math.Min(count, MaximumRows)).Select(i => (JsonNode)row(i))]);
        if (count > MaximumRows)
            rows.Add(new JsonObject { ["class"] = string.Create(CultureInfo.InvariantCulture, $"... {count - MaximumRows} more") });
        return rows;
    }
}
