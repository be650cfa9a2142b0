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
