using System.Diagnostics;
using System.Globalization;

namespace Ddoq.Tests.Quantization;

/// <summary>Runs a piece of Python with scikit-learn on rows of a test; the test is ignored where that is not installed.</summary>
internal static class ScikitLearn
{
    private const string Python = "/usr/bin/python3";

    private const string Prologue = """
        import sys, numpy as np
        from sklearn.cluster import KMeans, MiniBatchKMeans
        folder, dimension, centroids = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
        rows = np.fromfile(folder + '/rows.f32', dtype=np.float32).reshape(-1, dimension)
        start = np.fromfile(folder + '/start.f32', dtype=np.float32).reshape(-1, dimension)
        weights = np.fromfile(folder + '/weights.f32', dtype=np.float32)
        def say(values):
            print(' '.join(repr(float(value)) for value in np.ravel(values)))

        """;

    /// <summary>Runs a script that sees <c>rows</c>, <c>start</c>, <c>weights</c>, <c>centroids</c> and prints lines of numbers with <c>say</c>.</summary>
    public static double[][] Run(Half[] rows, float[] start, int dimension, int centroids, string script, float[]? weights = null)
    {
        if (!File.Exists(Python))
            Assert.Ignore($"{Python} is not installed.");
        DirectoryInfo folder = Directory.CreateTempSubdirectory("ddoq-sklearn-");
        try
        {
            Write(Path.Combine(folder.FullName, "rows.f32"), [.. rows.Select(value => (float)value)]);
            Write(Path.Combine(folder.FullName, "start.f32"), start);
            Write(Path.Combine(folder.FullName, "weights.f32"), weights ?? []);
            var information = new ProcessStartInfo(Python) { RedirectStandardOutput = true, RedirectStandardError = true };
            foreach (string argument in new[] { "-W", "ignore", "-c", Prologue + script, folder.FullName, dimension.ToString(CultureInfo.InvariantCulture), centroids.ToString(CultureInfo.InvariantCulture) })
                information.ArgumentList.Add(argument);
            information.Environment["OMP_NUM_THREADS"] = "1";
            using Process process = Process.Start(information)!;
            Task<string> errors = process.StandardError.ReadToEndAsync();
            string[] lines = process.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
            process.WaitForExit();
            if (process.ExitCode != 0 && errors.Result.Contains("ModuleNotFoundError", StringComparison.Ordinal))
                Assert.Ignore("scikit-learn is not installed for " + Python);
            Assert.That(process.ExitCode, Is.Zero, errors.Result);
            return [.. lines.Select(line => Array.ConvertAll(line.Split(' '), text => double.Parse(text, CultureInfo.InvariantCulture)))];
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static void Write(string path, float[] values) =>
        File.WriteAllBytes(path, System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(values).ToArray());
}
