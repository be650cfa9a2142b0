using System.Diagnostics;
using System.Numerics.Tensors;
using Ddoq.Numerics;
using Ddoq.Onnx.Autoencoders;
using Ddoq.Onnx.Backbones;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Sessions;
using Ddoq.Onnx.Synthesis;

namespace Ddoq.Bench.Onnx;

/// <summary>The three stages that run networks, by one provider.</summary>
internal sealed class ProviderRun(ModelFolder model, OnnxSessionOptions options, ResultLines results)
{
    // Of the largest output of the CPU, and of 1 where that is smaller.
    private const float Tolerance = 1e-3f;

    private const ulong Seed = 1;

    /// <summary>Runs every stage on what the CPU gave the stage before, and holds its output against the CPU's; in float32 throughout.</summary>
    /// <returns>How many stages differ by more than 1e-3.</returns>
    public int Compare(int images)
    {
        var cpu = new OnnxSessionOptions { Provider = ExecutionProvider.Cpu };
        OnnxSessionOptions exact = options with { AllowTensorFloat32 = false };
        float[] pixels = Images(images), latents = Encode(pixels, images, cpu), synthesized = Synthesize(latents, images, cpu), decoded = Decode(synthesized, images, cpu);
        return Judge("encode", latents, () => Encode(pixels, images, exact))
            + Judge("synthesize", synthesized, () => Synthesize(latents, images, exact))
            + Judge("decode", decoded, () => Decode(synthesized, images, exact));
    }

    /// <summary>Times every stage at one batch size, after one call to warm up, for so many seconds or at least two calls.</summary>
    public void Time(int batch, int seconds)
    {
        OnnxSessionOptions sized = options with { BatchSize = batch };
        float[] pixels = Images(batch), latents = new float[batch * model.LatentShape.Length], images = new float[pixels.Length];
        using (VaeEncoder encoder = VaeEncoder.Open(model, sized))
            Time("encode", batch, seconds, encoder.Description, () => encoder.EncodeMean(pixels, batch, latents));
        using (IDiffusionBackbone backbone = OpenBackbone(sized with { RowsPerCall = 2 * batch }))
        using (DiffusionSynthesizer synthesizer = OpenSynthesizer(backbone, batch))
        {
            (int[] classes, ulong[] streams) = Rows(batch);
            var synthesized = new float[latents.Length];
            Time("synthesize", batch, seconds, backbone.Description, () => synthesizer.Generate(latents, classes, streams, synthesized, NullProgress.Instance, default));
        }

        using VaeDecoder decoder = VaeDecoder.Open(model, sized);
        Time("decode", batch, seconds, decoder.Description, () => decoder.Decode(latents, batch, images));
    }

    private void Time(string stage, int batch, int seconds, string description, Action call)
    {
        call();
        var times = new List<double>();
        for (long start = Stopwatch.GetTimestamp(); times.Count < 2 || Stopwatch.GetElapsedTime(start).TotalSeconds < seconds;)
        {
            long before = Stopwatch.GetTimestamp();
            call();
            times.Add(Stopwatch.GetElapsedTime(before).TotalSeconds);
        }

        times.Sort();
        double median = times[times.Count / 2];
        results.Write(stage, [("batch", batch), ("images_per_second", batch / median), ("seconds_per_call", median), ("calls", times.Count)], description);
    }

    private int Judge(string stage, float[] expected, Func<float[]> run)
    {
        float[] found = run();
        float allowed = Tolerance * Math.Max(1, TensorPrimitives.MaxMagnitude<float>(expected)), difference = 0;
        for (int i = 0; i < expected.Length; i++)
            difference = float.MaxMagnitude(difference, found[i] - expected[i]);
        bool agrees = Math.Abs(difference) <= allowed;
        results.Write(stage, [("values", expected.Length), ("difference", Math.Abs(difference)), ("allowed", allowed)], agrees ? "agrees with the CPU" : "DIFFERS from the CPU");
        return agrees ? 0 : 1;
    }

    private float[] Encode(float[] pixels, int images, OnnxSessionOptions by)
    {
        var latents = new float[images * model.LatentShape.Length];
        using VaeEncoder encoder = VaeEncoder.Open(model, by);
        encoder.EncodeMean(pixels, images, latents);
        return latents;
    }

    private float[] Synthesize(float[] latents, int images, OnnxSessionOptions by)
    {
        using IDiffusionBackbone backbone = OpenBackbone(by);
        using DiffusionSynthesizer synthesizer = OpenSynthesizer(backbone, images);
        (int[] classes, ulong[] streams) = Rows(images);
        var synthesized = new float[latents.Length];
        synthesizer.Generate(latents, classes, streams, synthesized, NullProgress.Instance, default);
        return synthesized;
    }

    private float[] Decode(float[] latents, int images, OnnxSessionOptions by)
    {
        var pixels = new float[images * 3 * model.ImageSize * model.ImageSize];
        using VaeDecoder decoder = VaeDecoder.Open(model, by);
        decoder.Decode(latents, images, pixels);
        return pixels;
    }

    private IDiffusionBackbone OpenBackbone(OnnxSessionOptions by) => model.Layout == ModelLayout.DiT
        ? DiTBackbone.Open(model, by)
        : UNetBackbone.Open(model, [.. model.ClassNames.Select(name => $"a photo of {name}")], string.Empty, by);

    private DiffusionSynthesizer OpenSynthesizer(IDiffusionBackbone backbone, int batch) => new(
        backbone,
        model.Scheduler,
        new SynthesisOptions { GuidanceScale = model.Defaults.GuidanceScale, NumInferenceSteps = model.Defaults.NumInferenceSteps, BatchSize = batch, Seed = Seed });

    private (int[] Classes, ulong[] Streams) Rows(int count)
    {
        int[] classes = [.. Enumerable.Range(0, count).Select(row => row % model.ClassNames.Count)];
        return (classes, [.. classes.Select((label, row) => RandomStreams.Synthesis(label, row))]);
    }

    // Soft blobs of random place and size on black, in [-1, 1]: like the models' own data, and the same on every machine.
    private float[] Images(int count)
    {
        int size = model.ImageSize, plane = size * size;
        var images = new float[count * 3 * plane];
        for (int image = 0; image < count; image++)
        {
            var random = new CounterRandom(Seed, CounterRandom.Stream(1, (uint)image));
            double x = size * (0.3 + (0.4 * random.NextDouble())), y = size * (0.3 + (0.4 * random.NextDouble())), radius = size * (0.1 + (0.25 * random.NextDouble()));
            for (int pixel = 0; pixel < plane; pixel++)
            {
                double across = ((pixel % size) - x) / radius, down = ((pixel / size) - y) / radius;
                float value = (float)((2 * Math.Exp(-(across * across) - (down * down))) - 1);
                for (int channel = 0; channel < 3; channel++)
                    images[(((image * 3) + channel) * plane) + pixel] = value;
            }
        }

        return images;
    }
}
