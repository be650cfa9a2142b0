using System.CommandLine;
using System.Text.Json.Nodes;
using Ddoq.Cli.Terminal;
using Ddoq.Distilled;
using Ddoq.Imaging;
using Ddoq.Latents;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Text;
using Ddoq.Pipeline;
using Ddoq.Storage;

namespace Ddoq.Cli.Commands;

/// <summary><c>ddoq inspect</c>: says what a file or folder is and whether it is whole.</summary>
internal static class InspectCommand
{
    public static Command Create(Signals signals)
    {
        var command = new PipelineCommand(
            signals, "inspect", "Describe a dataset, latent store, prototypes, distilled set, model or stage folder, or any safetensors file, after checking it.");
        var path = new Argument<string>("path") { Description = "File or folder." };
        command.Command.Add(path);
        Option<string?> html = command.AddOption("--html", "For a dataset: write what is found as a page too.", "file");
        return command.Does(run => Output.Write(run.Json, Describe(run.Parsed.GetValue(path)!, run.Optional(html), run.Context)));
    }

    private static JsonObject Describe(string path, string? page, StageContext context)
    {
        if (DescribeResult(path, context.Cancellation) is not { } result)
            return DescribeData(path, page, context);
        return page is null ? result : throw new UsageException($"--html is for datasets, '{path}' is none", "Leave --html out; a run's page is made by: ddoq report.");
    }

    /// <summary>A folder that no stage made may hold a dataset; every image of it is decoded.</summary>
    private static JsonObject DescribeData(string path, string? page, StageContext context)
    {
        DatasetSurvey survey;
        try
        {
            survey = DataDescription.Survey(path, context);
        }
        catch (DdoqException e)
        {
            throw new DdoqException(
                $"'{path}' is no folder that ddoq knows; as a dataset: {e.Message}",
                $"Known are datasets, latent stores, prototypes, distilled sets, model folders and stage folders. For a dataset, as 'ddoq encode' takes it: {e.Hint}", e);
        }

        if (page is not null)
            DataDescription.WritePage(page, survey);
        return DataDescription.Of(survey);
    }

    /// <summary>What a stage or an export made; null for any other folder.</summary>
    private static JsonObject? DescribeResult(string path, CancellationToken cancellation)
    {
        if (File.Exists(path))
            return DescribeFile(path, cancellation);
        if (!Directory.Exists(path))
            throw new DdoqException($"'{path}' does not exist", "Check the path.");
        if (File.Exists(Path.Combine(path, LatentStoreFile)))
        {
            using LatentStore store = LatentStore.Open(path);
            store.EnsureFinite(cancellation);
            return Description.Of(store, path);
        }

        if (File.Exists(Path.Combine(path, PrototypeSet.FileName)))
            return PrototypeDescription.OfFolder(path);
        if (File.Exists(Path.Combine(path, "model_index.json")))
            return DescribeModel(path);
        if (File.Exists(Path.Combine(path, "train", "metadata.jsonl")))
            return Description.OfDistilledSet(path);
        if (File.Exists(Path.Combine(path, CandidateSet.FileName)))
            return Description.OfCandidates(path);
        return File.Exists(Path.Combine(path, StageFolder.RecordFileName))
            ? PrototypeDescription.OfUnfinished(Description.Of(StageFolder.Read(path), path), path)
            : null;
    }

    private const string LatentStoreFile = "latents.safetensors.index.json";

    private static JsonObject DescribeFile(string path, CancellationToken cancellation)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        string[] names = [.. file.Tensors.Select(tensor => tensor.Name)];
        if (names.Contains("centroids"))
        {
            using PrototypeSet set = PrototypeSet.Load(path);
            return Description.Of(set, path);
        }

        if (names.Contains("latents") && names.Contains("labels"))
        {
            using LatentStore store = LatentStore.Open(path);
            store.EnsureFinite(cancellation);
            return Description.Of(store, path);
        }

        return Description.Of(file, path);
    }

    /// <summary>Every network of a model, loaded and checked.</summary>
    /// <exception cref="DdoqException">A network is not usable.</exception>
    private static JsonArray Networks(ModelFolder model) => new([.. ModelInspection.Run(model).Select(part => (JsonNode)new JsonObject
    {
        ["part"] = part.Part,
        ["megabytes"] = Math.Round(part.Bytes / 1e6, 1),
        ["tensors"] = part.Error is null ? part.Signature : throw part.Error,
    })]);

    private static JsonObject DescribeModel(string path)
    {
        ModelFolder model = ModelFolder.Open(path, ModelUse.Present);
        return new JsonObject
        {
            ["model"] = path,
            ["layout"] = model.Layout.ToString(),
            ["image_size"] = model.ImageSize,
            ["latent_shape"] = model.LatentShape.ToString(),
            ["scaling_factor"] = model.ScalingFactor,
            ["fit"] = model.Fit.ToString(),
            ["conditioned_on"] = model.Layout == ModelLayout.DiT ? "class labels" : "prompts",
            ["class_count"] = model.ClassNames.Count,
            ["null_class"] = model.Layout == ModelLayout.DiT ? model.NullClass : null,
            ["prompt"] = model.Layout == ModelLayout.DiT ? null : model.Defaults.Prompt ?? PromptTemplate.Default,
            ["negative_prompt"] = model.Defaults.NegativePrompt,
            ["scheduler"] = model.Scheduler.Kind.ToString(),
            ["guidance_scale"] = model.Defaults.GuidanceScale,
            ["num_inference_steps"] = model.Defaults.NumInferenceSteps,
            ["start_alpha_bar"] = model.Defaults.StartAlphaBar,
            ["teacher"] = model.TeacherFolder,
            ["networks"] = Networks(model),
            ["files"] = new JsonArray([.. model.ComputeFileHashes().OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => (JsonNode)new JsonObject
            {
                ["file"] = pair.Key,
                ["sha256"] = pair.Value,
            })]),
        };
    }
}
