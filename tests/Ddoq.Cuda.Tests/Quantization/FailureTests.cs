using Ddoq.Cuda.Tests.Emulation;
using Ddoq.Quantization;
using Ddoq.Tests.Quantization;

namespace Ddoq.Cuda.Tests.Quantization;

/// <summary>Every driver call that the quantiser makes fails once: a clear error or recovery, no leak, no lost or wrong result.</summary>
public class FailureTests
{
    private const int Unknown = 999, OutOfMemory = 2;

    private static readonly ArrayLatentSource s_source = new(5, [.. Enumerable.Range(4, 3).Select(rows => TestRows.Gaussian(rows, 5, (ulong)rows))]);
    private static readonly QuantizerOptions s_options = new() { CentroidCount = 3, Seed = 2 };

    // Two classes to a batch, two rows to a piece of the ring: every call is made in several batches.
    private static readonly CudaQuantizerOptions s_devices = new() { BatchClasses = 2, PieceBytes = 32 };

    // What gives something back. When the driver refuses, the thing is the driver's to keep.
    private static readonly string[] s_releases =
        ["cuMemFree_v2", "cuMemFreeHost", "cuStreamDestroy_v2", "cuEventDestroy_v2", "cuModuleUnload", "cuDevicePrimaryCtxRelease_v2"];

    private readonly List<string> _left = [];

    private Dictionary<int, ClassQuantization> _expected = [];
    private IReadOnlyDictionary<string, int> _calls = new Dictionary<string, int>();

    [OneTimeSetUp]
    public void RunWithoutFailures()
    {
        EmulatedDriver.Start();
        using (var quantizer = new CudaQuantizer(s_devices))
            _expected = Agreement.Fit(quantizer, s_source, s_options);
        _calls = EmulatedDriver.Calls;
        Assert.That(_expected, Has.Count.EqualTo(3));
        EmulatedDriver.ExpectClean();
    }

    [Test]
    public void AnyCall_ThatFails_IsNamed_AndNothingIsLost()
    {
        Assert.That(_calls, Has.Count.GreaterThan(25));
        foreach ((string call, int count) in _calls)
        {
            foreach (int nth in new[] { 1, count / 2, count }.Where(nth => nth >= 1).Distinct())
                FailOnce(call, nth, Unknown);
        }

        Assert.That(_left, Is.Empty);
    }

    [Test]
    public void AllocationThatFails_HalvesTheBatch([Values("cuMemAlloc_v2", "cuMemHostAlloc")] string call)
    {
        int count = _calls[call];
        foreach (int nth in new[] { 1, 3, count / 2, count - 1 })
            FailOnce(call, nth, OutOfMemory);
        Assert.That(_left, Is.Empty);
    }

    [Test]
    public void DeviceThatFails_SaysWhatItWorkedOn()
    {
        EmulatedDriver.Start();
        using var quantizer = new CudaQuantizer(s_devices);
        EmulatedDriver.Fail("cuEventSynchronize", _calls["cuEventSynchronize"], 719); // the wait for the last batch
        Assert.That(
            () => Agreement.Fit(quantizer, s_source, s_options),
            Throws.TypeOf<CudaException>()
                .With.Message.Contains("CUDA_ERROR_LAUNCH_FAILED").And.Message.Contains("device 0 (DDOQ emulated device").And.Message.Contains("'class0'")
                .And.Message.Contains("ddoq_cluster_lloyd_f32").And.Property(nameof(DdoqException.Hint)).Contains("compute-sanitizer"));
    }

    [Test]
    public void RefusedLaunch_NamesTheKernel()
    {
        EmulatedDriver.Start();
        using var quantizer = new CudaQuantizer(s_devices);
        EmulatedDriver.Fail("cuLaunchKernel", 3, 701);
        Assert.That(
            () => Agreement.Fit(quantizer, s_source, s_options),
            Throws.TypeOf<CudaException>().With.Message.Contains("cuLaunchKernel(ddoq_gram_tensor_f16").And.Message.Contains("256 threads").And.Message.Contains("CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES"));
    }

    private void FailOnce(string call, int nth, int result)
    {
        string where = $"{call} call {nth} gives {result}";
        EmulatedDriver.Start(seed: (ulong)nth);
        EmulatedDriver.Fail(call, nth, result);
        var results = new Dictionary<int, ClassQuantization>();
        CudaQuantizer? quantizer = null;
        try
        {
            quantizer = new CudaQuantizer(s_devices);
            Collect(quantizer, results);
        }
        catch (CudaException exception)
        {
            string name = call.EndsWith("_v2", StringComparison.Ordinal) ? call[..^3] : call;
            Assert.That(exception.Message, Does.Contain(name).IgnoreCase, where);
            Assert.That(exception.Hint, Is.Not.Null, where);
        }
        catch (DeviceUnavailableException exception)
        {
            Assert.That(exception.Message, Does.Contain(call).Or.Contain("device"), where);
        }

        // What is missing can be had from the same quantiser once the driver works again.
        quantizer ??= new CudaQuantizer(s_devices);
        Collect(quantizer, results);
        quantizer.Dispose();
        Assert.Multiple(() =>
        {
            Assert.That(results.Keys, Is.EquivalentTo(_expected.Keys), where);
            Assert.That(EmulatedDriver.Fault, Is.Empty, where);
            foreach ((int index, ClassQuantization one) in results)
            {
                Assert.That(one.Centroids, Is.EqualTo(_expected[index].Centroids), where);
                Assert.That(one.Labels, Is.EqualTo(_expected[index].Labels), where);
            }
        });
        if (EmulatedDriver.Leaks is { Length: > 0 } leaks && !(s_releases.Contains(call) && leaks.StartsWith("1 ", StringComparison.Ordinal) && !leaks.Contains(',')))
            _left.Add($"{where}: {leaks}");
    }

    private static void Collect(CudaQuantizer quantizer, Dictionary<int, ClassQuantization> results) =>
        quantizer.Fit(s_source, s_options, result => results.Add(result.ClassIndex, result), results.Keys.ToHashSet(), NullProgress.Instance, default);
}
