using System.Diagnostics;
using Ddoq.Onnx.Sessions;

namespace Ddoq.Onnx.Tests.Sessions;

/// <summary>Entry point of this assembly as a process of its own: loads ONNX Runtime from a directory and says what it got.</summary>
internal static class RuntimeProbe
{
    private static int Main(string[] arguments)
    {
        try
        {
            OnnxRuntimeLocation.Use(arguments[0]);
            (string version, IReadOnlyList<string> providers) = OnnxRuntimeLocation.Load();
            using Process self = Process.GetCurrentProcess();
            string? loaded = self.Modules.Cast<ProcessModule>().Select(m => m.FileName).FirstOrDefault(f => f.Contains("onnxruntime.", StringComparison.Ordinal) && !f.EndsWith("ML.OnnxRuntime.dll", StringComparison.OrdinalIgnoreCase));
            Console.WriteLine($"version {version} providers {string.Join(' ', providers)} loaded {loaded}");
            return 0;
        }
        catch (DdoqException exception)
        {
            Console.WriteLine(exception.Message);
            return exception.ExitCode;
        }
    }
}
