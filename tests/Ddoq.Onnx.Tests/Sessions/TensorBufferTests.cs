using Ddoq.Onnx.Sessions;
using Ddoq.Onnx.Tests.OnnxFiles;

namespace Ddoq.Onnx.Tests.Sessions;

public class TensorBufferTests
{
    [Test]
    public unsafe void Buffers_StartOnAMultipleOf64Bytes()
    {
        using var model = new TinyModel();
        using OnnxSession session = OnnxSession.Open(model.File("transformer", "model.onnx"), new() { Provider = ExecutionProvider.Cpu });
        for (int rows = 1; rows < 40; rows++)
        {
            using var latents = new TensorBuffer(session.Inputs[0], rows, 4, 2, 2);
            using var timesteps = new TensorBuffer(session.Inputs[1], rows);
            fixed (float* first = latents.Floats)
                Assert.That((long)first % 64, Is.Zero);
            fixed (byte* first = timesteps.Value.GetTensorMutableRawData())
                Assert.That((long)first % 64, Is.Zero);
        }
    }

    [TestCase(2.5, 2)]
    [TestCase(3.5, 4)]
    [TestCase(499.4999, 499)]
    public void Fill_OfAnIntegerTensor_RoundsHalfToEven(double value, long expected)
    {
        using var model = new TinyModel();
        using OnnxSession session = OnnxSession.Open(model.File("transformer", "model.onnx"), new() { Provider = ExecutionProvider.Cpu });
        using var timesteps = new TensorBuffer(session.Inputs[1], 3);
        timesteps.Fill(value);
        Assert.That(timesteps.Value.GetTensorDataAsSpan<long>().ToArray(), Has.All.EqualTo(expected));
    }

    [Test]
    public void Buffer_BeyondTheLargestArray_IsRefused()
    {
        using var model = new TinyModel();
        using OnnxSession session = OnnxSession.Open(model.File("transformer", "model.onnx"), new() { Provider = ExecutionProvider.Cpu });
        Assert.That(() => new TensorBuffer(session.Inputs[0], 1 << 26, 4, 2, 2), Throws.InstanceOf<DdoqException>().With.Message.Contains("does not fit"));
    }
}
