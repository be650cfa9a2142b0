namespace Ddoq.Cuda.Interop;

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
