using Ddoq.Cuda.Interop;
using Ddoq.Cuda.Kernels;
using Ddoq.Cuda.Memory;
using Ddoq.Cuda.Tests.Emulation;

namespace Ddoq.Cuda.Tests.Interop;

/// <summary>Owned handles: work happens when it is waited for, everything is given back, also from other threads.</summary>
public unsafe class HandleTests
{
    private ContextHandle _context = null!;

    [SetUp]
    public void OpenDevice()
    {
        EmulatedDriver.Start();
        _context = new ContextHandle(CudaDevice.List()[0]);
    }

    [TearDown]
    public void NothingIsLeft()
    {
        _context?.Dispose();
        EmulatedDriver.ExpectClean();
    }

    [Test]
    public void Launch_AllocatesNothing_AndComputes()
    {
        using var catalog = new KernelCatalog(KernelImage.Find(), _context.Device);
        using var stream = new StreamHandle();
        using var rows = new DeviceBuffer<float>();
        using var norms = new DeviceBuffer<float>();
        using var host = new PinnedBuffer<float>();
        rows.Reserve(6);
        norms.Reserve(2);
        new float[] { 1, 2, 3, 4, 5, 6 }.CopyTo(new Span<float>(host.Reserve(6), 6));
        rows.Upload(host.Pointer, 0, 6, stream);
        Kernel kernel = catalog.Get("ddoq_norms_f32", KernelShapes.NormsThreads, 0);
        var parameters = new NormsParameters { Rows = rows.Address, Norms = norms.Address, RowStride = 3, RowCount = 2, Dimension = 3 };
        kernel.Launch(parameters, 1, stream);
        stream.Synchronize();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
            kernel.Launch(parameters, 1, stream);
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
        norms.Download(host, 2, stream);
        stream.Synchronize();
        Assert.That(host.Span(0, 2).ToArray(), Is.EqualTo(new float[] { 14, 77 }));
        Assert.That(EmulatedDriver.Launches, Is.EqualTo(101));
        kernel.Launch(parameters, 0, stream);
        stream.Synchronize();
        Assert.That(EmulatedDriver.Launches, Is.EqualTo(101), "no work, no launch");
    }

    [Test]
    public void UnknownKernel_IsNamed()
    {
        using var catalog = new KernelCatalog(KernelImage.Find(), _context.Device);
        Assert.That(
            () => catalog.Get("ddoq_nothing_f16", 32, 0),
            Throws.TypeOf<CudaException>().With.Message.Contains("'ddoq_nothing_f16'").And.Property(nameof(DdoqException.Hint)).Contains("another version"));
    }

    [Test]
    public void ImageThatIsNone_IsRefused() => Assert.That(
        () => new KernelCatalog(new KernelImage([1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "a file"), _context.Device),
        Throws.TypeOf<DeviceUnavailableException>().With.Message.Contains("a file").And.Message.Contains("CUDA_ERROR_INVALID_IMAGE"));

    [Test]
    public void Graph_RepeatsWhatWasRecorded()
    {
        using var stream = new StreamHandle();
        using var buffer = new DeviceBuffer<byte>();
        using var host = new PinnedBuffer<byte>();
        buffer.Reserve(3);
        host.Reserve(3);
        using GraphHandle graph = stream.Capture(() =>
        {
            CudaCall.Check(DriverApi.MemsetD8Async(buffer.Address, 7, 3, stream.Value));
            buffer.Download(host, 3, stream);
        });
        for (int i = 0; i < 2; i++)
        {
            host.Span(0, 3).Clear();
            graph.Launch(stream);
            stream.Synchronize();
            Assert.That(host.Span(0, 3).ToArray(), Is.All.EqualTo(7));
        }
    }

    [Test]
    public void CaptureThatFails_LeavesTheStreamUsable()
    {
        using var stream = new StreamHandle();
        Assert.That(() => stream.Capture(() => throw new DdoqException("no")), Throws.TypeOf<DdoqException>());
        stream.Synchronize();
    }

    [Test]
    public void Ring_WaitsForACopyBeforeItsPieceIsFilledAgain()
    {
        using var stream = new StreamHandle();
        using var ring = new PinnedRing(2);
        using var buffer = new DeviceBuffer<byte>();
        using var host = new PinnedBuffer<byte>();
        buffer.Reserve(10);
        for (byte i = 0; i < 10; i++)
        {
            PinnedRing.Piece piece = ring.Take(1);
            *piece.Pointer = i;
            buffer.Upload(piece.Pointer, i, 1, stream);
            piece.Submitted(stream);
        }

        host.Reserve(10);
        buffer.Download(host, 10, stream);
        stream.Synchronize();
        Assert.That(host.Span(0, 10).ToArray(), Is.EqualTo(new byte[] { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 }));
    }

    [Test]
    public void Events_OrderTwoStreams_AndTellTime()
    {
        using StreamHandle first = new(), second = new();
        using EventHandle begin = new(timed: true), written = new(), end = new(timed: true);
        using var buffer = new DeviceBuffer<byte>();
        using var host = new PinnedBuffer<byte>();
        buffer.Reserve(1);
        host.Reserve(1);
        begin.Record(first);
        CudaCall.Check(DriverApi.MemsetD8Async(buffer.Address, 9, 1, first.Value));
        written.Record(first);
        second.WaitFor(written);
        buffer.Download(host, 1, second);
        end.Record(second);
        end.Synchronize();
        Assert.That(*host.Pointer, Is.EqualTo(9));
        Assert.That(end.SecondsSince(begin), Is.GreaterThan(0));
    }

    [Test]
    public void Handles_AreGivenBackInTheirContext_OnAnyThread_AfterTheContextIsLetGo()
    {
        var stream = new StreamHandle();
        var buffer = new DeviceBuffer<int>();
        buffer.Reserve(5);
        _context.Dispose();
        var thread = new Thread(() =>
        {
            stream.Dispose();
            buffer.Dispose();
        });
        thread.Start();
        thread.Join();
    }

    [Test]
    public void Failure_NamesCallDeviceAndHint()
    {
        using var buffer = new DeviceBuffer<int>();
        CudaException failure = Assert.Throws<CudaException>(() => buffer.Reserve(1L << 40))!;
        Assert.Multiple(() =>
        {
            Assert.That(failure.IsOutOfMemory, Is.True);
            Assert.That(failure.Message, Is.EqualTo("CUDA call cuMemAlloc(4398046511104 bytes) failed on device 0 (DDOQ emulated device (CPU, logic only)): CUDA_ERROR_OUT_OF_MEMORY (out of memory)."));
            Assert.That(failure.Hint, Does.Contain("nvidia-smi"));
            Assert.That(buffer.Capacity, Is.Zero);
        });
    }
}
