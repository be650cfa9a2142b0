using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Ddoq.Evaluation.Tests.Transport;

/// <summary>The Python Optimal Transport library (Debian: python3-pot) as an outside oracle, one process for many cases.</summary>
internal static class PythonOptimalTransport
{
    private const string Interpreter = "/usr/bin/python3";

    private const string Script =
        """
        import sys
        import numpy as np
        import ot
        for line in sys.stdin:
            n, k, d, path = line.split(" ", 3)
            n, k, d = int(n), int(k), int(d)
            values = np.fromfile(path.strip(), dtype="<f8")
            x, y, a, b = np.split(values, np.cumsum([n * d, k * d, n]))
            cost = ((x.reshape(n, 1, d) - y.reshape(1, k, d)) ** 2).sum(axis=2)
            print(repr(float(ot.emd2(a, b, cost, numItermax=10_000_000))))
        """;

    /// <summary>emd2 of each case, or null with the reason when the library is not there.</summary>
    public static double[]? SquaredDistances(IReadOnlyList<TransportCase> cases, out string reason)
    {
        reason = $"{Interpreter} with the packages numpy and ot (python3-pot) is not here";
        if (!File.Exists(Interpreter))
            return null;
        string folder = Directory.CreateTempSubdirectory("ddoq-pot").FullName;
        try
        {
            var start = new ProcessStartInfo(Interpreter)
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                Environment = { ["OMP_NUM_THREADS"] = "1", ["OPENBLAS_NUM_THREADS"] = "1" },
            };
            start.ArgumentList.Add("-c");
            start.ArgumentList.Add(Script);
            using Process process = Process.Start(start)!;
            Task<string> errors = process.StandardError.ReadToEndAsync();
            var input = new StringBuilder();
            foreach (TransportCase item in cases)
            {
                string path = Path.Combine(folder, $"{input.Length}.bin");
                double[] values = [.. item.X().Select(v => (double)v), .. item.Y().Select(v => (double)v), .. item.A(), .. item.B()];
                File.WriteAllBytes(path, System.Runtime.InteropServices.MemoryMarshal.AsBytes<double>(values));
                input.Append(CultureInfo.InvariantCulture, $"{item.N} {item.K} {item.D} {path}\n");
            }

            try
            {
                process.StandardInput.Write(input.ToString());
                process.StandardInput.Close();
            }
            catch (IOException)
            {
                // It died on its imports; the exit code below says so.
            }

            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            if (process.ExitCode != 0)
            {
                if (!errors.Result.Contains("ModuleNotFoundError", StringComparison.Ordinal))
                    throw new InvalidOperationException(errors.Result);
                return null;
            }

            return [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => double.Parse(line, CultureInfo.InvariantCulture))];
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
