using BenchmarkDotNet.Running;

namespace Ddoq.Bench.Kernels;

/// <summary><c>table</c> prints the kernels beside OpenBLAS and the processor's peak; anything else goes to BenchmarkDotNet.</summary>
internal static class Program
{
    private static int Main(string[] arguments)
    {
        try
        {
            if (arguments.FirstOrDefault() == "table")
                new RooflineTable(Console.Out).Print();
            else
                BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(arguments);
            return 0;
        }
        catch (DdoqException exception)
        {
            Console.Error.WriteLine($"error: {exception.Message}\nhint: {exception.Hint}");
            return exception.ExitCode;
        }
    }
}
