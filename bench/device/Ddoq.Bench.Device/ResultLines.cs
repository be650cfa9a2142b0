using System.Text;
using System.Text.Json;
using Ddoq.Cuda;
using Ddoq.Cuda.Benchmarks;

namespace Ddoq.Bench.Device;

/// <summary>A file of results, one JSON object a line, each on disk as soon as it is there: what is cut off loses no finished one.</summary>
internal sealed class ResultLines(string? path)
{
    /// <summary>Prints a line and adds it to the file, if there is one.</summary>
    public void Add(Action<Utf8JsonWriter> write)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }

        string line = Encoding.UTF8.GetString(bytes.ToArray());
        Console.WriteLine(line);
        if (path is not null)
            File.AppendAllText(path, line + "\n");
    }

    /// <summary>Adds what one kernel reached.</summary>
    public void Add(CudaDevice device, KernelMeasurement one) => Add(json =>
    {
        json.WriteString("device", device.Name);
        json.WriteBoolean("emulated", device.IsEmulated);
        json.WriteString("kernel", one.Kernel);
        json.WriteString("shape", one.Shape);
        Number(json, "milliseconds", one.Milliseconds);
        Number(json, "noise", one.Noise);
        Number(json, "gigabytes_per_second", one.GigabytesPerSecond);
        Number(json, "teraflops_per_second", one.TeraflopsPerSecond);
        Number(json, "share_of_copy", one.ShareOfCopy);
        Number(json, "share_of_roofline", one.ShareOfRoofline);
        json.WriteString("remark", one.Remark);
        json.WriteString("error", one.Error);
    });

    private static void Number(Utf8JsonWriter json, string name, double? value)
    {
        if (value is { } number)
            json.WriteNumber(name, number);
        else
            json.WriteNull(name);
    }
}
