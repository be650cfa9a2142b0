using System.Diagnostics;
using System.Reflection;

namespace Ddoq.Cli.Tests;

/// <summary>Runs the built program as a process of its own.</summary>
internal static class Program
{
    public static string RepositoryRoot { get; } = Metadata("RepositoryRoot");

    /// <summary>The built program.</summary>
    public static string Path { get; } = Metadata("ProgramPath");

    public static string Sample { get; } = System.IO.Path.Combine(RepositoryRoot, "samples", "fashion-mnist");

    public static string Model { get; } = System.IO.Path.Combine(RepositoryRoot, "models", "fashion-mnist");

    /// <summary>Runs to the end.</summary>
    public static Outcome Run(params string[] arguments)
    {
        using Process process = Start(arguments);
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        process.WaitForExit();
        return new Outcome(process.ExitCode, output.Result, error.Result);
    }

    /// <summary>Runs to the end with a shell's redirections behind the arguments, for example <c>2>&amp;-</c>.</summary>
    public static Outcome RunRedirected(string redirections, params string[] arguments)
    {
        using Process process = Start("bash", ["-o", "pipefail", "-c", $"dotnet \"$0\" \"$@\" {redirections}", Metadata("ProgramPath"), .. arguments]);
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        process.WaitForExit();
        return new Outcome(process.ExitCode, output.Result, error.Result);
    }

    /// <summary>Kills the program (SIGKILL) as soon as a condition holds; true when it was still running then.</summary>
    public static bool RunAndKill(Func<bool> when, params string[] arguments)
    {
        using Process process = Start(arguments);
        _ = process.StandardOutput.ReadToEndAsync();
        _ = process.StandardError.ReadToEndAsync();
        while (!process.WaitForExit(1))
        {
            if (!when())
                continue;
            process.Kill();
            process.WaitForExit();
            return process.ExitCode != 0;
        }

        return false;
    }

    /// <summary>Sends SIGTERM as soon as a condition holds; null when it had ended by then.</summary>
    public static Outcome? RunAndTerminate(Func<bool> when, params string[] arguments)
    {
        using Process process = Start(arguments);
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        while (!process.WaitForExit(1))
        {
            if (!when())
                continue;
            using Process kill = Start("kill", ["-TERM", $"{process.Id}"]);
            kill.WaitForExit();
            process.WaitForExit();
            return new Outcome(process.ExitCode, output.Result, error.Result);
        }

        return null;
    }

    private static Process Start(string[] arguments) => Start("dotnet", [Metadata("ProgramPath"), .. arguments]);

    private static Process Start(string program, string[] arguments)
    {
        var start = new ProcessStartInfo(program)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = TestContext.CurrentContext.WorkDirectory,
        };
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        return Process.Start(start)!;
    }

    private static string Metadata(string key) => typeof(Program).Assembly
        .GetCustomAttributes<AssemblyMetadataAttribute>().First(attribute => attribute.Key == key).Value!;
}

/// <summary>What a run of the program gave.</summary>
internal sealed record Outcome(int ExitCode, string Output, string Error)
{
    /// <summary>Asserts success, showing the error output otherwise.</summary>
    public Outcome Succeeded()
    {
        Assert.That(ExitCode, Is.Zero, Error);
        return this;
    }

    /// <summary>Asserts a failure whose error names every one of the given words and has a hint.</summary>
    public void FailedWith(int exitCode, params string[] words)
    {
        Assert.Multiple(() =>
        {
            Assert.That(ExitCode, Is.EqualTo(exitCode), Error);
            Assert.That(Error, Does.Contain("error: ").And.Contain("hint: "));
            Assert.That(Error, Does.Not.Contain("this is a defect"));
            foreach (string word in words)
                Assert.That(Error, Does.Contain(word));
        });
    }
}
