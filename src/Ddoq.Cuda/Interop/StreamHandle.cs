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

/// <summary>A mark in a stream, with a time unless it was made without.</summary>
internal sealed unsafe class EventHandle : DriverHandle
{
    private const uint BlockingSync = 1; // the waiting thread sleeps: the processor has other work
    private const uint DisableTiming = 2;

    public EventHandle(bool timed = false)
    {
        nint created = 0;
        Own(DriverApi.EventCreate(&created, timed ? 0 : DisableTiming | BlockingSync), created, "cuEventCreate");
    }

    /// <summary>Marks the stream's present end.</summary>
    public void Record(StreamHandle stream) => CudaCall.Check(DriverApi.EventRecord(handle, stream.Value));

    /// <summary>Waits until the mark is reached.</summary>
    public void Synchronize() => CudaCall.Check(DriverApi.EventSynchronize(handle));

    /// <summary>Seconds of device time since another mark; both have been reached.</summary>
    public double SecondsSince(EventHandle start)
    {
        float milliseconds;
        CudaCall.Check(DriverApi.EventElapsedTime(&milliseconds, start.Value, handle));
        return milliseconds / 1000.0;
    }

    /// <inheritdoc/>
    protected override CudaResult Destroy(nint owned) => DriverApi.EventDestroy(owned);
}

/// <summary>Work recorded from a stream that is launched as a whole, with one call for all of it.</summary>
internal sealed unsafe class GraphHandle : DriverHandle
{
    /// <summary>Takes over a recorded graph and makes it ready to launch.</summary>
    public GraphHandle(nint graph)
    {
        nint executable = 0;
        CudaResult result = DriverApi.GraphInstantiate(&executable, graph, 0);
        CudaCall.Succeeded(DriverApi.GraphDestroy(graph)); // the executable is a copy
        Own(result, executable, "cuGraphInstantiateWithFlags");
    }

    /// <summary>Puts the work on a stream.</summary>
    public void Launch(StreamHandle stream) => CudaCall.Check(DriverApi.GraphLaunch(handle, stream.Value));

    /// <inheritdoc/>
    protected override CudaResult Destroy(nint owned) => DriverApi.GraphExecDestroy(owned);
}
