using Ddoq.Pipeline;
using Ddoq.Pipeline.Configuration;
using Ddoq.Pipeline.Results;

namespace Ddoq.Bench.Sweep;

/// <summary>Student accuracy and W2 against the level at which the reverse process starts, on training images alone.</summary>
internal static class SweepBench
{
    public static void Run(BenchArguments arguments, CancellationToken cancellation)
    {
        string output = arguments.Text("--output", "sweep-out"), data = Path.Combine(output, "data");
        (int train, int heldOut) = HeldOutData.Write(arguments.Text("--data-dir", ShippedResources.SampleData), data, arguments.Number("--hold-out", 6));
        string[] folders = arguments.Text("--models", ShippedResources.ReferenceModel).Split(',');
        var models = folders.ToDictionary(path => Path.GetFileName(Path.TrimEndingDirectorySeparator(path)));
        PipelineConfiguration configuration = PipelineConfiguration.Empty
            .With(DataSettings.DataDir, data)
            .With(DataSettings.Model, folders[0])
            .With(RunSettings.Provider, "cpu")
            .With(QuantizeSettings.Device, "cpu")
            .With(QuantizeSettings.Ipc, arguments.Text("--ipc", "10"))
            .With(SynthesizeSettings.Weights, arguments.Text("--weights", "sqrt"))
            .With(TrainSettings.Updates, arguments.Text("--updates", "600"))
            .With(TrainSettings.BatchSize, arguments.Text("--train-batch-size", "10"))
            .With(TrainSettings.NetworkWidth, arguments.Text("--network-width", "0"));
        var run = new SweepRun(configuration, models, output, new StageContext(NullProgress.Instance, arguments.Number("--workers", Environment.ProcessorCount), false, cancellation));
        Console.Error.WriteLine($"{train} images to distil, {heldOut} held out");
        run.Prepare();
        List<SweepPoint> points = SweepPoint.All([.. models.Keys], arguments.Fractions("--levels", "0.8,0.6,0.4,0.25,0.15,0.08,0.03"), arguments.Fractions("--row-levels", "0.25"));
        var distances = new Dictionary<string, double>();
        foreach (SweepPoint point in points)
        {
            run.Synthesize(point);
            distances[point.Name] = run.Distance(point);
            Console.Error.WriteLine(FormattableString.Invariant($"{point.Name}: W2 {distances[point.Name]:F2}"));
        }

        // One student of every point before the second of any: an interrupted sweep still shows the whole curve.
        int updates = configuration.Get(TrainSettings.Updates);
        for (int repeats = 1; repeats <= arguments.Number("--repeats", 3); repeats++)
        {
            IReadOnlyList<StudentResult> students = run.Train(points, repeats);
            IReadOnlyDictionary<string, double[]> decoded = run.DecodedAccuracies(points, repeats);
            File.WriteAllText(Path.Combine(output, "strength.md"), SweepPage.Table(points, students, decoded, distances, updates));
            SweepPage.SavePlot(points, students, distances, Path.Combine(output, "strength.png"));
            Console.Error.WriteLine($"{repeats} students per point");
        }

        Console.Write(File.ReadAllText(Path.Combine(output, "strength.md")));
    }
}
