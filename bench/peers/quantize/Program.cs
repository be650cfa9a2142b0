using System.Globalization;

namespace Ddoq.Bench.Quantize;

/// <summary>The two commands of the bench: <c>write</c> makes a data file, <c>run</c> times the quantiser on it. <c>compare.py</c> drives both.</summary>
internal static class Program
{
    private const string Usage = """
        write --file F --rows N --held-out H --dimension D --classes C [--seed S]
        run   --file F --held-out H --centroids K --algorithm A --workers W --repeat R --output CENTROIDS.npy [--restarts R] [--budget SECONDS] [--space S] [--seed S]
        """;

    private static int Main(string[] arguments)
    {
        try
        {
            Dictionary<string, string> options = Parse(arguments);
            switch (arguments.FirstOrDefault())
            {
                case "write":
                    SyntheticLatents.Write(
                        options["--file"], Number(options, "--classes"), Number(options, "--rows") + Number(options, "--held-out"), Number(options, "--dimension"), (ulong)Number(options, "--seed", 1));
                    return 0;
                case "run":
                    QuantizeRun.Execute(options);
                    return 0;
                default:
                    Console.Error.WriteLine(Usage);
                    return 2;
            }
        }
        catch (KeyNotFoundException exception)
        {
            Console.Error.WriteLine($"error: {exception.Message}\n{Usage}");
            return 2;
        }
        catch (DdoqException exception)
        {
            Console.Error.WriteLine($"error: {exception.Message}\nhint: {exception.Hint}");
            return exception.ExitCode;
        }
    }

    internal static int Number(Dictionary<string, string> options, string name, int? fallback = null) =>
        options.TryGetValue(name, out string? text) || fallback is null ? int.Parse(text ?? options[name], CultureInfo.InvariantCulture) : fallback.Value;

    private static Dictionary<string, string> Parse(string[] arguments)
    {
        var options = new Dictionary<string, string>();
        for (int i = 1; i + 1 < arguments.Length; i += 2)
            options[arguments[i]] = arguments[i + 1];
        return options;
    }
}
