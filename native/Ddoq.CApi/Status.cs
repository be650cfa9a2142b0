namespace Ddoq.CApi;

/// <summary>ddoq_status of native/include/ddoq_types.h; what only libddoq_kernels returns is left out.</summary>
internal enum Status
{
    Success = 0,
    InvalidArgument = 1,
    DriverError = 4,
    NoDevice = 5,
    Failed = 6,
    Cancelled = 7,
    OutOfMemory = 8,
    Defect = 9,
}
