using System.Runtime.InteropServices;

namespace Ddoq.Cuda.Interop;

/// <summary>Something the driver made in a context: keeps the context alive, and is released in it, on any thread.</summary>
internal abstract class DriverHandle : SafeHandle
{
    private readonly ContextHandle _context;

    /// <summary>For something of the calling thread's context.</summary>
    protected DriverHandle()
        : base(0, ownsHandle: true)
    {
        _context = ContextHandle.Current ?? throw new InvalidOperationException("no CUDA context is current on this thread");
        bool added = false;
        _context.DangerousAddRef(ref added);
    }

    /// <inheritdoc/>
    public override bool IsInvalid => false; // so that a handle that was never filled still lets go of its context

    /// <summary>The driver's handle, valid while this lives.</summary>
    public nint Value => handle;

    /// <summary>Takes over what a call made, or lets go of everything and throws when it failed.</summary>
    /// <exception cref="CudaException">The call failed.</exception>
    protected void Own(CudaResult result, nint made, string call)
    {
        if (result != CudaResult.Success)
        {
            Dispose();
            CudaCall.Throw(result, call);
        }

        SetHandle(made);
    }

    /// <summary>Gives the object back to the driver, in its context.</summary>
    protected abstract CudaResult Destroy(nint owned);

    /// <inheritdoc/>
    protected sealed override bool ReleaseHandle()
    {
        bool released = true;
        if (handle != 0)
        {
            _context.TryMakeCurrent();
            released = CudaCall.Succeeded(Destroy(handle));
        }

        _context.DangerousRelease();
        return released;
    }
}
