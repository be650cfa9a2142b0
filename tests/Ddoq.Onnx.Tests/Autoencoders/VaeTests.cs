using Ddoq.Numerics;
using Ddoq.Onnx.Autoencoders;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Tests.OnnxFiles;

namespace Ddoq.Onnx.Tests.Autoencoders;

public class VaeTests
{
    [Test]
    public void EncodeMean_IsTheScaledMean([Values(0, 1, 3, 16, 17, 33)] int count, [Values(1, 2)] int threads)
    {
        using var model = new TinyModel();
        using VaeEncoder encoder = VaeEncoder.Open(ModelFolder.Open(model.Path), new() { Threads = threads });
        float[] images = Draw(1, count * TinyModel.Pixels), latents = new float[count * TinyModel.Latent];
        encoder.EncodeMean(images, count, latents);
        for (int i = 0; i < latents.Length; i++)
            Assert.That(latents[i], Is.EqualTo(TinyModel.ScalingFactor * Parameter(images, i / TinyModel.Latent, i % TinyModel.Latent)).Within(1e-5), $"value {i}");
    }

    [Test]
    public void EncodeSample_AddsTheNoiseTimesTheDeviation([Values(1, 5, 19)] int count)
    {
        using var model = new TinyModel();
        using VaeEncoder encoder = VaeEncoder.Open(ModelFolder.Open(model.Path), new() { Threads = 1, BatchSize = 4 });
        float[] images = Draw(1, count * TinyModel.Pixels), noise = Draw(2, count * TinyModel.Latent), latents = new float[noise.Length];
        encoder.EncodeSample(images, count, noise, latents);
        for (int i = 0; i < latents.Length; i++)
        {
            int row = i / TinyModel.Latent, value = i % TinyModel.Latent;
            double expected = Parameter(images, row, value) + (Math.Exp(0.5 * Parameter(images, row, value + TinyModel.Latent)) * noise[i]);
            Assert.That(latents[i], Is.EqualTo(TinyModel.ScalingFactor * expected).Within(1e-5), $"value {i}");
        }
    }

    [TestCase(float.NaN, "gives NaN for row 1")]
    [TestCase(float.PositiveInfinity, "gives infinity for row 1")]
    public void Decode_OfWhatIsNotFinite_NamesTheRow(float value, string expected)
    {
        using var model = new TinyModel();
        using VaeDecoder decoder = VaeDecoder.Open(ModelFolder.Open(model.Path), new() { Threads = 1 });
        var latents = new float[3 * TinyModel.Latent];
        latents[TinyModel.Latent] = value;
        Assert.That(() => decoder.Decode(latents, 3, new float[3 * TinyModel.Pixels]), Throws.InstanceOf<DdoqException>().With.Message.Contains(expected));
    }

    [Test]
    public void EncodeSample_ClampsTheVariance()
    {
        // A log-variance of -1000 is a deviation of exp(-15), not 0; images of 1 make the bias of 1000 dominate.
        using var model = new TinyModel();
        new OnnxGraph()
            .Input("sample", OnnxType.F32, "b", 3, 4, 4).Output("latent_parameters", OnnxType.F32, "b", 8, 2, 2)
            .Constant("weight", [8, 3, 2, 2], new float[96])
            .Constant("bias", [8], 0f, 0, 0, 0, -1000, 1000, 0, 0)
            .Node("Conv", ["sample", "weight", "bias"], "latent_parameters", ("kernel_shape", new[] { 2, 2 }), ("strides", new[] { 2, 2 }))
            .Save(model.File("vae_encoder", "model.onnx"));
        using VaeEncoder encoder = VaeEncoder.Open(ModelFolder.Open(model.Path));
        float[] noise = new float[TinyModel.Latent], latents = new float[TinyModel.Latent];
        Array.Fill(noise, 1f);
        encoder.EncodeSample(new float[TinyModel.Pixels], 1, noise, latents);
        Assert.That(latents[0], Is.EqualTo(0.25 * Math.Exp(-15)).Within(1e-12));
        Assert.That(latents[4], Is.EqualTo(0.25 * Math.Exp(10)).Within(1e-2));
        Assert.That(latents[8], Is.EqualTo(0.25).Within(1e-6));
    }

    [Test]
    public void Encoder_OfAnOldExport_EncodesButRefusesToSample()
    {
        using var model = new TinyModel();
        model.WriteEncoder(output: "latent_sample", outputChannels: 4);
        using VaeEncoder encoder = VaeEncoder.Open(ModelFolder.Open(model.Path));
        float[] images = Draw(1, TinyModel.Pixels), latents = new float[TinyModel.Latent];
        encoder.EncodeMean(images, 1, latents);
        Assert.That(encoder.HasPosterior, Is.False);
        Assert.That(latents[5], Is.EqualTo(TinyModel.ScalingFactor * Parameter(images, 0, 5)).Within(1e-6));
        Assert.That(() => encoder.EncodeSample(images, 1, new float[TinyModel.Latent], latents), Throws.InstanceOf<DdoqException>().With.Message.Contains("latent_sample"));
    }

    [Test]
    public void Encoder_InHalfPrecision_IsCloseToSingle()
    {
        using var model = new TinyModel();
        model.WriteEncoder(type: OnnxType.F16);
        using VaeEncoder encoder = VaeEncoder.Open(ModelFolder.Open(model.Path));
        float[] images = Draw(1, 3 * TinyModel.Pixels), latents = new float[3 * TinyModel.Latent];
        encoder.EncodeMean(images, 3, latents);
        for (int i = 0; i < latents.Length; i++)
            Assert.That(latents[i], Is.EqualTo(TinyModel.ScalingFactor * Parameter(images, i / TinyModel.Latent, i % TinyModel.Latent)).Within(2e-3), $"value {i}");
    }

    [Test]
    public void Encoder_WithAFixedBatch_KeepsToIt()
    {
        using var model = new TinyModel();
        model.WriteEncoder(batch: 3);
        using VaeEncoder encoder = VaeEncoder.Open(ModelFolder.Open(model.Path), new() { BatchSize = 16 });
        float[] images = Draw(1, 7 * TinyModel.Pixels), latents = new float[7 * TinyModel.Latent];
        encoder.EncodeMean(images, 7, latents);
        Assert.That(encoder.BatchSize, Is.EqualTo(3));
        Assert.That(latents[^1], Is.EqualTo(TinyModel.ScalingFactor * Parameter(images, 6, TinyModel.Latent - 1)).Within(1e-5));
    }

    [Test]
    public void Decode_InvertsScaleAndShift([Values(0, 1, 3, 16, 35)] int count, [Values(0.0, 0.5)] double shift)
    {
        using var model = new TinyModel();
        model.Write("vae_decoder/config.json", $$"""{"block_out_channels": [8, 16], "scaling_factor": 0.25, "shift_factor": {{(shift == 0 ? "null" : "0.5")}}}""");
        using VaeDecoder decoder = VaeDecoder.Open(ModelFolder.Open(model.Path), new() { Threads = 2 });
        float[] latents = Draw(3, count * TinyModel.Latent), images = new float[count * TinyModel.Pixels];
        decoder.Decode(latents, count, images);
        for (int i = 0; i < images.Length; i++)
        {
            int row = i / TinyModel.Pixels, channel = i / 16 % 3, y = i / 4 % 4, x = i % 4;
            double expected = 0;
            for (int c = 0; c < 4; c++)
                expected += ((latents[(row * 16) + (c * 4) + (y / 2 * 2) + (x / 2)] / TinyModel.ScalingFactor) + shift) * TinyModel.DecoderWeight(c, channel, y % 2, x % 2);
            Assert.That(images[i], Is.EqualTo(expected).Within(1e-4), $"value {i}");
        }
    }

    [Test]
    public void Spans_ThatAreTooShort_AreRefused()
    {
        using var model = new TinyModel();
        ModelFolder folder = ModelFolder.Open(model.Path);
        using VaeEncoder encoder = VaeEncoder.Open(folder);
        using VaeDecoder decoder = VaeDecoder.Open(folder);
        Assert.Multiple(() =>
        {
            Assert.That(() => encoder.EncodeMean(new float[47], 1, new float[16]), Throws.ArgumentException.With.Message.Contains("images"));
            Assert.That(() => encoder.EncodeMean(new float[48], 1, new float[15]), Throws.ArgumentException.With.Message.Contains("latents"));
            Assert.That(() => encoder.EncodeSample(new float[48], 1, new float[15], new float[16]), Throws.ArgumentException.With.Message.Contains("noise"));
            Assert.That(() => decoder.Decode(new float[16], 2, new float[96]), Throws.ArgumentException.With.Message.Contains("latents"));
        });
    }

    [Test]
    public void Encode_WhenCancelled_Stops([Values(1, 2)] int threads)
    {
        using var model = new TinyModel();
        using VaeEncoder encoder = VaeEncoder.Open(ModelFolder.Open(model.Path), new() { Threads = threads });
        Assert.That(() => encoder.EncodeMean(new float[48 * 40], 40, new float[16 * 40], cancellation: new CancellationToken(canceled: true)), Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public void Encode_InSteadyState_AllocatesNothing()
    {
        using var model = new TinyModel();
        using VaeEncoder encoder = VaeEncoder.Open(ModelFolder.Open(model.Path), new() { Threads = 1 });
        float[] images = Draw(1, 64 * TinyModel.Pixels), latents = new float[64 * TinyModel.Latent];
        encoder.EncodeMean(images, 64, latents);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 10; i++)
            encoder.EncodeMean(images, 64, latents);

        // What remains is the closure of each call and the pool's node, independent of the rows and their size.
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(10 * 1000));
    }

    private static double Parameter(float[] images, int row, int value)
    {
        int channel = value / 4, y = value / 2 % 2, x = value % 2;
        double sum = channel / 10f;
        for (int c = 0; c < 3; c++)
            for (int dy = 0; dy < 2; dy++)
                for (int dx = 0; dx < 2; dx++)
                    sum += TinyModel.EncoderWeight(channel, c, dy, dx) * images[(row * 48) + (c * 16) + (((2 * y) + dy) * 4) + (2 * x) + dx];
        return sum;
    }

    private static float[] Draw(ulong stream, int length)
    {
        var values = new float[length];
        new CounterRandom(9, stream).FillGaussian(values);
        return values;
    }
}
