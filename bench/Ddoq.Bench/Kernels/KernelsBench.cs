using BenchmarkDotNet.Running;

namespace Ddoq.Bench.Kernels;

/// <summary><c>table</c> prints the kernels beside OpenBLAS and the processor's peak; anything else goes to BenchmarkDotNet.</summary>
internal static class KernelsBench
{
    public static void Run(string[] arguments)
    {
        if (arguments.FirstOrDefault() == "table")
            new RooflineTable(Console.Out).Print();
        else
            BenchmarkSwitcher.FromAssembly(typeof(KernelsBench).Assembly).Run(arguments);
    }
}
