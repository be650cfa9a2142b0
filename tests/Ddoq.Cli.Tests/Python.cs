using System.Diagnostics;

namespace Ddoq.Cli.Tests;

/// <summary>Debian's Python, for oracles that live there.</summary>
internal static class Python
{
    /// <summary>Exit code of a script (or of this class) when something is not installed.</summary>
    public const int Missing = 77;

    private const string Interpreter = "/usr/bin/python3";

    public static (int ExitCode, string Output) Run(string script, params string[] arguments)
    {
        if (!File.Exists(Interpreter))
            return (Missing, string.Empty);
        var start = new ProcessStartInfo(Interpreter) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add(script);
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode is not 0 and not Missing)
            Assert.Fail(error.Result);
        return (process.ExitCode, output);
    }
}
