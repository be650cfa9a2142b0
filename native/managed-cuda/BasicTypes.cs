namespace ManagedCuda.BasicTypes;

/// <summary><c>size_t</c>.</summary>
public struct SizeT
{
    private nuint _value;

    public static implicit operator SizeT(int value) => new() { _value = (nuint)value };

    public static implicit operator SizeT(ulong value) => new() { _value = (nuint)value };

    public static implicit operator ulong(SizeT value) => value._value;
}

/// <summary>Address in device memory.</summary>
public struct CUdeviceptr(SizeT pointer)
{
    public SizeT Pointer = pointer;
}

/// <summary>Number of a device.</summary>
public struct CUdevice
{
    public int Pointer;
}

public struct CUcontext
{
    public nint Pointer;
}

public struct CUstream
{
    public nint Pointer;
}

public struct CUevent
{
    public nint Pointer;
}

public struct CUmodule
{
    public nint Pointer;
}

public struct CUfunction
{
    public nint Pointer;
}

public struct CUgraph
{
    public nint Pointer;
}

public struct CUgraphExec
{
    public nint Pointer;
}

/// <summary>What a driver function returns; the engine names the values it knows itself.</summary>
public enum CUResult
{
    Success = 0,
}

public enum CUInitializationFlags : uint
{
    None = 0,
}

public enum CUDeviceAttribute
{
    MaxThreadsPerBlock = 1,
}

[Flags]
public enum CUMemHostAllocFlags
{
    None = 0,
}

[Flags]
public enum CUStreamFlags : uint
{
    None = 0,
}

public enum CUstreamCaptureMode
{
    Global = 0,
}

[Flags]
public enum CUgraphInstantiate_flags : ulong
{
    None = 0,
}

[Flags]
public enum CUEventFlags
{
    Default = 0,
}

public enum CUFunctionAttribute
{
    MaxThreadsPerBlock = 0,
}
