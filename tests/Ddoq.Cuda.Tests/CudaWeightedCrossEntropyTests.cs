using Ddoq.Cuda.Interop;
using Ddoq.Cuda.Memory;
using Ddoq.Cuda.Tests.Emulation;
using Ddoq.Numerics;

namespace Ddoq.Cuda.Tests;

/// <summary>The loss on the emulated device against its CPU twin, which is tested against torch.</summary>
public unsafe class CudaWeightedCrossEntropyTests
{
    [TearDown]
    public void ExpectNothingLeft() => EmulatedDriver.ExpectClean();

    // One class, a warp's tail, ImageNet-1K, the last size of the warp variant and the first of the block variant.
    [TestCase(1, 1)]
    [TestCase(9, 10)]
    [TestCase(5, 1000)]
    [TestCase(3, 2048)]
    [TestCase(2, 2049)]
    public void Compute_AgreesWithTheCpu(int rows, int classes)
    {
        EmulatedDriver.Start(seed: 3);
        int length = rows * classes;
        float[] logits = Normal(1, length), weights = [.. Normal(2, rows).Select(MathF.Abs)], targets = Probabilities(rows, classes);
        float[] losses = new float[rows], gradients = new float[length];
        const float Temperature = 2.5f, Scale = 0.25f;
        WeightedCrossEntropy.Compute(logits, targets, weights, classes, Temperature, subtractEntropy: true, Scale, losses, gradients);

        using var context = new ContextHandle(CudaDevice.Select([0])[0]);
        using var loss = new CudaWeightedCrossEntropy();
        using var stream = new StreamHandle();
        using DeviceBuffer<float> z = Upload(logits, stream), p = Upload(targets, stream), w = Upload(weights, stream);
        using var l = new DeviceBuffer<float>();
        using var g = new DeviceBuffer<float>();
        l.Reserve(rows);
        g.Reserve(length);
        loss.Compute((nint)z.Address, (nint)p.Address, (nint)w.Address, rows, classes, Temperature, subtractEntropy: true, Scale, (nint)l.Address, (nint)g.Address);
        CudaCall.Check(DriverApi.StreamSynchronize(0));

        Assert.Multiple(() =>
        {
            Assert.That(Download(l, rows, stream), Is.EqualTo(losses).Within(2e-6 * losses.Max()));
            Assert.That(Download(g, length, stream), Is.EqualTo(gradients).Within(2e-6 * gradients.Max(MathF.Abs)));
        });
    }

    private static float[] Normal(ulong stream, int count)
    {
        var values = new float[count];
        new CounterRandom(5, stream).FillGaussian(values);
        return values;
    }

    private static float[] Probabilities(int rows, int classes)
    {
        float[] values = [.. Normal(3, rows * classes).Select(MathF.Exp)];
        for (int row = 0; row < rows; row++)
        {
            Span<float> one = values.AsSpan(row * classes, classes);
            float sum = 0;
            foreach (float value in one)
                sum += value;
            foreach (ref float value in one)
                value /= sum;
        }

        return values;
    }

    private static DeviceBuffer<float> Upload(float[] values, StreamHandle stream)
    {
        using var host = new PinnedBuffer<float>();
        values.CopyTo(new Span<float>(host.Reserve(values.Length), values.Length));
        var buffer = new DeviceBuffer<float>();
        buffer.Reserve(values.Length);
        buffer.Upload(host.Pointer, 0, values.Length, stream);
        stream.Synchronize();
        return buffer;
    }

    private static float[] Download(DeviceBuffer<float> buffer, int count, StreamHandle stream)
    {
        using var host = new PinnedBuffer<float>();
        host.Reserve(count);
        buffer.Download(host, count, stream);
        stream.Synchronize();
        return new Span<float>(host.Pointer, count).ToArray();
    }
}
