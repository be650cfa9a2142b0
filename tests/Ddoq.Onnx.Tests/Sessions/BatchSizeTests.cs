using Ddoq.Onnx.Sessions;
using Ddoq.Onnx.Tests.OnnxFiles;

namespace Ddoq.Onnx.Tests.Sessions;

public class BatchSizeTests
{
    [TestCase(1, 8)]
    [TestCase(1024, 8)]
    [TestCase(1025, 7)]
    [TestCase(4096, 2)]
    [TestCase(1 << 20, 1)]
    public void ChooseBatchSize_OnTheCpu_FallsWithTheRow(int positions, int expected)
    {
        using var model = new TinyModel();
        using OnnxSession session = OnnxSession.Open(model.File("transformer", "model.onnx"), new() { Provider = ExecutionProvider.Cpu });
        Assert.That(session.ChooseBatchSize(positions, 1024), Is.EqualTo(expected));
    }
}
