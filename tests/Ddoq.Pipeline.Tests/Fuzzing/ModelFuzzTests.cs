using System.Text;
using System.Text.Json.Nodes;
using Ddoq.Fuzzing;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Sessions;
using Ddoq.Onnx.Teachers;
using Ddoq.Onnx.Tests.OnnxFiles;

namespace Ddoq.Pipeline.Tests;

/// <summary>Broken configurations and networks of model folders: see <see cref="Fuzzer"/>.</summary>
[NonParallelizable]
public sealed class ModelFuzzTests : TestsInMemory
{
    private static readonly string[] s_values =
        ["0", "-1", "1", "3", "1000", "2147483647", "99999999999", "0.18215", "1e300", "null", "true", "\"\"", "\"linear\"", "\"epsilon\"", "[]", "[3]", "{}", "{\"0\":\"a\",\"2\":\"b\"}", "[\"a\",\"a\"]"];

    private static readonly OnnxSessionOptions s_options = new() { Provider = ExecutionProvider.Cpu, Threads = 1 };

    [Test]
    public void Configurations_DescribeAModel()
    {
        using var model = new TinyModel();
        (string Path, string Content)[] files = [.. Directory.GetFiles(model.Path, "*.json", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(path => (path, File.ReadAllText(path)))];
        Fuzzer.Run(model.Path, random =>
        {
            int broken = random.Next(files.Length);
            byte[] content = random.Next(4) == 0 ? Mutation.Of(Encoding.UTF8.GetBytes(files[broken].Content), random) : Encoding.UTF8.GetBytes(Change(files[broken].Content, random));
            File.WriteAllBytes(files[broken].Path, content);
            try
            {
                ModelFolder read = ModelFolder.Open(model.Path, ModelUse.Present);
                Assert.That(read.LatentShape.Length, Is.GreaterThan(0));
                Assert.That(read.ImageSize, Is.GreaterThan(0));
                Assert.That(double.IsFinite(read.ScalingFactor) && read.ScalingFactor > 0);
                Assert.That(read.ClassNames, Has.Count.EqualTo(read.ClassCount).Or.Empty);
                if (read.TeacherFolder is { } teacher)
                    Teacher.Open(teacher, s_options, null, null).Dispose();
            }
            finally
            {
                File.WriteAllText(files[broken].Path, files[broken].Content);
            }
        });
    }

    [Test]
    public void Networks_AreUsableOrSaidNotToBe()
    {
        using var model = new TinyModel();
        string[] parts = [.. Directory.GetFiles(model.Path, "*.onnx", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];
        byte[][] valid = [.. parts.Select(File.ReadAllBytes)];
        Fuzzer.Run(model.Path, random =>
        {
            int broken = random.Next(parts.Length);
            File.WriteAllBytes(parts[broken], random.Next(8) == 0 ? valid[random.Next(valid.Length)] : Mutation.Of(valid[broken], random));

            // Loading is nearly all of the time: mostly the broken network alone.
            bool alone = random.Next(8) > 0;
            for (int part = 0; part < parts.Length && alone; part++)
            {
                if (part != broken)
                    File.Move(parts[part], parts[part] + ".away");
            }

            try
            {
                foreach (ModelPartReport report in ModelInspection.Run(ModelFolder.Open(model.Path, ModelUse.Present), s_options))
                    Assert.That(report.Error is null ? report.Signature : report.Error.Message, Is.Not.Empty);
            }
            finally
            {
                for (int part = 0; part < parts.Length && alone; part++)
                {
                    if (part != broken)
                        File.Move(parts[part] + ".away", parts[part]);
                }

                File.WriteAllBytes(parts[broken], valid[broken]);
            }
        });
    }

    /// <summary>One to three entries, at any depth, get another value, another name, or go.</summary>
    private static string Change(string json, Random random)
    {
        JsonNode root = JsonNode.Parse(json)!;
        for (int change = random.Next(1, 4); change > 0; change--)
        {
            JsonObject[] objects = [.. Objects(root)];
            JsonObject at = objects[random.Next(objects.Length)];
            if (at.Count == 0)
                continue;
            string key = at.ElementAt(random.Next(at.Count)).Key;
            JsonNode? value = at[key];
            at.Remove(key);
            switch (random.Next(4))
            {
                case 0:
                    at[key + "x"] = value;
                    break;
                case 1:
                    break;
                default:
                    at[key] = JsonNode.Parse(s_values[random.Next(s_values.Length)]);
                    break;
            }
        }

        return root.ToJsonString();
    }

    private static IEnumerable<JsonObject> Objects(JsonNode? node) => node switch
    {
        JsonObject entries => entries.SelectMany(entry => Objects(entry.Value)).Prepend(entries),
        JsonArray items => items.SelectMany(Objects),
        _ => [],
    };
}
