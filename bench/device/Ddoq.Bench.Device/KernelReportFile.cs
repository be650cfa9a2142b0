using System.Text.Json;
using Ddoq.Cuda.Benchmarks;

namespace Ddoq.Bench.Device;

/// <summary>A kernel bench as JSON, in the form of <c>ddoq bench kernels --json</c>.</summary>
internal static class KernelReportFile
{
    public static void Write(KernelBenchReport report, string path)
    {
        using FileStream stream = File.Create(path);
        using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
        json.WriteStartObject();
        json.WriteString("device", report.Device.Name);
        json.WriteBoolean("emulated", report.Device.IsEmulated);
        json.WriteString("remark", report.Device.IsEmulated ? KernelBenchReport.NoSpeed : null);
        json.WriteString("compute_capability", report.Device.ComputeCapability.ToString());
        Number(json, "copy_gigabytes_per_second", report.CopyGigabytesPerSecond);
        json.WriteStartArray("kernels");
        foreach (KernelMeasurement one in report.Measurements)
        {
            json.WriteStartObject();
            json.WriteString("kernel", one.Kernel);
            json.WriteString("shape", one.Shape);
            Number(json, "milliseconds", one.Milliseconds);
            Number(json, "noise", one.Noise);
            Number(json, "gigabytes_per_second", one.GigabytesPerSecond);
            Number(json, "teraflops_per_second", one.TeraflopsPerSecond);
            Number(json, "share_of_copy", one.ShareOfCopy);
            Number(json, "share_of_roofline", one.ShareOfRoofline);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void Number(Utf8JsonWriter json, string name, double? value)
    {
        if (value is { } number)
            json.WriteNumber(name, number);
        else
            json.WriteNull(name);
    }
}
