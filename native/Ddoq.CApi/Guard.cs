using Ddoq.Cuda;

namespace Ddoq.CApi;

/// <summary>Keeps exceptions inside the library: a status for each, and its words for ddoq_last_error.</summary>
internal static unsafe class Guard
{
    /// <summary>Runs the body of an exported function.</summary>
    public static Status Run(Action body)
    {
        try
        {
            body();
            return Status.Success;
        }
        catch (Exception exception)
        {
            return Take(exception);
        }
    }

    /// <summary>Runs the body of a function that returns a pointer: null when it fails.</summary>
    public static void* Pointer(Func<nint> body)
    {
        try
        {
            return (void*)body();
        }
        catch (Exception exception)
        {
            Take(exception);
            return null;
        }
    }

    /// <summary>A pointer argument that must be there.</summary>
    /// <exception cref="UsageException">It is null.</exception>
    public static void Require(void* pointer, string name)
    {
        if (pointer == null)
            throw new UsageException($"{name} is null; allowed: the address of the caller's memory.");
    }

    /// <summary>A number that must lie in a range.</summary>
    /// <exception cref="UsageException">It does not.</exception>
    public static void InRange(long value, long lowest, long highest, string name)
    {
        if (value < lowest || value > highest)
            throw new UsageException($"{name} is {value}; allowed: {lowest} to {highest}.");
    }

    private static Status Take(Exception exception)
    {
        (Status status, string message, string? hint) = exception switch
        {
            UsageException usage => (Status.InvalidArgument, usage.Message, usage.Hint),
            DeviceUnavailableException device => (Status.NoDevice, device.Message, Reword(device.Hint)),
            CudaException cuda => (Status.DriverError, cuda.Message, cuda.Hint),
            DdoqException failure => (Status.Failed, failure.Message, failure.Hint),
            ArgumentException argument => (Status.InvalidArgument, argument.Message, null),
            OperationCanceledException => (Status.Cancelled, "The call was stopped by its caller.", null),
            OutOfMemoryException => (Status.OutOfMemory, "There is not enough memory.", "Fit fewer classes at a time (workers), or set memory_limit."),
            _ => (Status.Defect, exception.ToString(), "This is a defect of the library: please report it with this message."),
        };
        LastError.Set(message, hint);
        return status;
    }

    // The engine speaks of the flags of its program.
    private static string? Reword(string? hint) => hint?.Replace("--device cuda:N", "device_index", StringComparison.Ordinal).Replace("--device cpu", "DDOQ_DEVICE_CPU", StringComparison.Ordinal);
}
