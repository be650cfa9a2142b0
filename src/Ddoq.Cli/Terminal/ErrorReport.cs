namespace Ddoq.Cli.Terminal;

/// <summary>Turns what a command threw into <c>error:</c> and <c>hint:</c> lines and an exit code.</summary>
internal static class ErrorReport
{
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
        var known = e as DdoqException;
        Console.Error.WriteLine($"error: {(known is null ? $"{e.GetType().Name}: {e.Message}" : e.Message)}");
        string? hint = known is null ? "this is a defect; run again with --verbose and report the stack" : known.Hint;
        if (hint is not null)
            Console.Error.WriteLine($"hint: {hint}");
        if (verbose)
            Console.Error.WriteLine(e);
        return known?.ExitCode ?? 1;
    }
}
