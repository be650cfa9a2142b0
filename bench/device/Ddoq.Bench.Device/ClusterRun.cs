using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Ddoq.Cuda;
using Ddoq.Latents;
using Ddoq.Quantization;

namespace Ddoq.Bench.Device;

/// <summary>The whole quantiser, from rows in the host's memory to results in the host's memory.</summary>
internal static class ClusterRun
{
    /// <summary>Fits all classes several times, after one fit of a few classes that loads the kernels; one line of JSON.</summary>
    public static string Run(int classes, int rows, int dimension, int centroids, int repeats)
    {
        using var cuda = new CudaQuantizer();
        CudaDevice device = cuda.Devices[0];
        var options = new QuantizerOptions { CentroidCount = centroids };
        cuda.Fit(PowerLawLatents.Create(Math.Min(2, classes), rows, dimension), options, _ => { }, null, NullProgress.Instance, default);
        InMemoryLatents source = PowerLawLatents.Create(classes, rows, dimension);
        var messages = new CollectedMessages();
        var seconds = new double[repeats];
        double distortion = 0;
        for (int r = 0; r < repeats; r++)
        {
            distortion = 0;
            long start = Stopwatch.GetTimestamp();
            cuda.Fit(source, options, result => distortion += result.Distortion / classes, null, messages, default);
            seconds[r] = Stopwatch.GetElapsedTime(start).TotalSeconds;
        }

        return Line(device, classes, rows, dimension, centroids, seconds, distortion, messages.Text, options.Algorithm);
    }

    private static string Line(
        CudaDevice device, int classes, int rows, int dimension, int centroids, double[] seconds, double distortion, string? messages, QuantizationAlgorithm algorithm)
    {
        double[] sorted = [.. seconds.Order()];
        double median = (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            json.WriteString("device", device.Name);
            json.WriteBoolean("emulated", device.IsEmulated);
            json.WriteString("algorithm", algorithm.ToString());
            json.WriteNumber("classes", classes);
            json.WriteNumber("rows", rows);
            json.WriteNumber("dimension", dimension);
            json.WriteNumber("centroids", centroids);
            json.WriteNumber("distortion", distortion);
            json.WriteString("messages", messages);

            // An emulated device has no speed.
            if (!device.IsEmulated)
            {
                json.WriteNumber("seconds", median);
                json.WriteStartArray("seconds_of_each");
                foreach (double one in seconds)
                    json.WriteNumberValue(one);
                json.WriteEndArray();
                json.WriteNumber("rows_per_second", (double)classes * rows / median);
                json.WriteNumber("gigabytes_per_second", 2.0 * classes * rows * dimension / median / 1e9);
            }

            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(bytes.ToArray());
    }
}
