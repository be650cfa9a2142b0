namespace Ddoq.CApi;

/// <summary>ddoq_device of native/include/ddoq.h.</summary>
internal enum DeviceChoice
{
    Cpu = 0,
    Cuda = 1,
    Auto = 2,
}
