namespace Ddoq.Cuda.Interop;

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
