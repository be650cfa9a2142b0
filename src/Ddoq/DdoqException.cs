namespace Ddoq;

/// <summary>An error the user can act on: what was found, where, what is allowed, and what to do.</summary>
/// <remarks>
/// The command line prints <c>error: {Message}</c> then <c>hint: {Hint}</c> and exits with <see cref="ExitCode"/>.
/// Anything else that escapes is a defect in the program.
/// </remarks>
public class DdoqException : Exception
{
    /// <summary>Creates an error with a remedy.</summary>
    /// <param name="message">What was found, where (file, tensor, row, class), and what is allowed.</param>
    /// <param name="hint">What the user can do about it; null when the message says it all.</param>
    /// <param name="innerException">The cause, if any.</param>
    public DdoqException(string message, string? hint = null, Exception? innerException = null)
        : base(message, innerException) => Hint = hint;

    /// <summary>What the user can do about it.</summary>
    public string? Hint { get; }

    /// <summary>The process exit code: 1 failed, 2 usage, 3 no suitable device.</summary>
    public virtual int ExitCode => 1;
}

/// <summary>A wrong option, argument or configuration key (exit code 2).</summary>
public sealed class UsageException(string message, string? hint = null, Exception? innerException = null)
    : DdoqException(message, hint, innerException)
{
    /// <inheritdoc/>
    public override int ExitCode => 2;
}

/// <summary>The device or execution provider that was asked for is not there (exit code 3).</summary>
public sealed class DeviceUnavailableException(string message, string? hint = null, Exception? innerException = null)
    : DdoqException(message, hint, innerException)
{
    /// <inheritdoc/>
    public override int ExitCode => 3;
}
