using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ddoq.Cli.Terminal;
using Ddoq.Cuda.Benchmarks;

namespace Ddoq.Cli.Commands;

/// <summary><c>ddoq bench</c>: measures parts of the program on this machine.</summary>
internal static class BenchCommand
{
    private static readonly JsonSerializerOptions s_json = new() { WriteIndented = true };

    public static Command Create(Signals signals)
    {
        var command = new Command("bench", "Measure parts of the program on this machine.");
        command.Add(Kernels(signals));
        return command;
    }

    private static Command Kernels(Signals signals)
    {
        var command = new PipelineCommand(
            signals, "kernels", "Measure the CUDA kernels: time, GB/s, TFLOP/s, share of the device's copy bandwidth.");
        Option<bool> list = command.AddSwitch("--list", "Name the kernels and stop.");
        Option<string?> filter = command.AddOption("--filter", "Only kernels whose names contain this, or one of several parts with commas between.", "text");
        Option<string?> device = command.AddOption("--device", "Device [cuda or cuda:<index>; default cuda:0].", "device");
        Option<bool> csv = command.AddSwitch("--csv", "Print comma-separated values.");
        Option<bool> markdown = command.AddSwitch("--md", "Print a table of Markdown.");
        return command.Does(run =>
        {
            if (new[] { run.Json, run.Parsed.GetValue(csv), run.Parsed.GetValue(markdown) }.Count(chosen => chosen) > 1)
                throw new UsageException("--json, --csv and --md exclude each other", "Give one of them.");
            if (run.Parsed.GetValue(list))
            {
                foreach (string kernel in KernelBench.List(run.Optional(filter)))
                    Console.Out.WriteLine(kernel);
                return;
            }

            var options = new KernelBenchOptions { Device = DeviceIndex(run.Optional(device)), Filter = run.Optional(filter) };
            KernelBenchReport report = KernelBench.Run(options, run.Context.Progress, run.Context.Cancellation);
            Console.Out.Write(
                run.Json ? Json(report).ToJsonString(s_json) + "\n"
                : run.Parsed.GetValue(csv) ? report.ToCsv()
                : run.Parsed.GetValue(markdown) ? report.ToMarkdown()
                : report.ToText());
            if (report.Measurements.FirstOrDefault(one => one.Error is not null) is { } failed)
                throw new DdoqException($"{failed.Kernel} failed: {failed.Error}", "The other kernels' rows stand. ddoq doctor says whether the device works.");
        });
    }

    private static int DeviceIndex(string? text) => text switch
    {
        null or "cuda" => 0,
        _ when text.StartsWith("cuda:", StringComparison.Ordinal) && int.TryParse(text.AsSpan("cuda:".Length), out int index) && index >= 0 => index,
        _ => throw new UsageException($"--device is '{text}'; allowed: cuda, cuda:<index>", "The kernels of the CPU are measured by the programs under bench/."),
    };

    private static JsonObject Json(KernelBenchReport report) => new()
    {
        ["device"] = report.Device.Name,
        ["emulated"] = report.Device.IsEmulated,
        ["remark"] = report.Device.IsEmulated ? KernelBenchReport.NoSpeed : null,
        ["compute_capability"] = report.Device.ComputeCapability.ToString(),
        ["copy_gigabytes_per_second"] = report.CopyGigabytesPerSecond,
        ["kernels"] = new JsonArray([.. report.Measurements.Select(one => (JsonNode)new JsonObject
        {
            ["kernel"] = one.Kernel,
            ["shape"] = one.Shape,
            ["milliseconds"] = one.Milliseconds,
            ["noise"] = one.Noise,
            ["gigabytes_per_second"] = one.GigabytesPerSecond,
            ["teraflops_per_second"] = one.TeraflopsPerSecond,
            ["share_of_copy"] = one.ShareOfCopy,
            ["share_of_roofline"] = one.ShareOfRoofline,
            ["remark"] = one.Remark,
            ["error"] = one.Error,
        })]),
    };
}
