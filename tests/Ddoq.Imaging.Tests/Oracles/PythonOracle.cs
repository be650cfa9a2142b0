using System.Diagnostics;

namespace Ddoq.Imaging.Tests;

/// <summary>Runs a script of this folder with the system's Python, or ignores the test when Python or a package is missing.</summary>
internal static class PythonOracle
{
    private const string Interpreter = "/usr/bin/python3";

    // The scripts exit with this when an import fails.
    private const int MissingPackage = 77;

    public static string Run(string script, params string[] arguments)
    {
        if (!File.Exists(Interpreter))
            Assert.Ignore($"{Interpreter} is not there");

        var start = new ProcessStartInfo(Interpreter) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Path.Combine(TestContext.CurrentContext.TestDirectory, "Oracles", script));
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode == MissingPackage)
            Assert.Ignore($"{script}: {error.Result.Trim()}");
        Assert.That(process.ExitCode, Is.Zero, () => $"{script}: {error.Result}");
        return output;
    }
}
