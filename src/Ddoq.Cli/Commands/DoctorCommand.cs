using System.CommandLine;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using System.Text.Json.Nodes;
using Ddoq.Cli.Terminal;
using Ddoq.Cuda;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Sessions;
using Ddoq.Pipeline;
using Ddoq.Pipeline.Configuration;
using Ddoq.Training.Runtime;

namespace Ddoq.Cli.Commands;

/// <summary><c>ddoq doctor</c>: checks everything the pipeline needs and says what is missing.</summary>
internal static class DoctorCommand
{
    public static Command Create(Signals signals)
    {
        var command = new PipelineCommand(
            signals, "doctor", "Check processor, native libraries, models and devices; says what works and what does not.", PipelineStages.Doctor);
        return command.Does(run =>
        {
            var checks = new List<(string Name, string State, string Detail)>
            {
                ("system", "ok", $"{RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}, {RuntimeInformation.FrameworkDescription}"),
                ("processor", "ok", $"{Environment.ProcessorCount} cores, {SimdName()}, Vector<byte> of {Vector<byte>.Count * 8} bits"),
                ("memory", "ok", $"{GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 1e9:F1} GB available to the process"),
                Check("OpenSSL", OpenSslLibrary.Find),
                Check("sample data", () => ShippedResources.SampleData),
                Check("image library", () => $"libvips {NetVips.NetVips.Version(0)}.{NetVips.NetVips.Version(1)}.{NetVips.NetVips.Version(2)}"),
                Check("ONNX Runtime", OnnxRuntimeVersion),
                Check("torch", () =>
                {
                    string log = string.Empty;
                    TorchRuntime.EnsureLoaded(line => log = line);
                    return log.Length > 0 ? log : "loaded";
                }),
            };
            checks.AddRange(Cuda());
            CheckModel(checks, run.Configuration);
            Output.Write(run.Json, new JsonObject
            {
                ["checks"] = new JsonArray([.. checks.Select(check => (JsonNode)new JsonObject
                {
                    ["check"] = check.Name,
                    ["state"] = check.State,
                    ["detail"] = check.Detail,
                })]),
            });
            if (checks.Any(check => check.State == "failed"))
                throw new DdoqException("some checks failed", "The details above say what to mend.");
        });
    }

    private static (string Name, string State, string Detail) Check(string name, Func<string> probe)
    {
        try
        {
            return (name, "ok", probe());
        }
        catch (Exception e)
        {
            return (name, "failed", e is DdoqException { Hint: { } hint } ? $"{e.Message} ({hint})" : e.Message);
        }
    }

    // Without --model the shipped one: every network is loaded and compared with what its folder says.
    private static void CheckModel(List<(string Name, string State, string Detail)> checks, PipelineConfiguration configuration)
    {
        ModelFolder? model = null;
        checks.Add(Check("model", () =>
        {
            model = ModelFolder.Open(configuration.TryGet(DataSettings.Model, out string? folder) ? folder : ShippedResources.ReferenceModel, ModelUse.Present);
            string condition = !model.HasDiffusion ? "no diffusion network" : model.Layout == ModelLayout.DiT ? $"DiT, {model.ClassCount} classes" : "Stable Diffusion UNet, text-conditional";
            return $"{model.Path}: {condition}, latents {model.LatentShape}, images of {model.ImageSize} pixels";
        }));
        if (model is null)
            return;
        foreach (string line in model.Assumptions)
            checks.Add(("model, assumed", "ok", line));
        foreach (ModelPartReport part in ModelInspection.Run(model))
            checks.Add(Check($"model, {part.Part}", () => part.Error is null ? part.Signature : throw part.Error));
        if (model.TeacherFolder is null)
            checks.Add(("model, teacher", "absent", "labels and training need --teacher"));
    }

    private static IEnumerable<(string Name, string State, string Detail)> Cuda()
    {
        CudaProbe cuda = CudaProbe.Run();
        yield return ("CUDA driver", cuda.HasDriver ? "ok" : "absent", cuda.HasDriver ? cuda.Driver : $"{cuda.Driver} Everything runs on the CPU.");
        yield return ("CUDA kernels", cuda.HasKernels ? "ok" : "absent", cuda.Kernels);
        foreach ((CudaDevice device, bool usable, string detail) in cuda.Devices)
            yield return ($"CUDA device {device.Index}", usable ? "ok" : "unusable", detail);
    }

    private static string OnnxRuntimeVersion()
    {
        (string version, IReadOnlyList<string> providers) = OnnxRuntimeLocation.Load();
        return $"{version}{(OnnxRuntimeLocation.Directory is { } folder ? $" from {folder}" : string.Empty)}, providers: {string.Join(", ", providers)}";
    }

    private static string SimdName() =>
        Avx512F.IsSupported ? "AVX-512" : Avx2.IsSupported ? "AVX2" : Vector128.IsHardwareAccelerated ? "128-bit vectors" : "no vectors";
}
