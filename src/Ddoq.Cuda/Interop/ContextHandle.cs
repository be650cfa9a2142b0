using System.Runtime.InteropServices;

namespace Ddoq.Cuda.Interop;

/// <summary>A reference to a device's primary context, which frameworks in the same process share.</summary>
internal sealed unsafe class ContextHandle : SafeHandle
{
    [ThreadStatic]
    private static ContextHandle? s_current;

    private readonly int _device;

    /// <summary>Retains the primary context of a device and makes it the calling thread's.</summary>
    /// <exception cref="CudaException">The driver refused.</exception>
    public ContextHandle(CudaDevice device)
        : base(0, ownsHandle: true)
    {
        Device = device;
        int ordinal;
        CudaCall.Check(DriverApi.DeviceGet(&ordinal, device.Index), $"cuDeviceGet({device.Index})");
        _device = ordinal;
        nint context;
        CudaCall.Check(DriverApi.DevicePrimaryCtxRetain(&context, ordinal), $"cuDevicePrimaryCtxRetain({device.Label})");
        SetHandle(context);
        try
        {
            MakeCurrent();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The context that this thread made current last.</summary>
    public static ContextHandle? Current => s_current;

    /// <summary>Its device.</summary>
    public CudaDevice Device { get; }

    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <summary>Makes it the calling thread's context.</summary>
    public void MakeCurrent()
    {
        CudaCall.Check(DriverApi.CtxSetCurrent(handle), $"cuCtxSetCurrent({Device.Label})");
        s_current = this;
    }

    /// <summary>The same where nothing may throw: releases go on, and mostly succeed, in the context that is current.</summary>
    public void TryMakeCurrent()
    {
        if (CudaCall.Succeeded(DriverApi.CtxSetCurrent(handle)))
            s_current = this;
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        if (s_current == this)
            s_current = null;
        return CudaCall.Succeeded(DriverApi.DevicePrimaryCtxRelease(_device));
    }
}

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
