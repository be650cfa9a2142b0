namespace Ddoq.Cli.Terminal;

/// <summary>Turns what a command threw into <c>error:</c> and <c>hint:</c> lines and an exit code.</summary>
internal static class ErrorReport
{
    public const int FailureExitCode = 1;
    public const int UsageExitCode = 2;

    /// <summary>Runs a command's body and maps its outcome to an exit code.</summary>
    public static int Guard(Signals signals, bool verbose, Func<int> body)
    {
        try
        {
            return body();
        }
        catch (OperationCanceledException) when (signals.ExitCode != 0)
        {
            return signals.ExitCode;
        }
        catch (Exception e)
        {
            return Print(e, verbose);
        }
    }

    private static int Print(Exception exception, bool verbose)
    {
        Exception e = exception is AggregateException { InnerExceptions.Count: 1 } aggregate ? aggregate.InnerException! : exception;
        (string message, string? hint) = e switch
        {
            DdoqException known => (known.Message, known.Hint),
            IOException or UnauthorizedAccessException => (e.Message, "Check the disk, the path and its permissions, then run again: finished files are kept."),
            OutOfMemoryException => ("there is not enough memory", "Close other programs, or ask for less at once (fewer workers, smaller batches), then run again: finished files are kept."),
            _ => ($"{e.GetType().Name}: {e.Message}", "this is a defect; run again with --verbose and report the stack"),
        };
        Console.Error.WriteLine($"error: {message}");
        if (hint is not null)
            Console.Error.WriteLine($"hint: {hint}");
        if (verbose)
            Console.Error.WriteLine(e);
        return (e as DdoqException)?.ExitCode ?? FailureExitCode;
    }
}
