using Ddoq.Training.Optimizers;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Ddoq.Training.Tests.Optimizers;

public sealed class GarbageCollectionTests
{
    private const int Steps = 100_000; // numbers used directly fail within these every time

    // A number that is freed while torch reads it makes the call fail, or gives another result, now and then.
    [TestCase(true)]
    [TestCase(false)]
    public void Steps_WhileGarbageIsCollected_GiveTheSameBits(bool adam)
    {
        float[] expected = Run(adam);
        using var stop = new CancellationTokenSource();
        var collector = new Thread(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                GC.Collect(0);
                GC.WaitForPendingFinalizers();
            }
        });
        collector.Start();
        try
        {
            Assert.That(Run(adam), Is.EqualTo(expected));
        }
        finally
        {
            stop.Cancel();
            collector.Join();
        }
    }

    private static float[] Run(bool adam)
    {
        using DisposeScope scope = NewDisposeScope();
        using var parameter = new Parameter(ones(3, 5));
        (string, Parameter)[] parameters = [("p", parameter)];
        using StudentOptimizer optimizer = adam ? new AdamWOptimizer(parameters, 0.01, decaysOnlyMatrices: false) : new SgdOptimizer(parameters, 0.9, 5e-4);
        Tensor gradient = arange(15, dtype: ScalarType.Float32).reshape(3, 5).DetachFromDisposeScope();
        for (int step = 0; step < Steps; step++)
        {
            using DisposeScope inner = NewDisposeScope();
            parameter.grad = gradient.clone();
            optimizer.Step(1e-3 / (1 + step));
        }

        gradient.Dispose();
        return parameter.data<float>().ToArray();
    }
}
