using Ddoq.Bench.Consistency;
using Ddoq.Bench.Encode;
using Ddoq.Bench.Kernels;
using Ddoq.Bench.Sweep;
using Ddoq.Bench.Synthesis;

namespace Ddoq.Bench;

/// <summary>All benches of the CPU code, one subcommand each. The GPU's, which is compiled ahead, is <c>bench/device</c>.</summary>
internal static class Program
{
    private const string Usage =
        """
        usage: Ddoq.Bench BENCH [ARGUMENTS]

          consistency [FOLDER]   distortion against K beside the law of optimal quantisation
          encode --images DIR    the batch reader in every layout beside plain libvips loops (bench/encode)
          kernels table          the inner loops beside OpenBLAS and the processor's peak
          kernels [ARGUMENTS]    the same and whole fits under BenchmarkDotNet
          sweep                  students and distances against the start level of the diffusion (bench/sweep)
          synthesis              the synthesis stage beside bare calls of ONNX Runtime (bench/synthesis)
        """;

    private static int Main(string[] arguments)
    {
        string[] rest = [.. arguments.Skip(1)];
        using var stop = new CancellationTokenSource();
        Console.CancelKeyPress += (_, key) =>
        {
            key.Cancel = true;
            stop.Cancel();
        };
        try
        {
            switch (arguments.FirstOrDefault())
            {
                case "consistency":
                    ConsistencyBench.Run(rest.FirstOrDefault() ?? ".");
                    return 0;
                case "encode":
                    EncodeBench.Run(new BenchArguments(rest));
                    return 0;
                case "kernels":
                    KernelsBench.Run(rest);
                    return 0;
                case "sweep":
                    SweepBench.Run(new BenchArguments(rest), stop.Token);
                    return 0;
                case "synthesis":
                    SynthesisBench.Run(new BenchArguments(rest));
                    return 0;
                default:
                    Console.Error.WriteLine(Usage);
                    return 2;
            }
        }
        catch (OperationCanceledException)
        {
            return 130;
        }
        catch (DdoqException exception)
        {
            Console.Error.WriteLine($"error: {exception.Message}");
            if (exception.Hint is { } hint)
                Console.Error.WriteLine($"hint: {hint}");
            return exception.ExitCode;
        }
    }
}
