namespace Ddoq.Cuda.Interop;

/// <summary>A stream of the current context that does not wait for the default stream.</summary>
internal sealed unsafe class StreamHandle : DriverHandle
{
    private const uint NonBlocking = 1;
    private const int ThreadLocalCapture = 1;

    public StreamHandle()
    {
        nint stream = 0;
        Own(DriverApi.StreamCreate(&stream, NonBlocking), stream, "cuStreamCreate");
    }

    /// <summary>Waits for all work put on it.</summary>
    public void Synchronize() => CudaCall.Check(DriverApi.StreamSynchronize(handle));

    /// <summary>Waits for all work put on it, whatever became of it.</summary>
    public void Drain() => CudaCall.Succeeded(DriverApi.StreamSynchronize(handle));

    /// <summary>Lets work put on it from now on wait for a mark of another stream; the host does not wait.</summary>
    public void WaitFor(EventHandle mark) => CudaCall.Check(DriverApi.StreamWaitEvent(handle, mark.Value, 0));

    /// <summary>Records the work that an action puts on it, to be launched as a whole.</summary>
    public GraphHandle Capture(Action enqueue)
    {
        CudaCall.Check(DriverApi.StreamBeginCapture(handle, ThreadLocalCapture));
        nint graph = 0;
        try
        {
            enqueue();
        }
        catch
        {
            // The stream must leave capture; what it recorded is thrown away.
            if (CudaCall.Succeeded(DriverApi.StreamEndCapture(handle, &graph)) && graph != 0)
                CudaCall.Succeeded(DriverApi.GraphDestroy(graph));
            throw;
        }

        CudaCall.Check(DriverApi.StreamEndCapture(handle, &graph));
        return new GraphHandle(graph);
    }

    /// <inheritdoc/>
    protected override CudaResult Destroy(nint owned) => DriverApi.StreamDestroy(owned);
}
