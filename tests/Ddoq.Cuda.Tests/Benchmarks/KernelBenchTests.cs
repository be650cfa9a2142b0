using System.Text.RegularExpressions;
using Ddoq.Cuda.Benchmarks;
using Ddoq.Cuda.Tests.Emulation;
using Ddoq.Latents;
using Ddoq.Quantization;
using Ddoq.Tests.Quantization;

namespace Ddoq.Cuda.Tests.Benchmarks;

public partial class KernelBenchTests
{
    [Test]
    public void EveryKernel_IsMeasured()
    {
        string sources = string.Join('\n', Directory.GetFiles(EmulatedDriver.Metadata("DdoqKernelSources"), "*.cu").Select(File.ReadAllText));
        string[] patterns = [.. KernelPattern().Matches(sources).Select(one => $"^{MacroPattern().Replace(one.Groups[1].Value, @"\w+")}$")];
        Assert.That(patterns, Has.Length.GreaterThan(20));
        IReadOnlyList<string> measured = KernelBench.List();
        Assert.That(measured, Is.Unique);
        Assert.That(patterns.Where(pattern => !measured.Any(kernel => Regex.IsMatch(kernel, pattern))), Is.Empty);
    }

    [Test]
    public void EmulatedDevice_RunsEveryKernel_AndGivesNoNumber()
    {
        EmulatedDriver.Start();
        var progress = new RecordingProgress();
        KernelBenchReport report = KernelBench.Run(new KernelBenchOptions(), progress, default);
        Assert.Multiple(() =>
        {
            Assert.That(report.Measurements.Select(one => one.Kernel), Is.EqualTo(KernelBench.List()));
            Assert.That(report.Measurements.Select(one => one.Milliseconds), Is.All.Null);
            Assert.That(report.Measurements.Select(one => one.ShareOfRoofline), Is.All.Null);
            Assert.That(report.CopyGigabytesPerSecond, Is.Null);
            Assert.That(progress.Completed, Is.EqualTo(report.Measurements.Count));
            foreach (string text in new[] { report.ToText(), report.ToMarkdown(), report.ToCsv() })
                Assert.That(text, Does.Contain("ddoq_assign_k64_f16").And.Contain("emulated: no speed"));
            Assert.That(report.ToText(), Does.Not.Match(@"\d\.\d"), "no number that could be taken for a measurement");
        });
        EmulatedDriver.ExpectClean();
    }

    [Test]
    public void Filter_Chooses_AndRefusesWhatNothingMatches()
    {
        Assert.That(KernelBench.List("weighted_ce"), Has.Count.EqualTo(6).And.All.Contains("weighted_ce"));
        Assert.That(
            () => KernelBench.Run(new() { Filter = "nothing" }, NullProgress.Instance, default),
            Throws.TypeOf<UsageException>().With.Message.Contains("nothing").And.Property(nameof(DdoqException.Hint)).Contains("--list"));
    }

    [Test]
    public void Rates_AndShares_AreThoseOfTheContract()
    {
        EmulatedDriver.Start();
        CudaDevice device = CudaDevice.List()[0] with { IsEmulated = false };
        var prepared = new PreparedKernel("N=1", 2e9, 4e12, true, []);
        var measured = new KernelBenchOptions { MatrixTeraflops = 400, SingleTeraflops = 50 };
        KernelMeasurement Of(PreparedKernel kernel, KernelBenchOptions options) => KernelBench.Evaluate("ddoq_x", kernel, 0.02, 0.1, 1e12, options, device);
        KernelMeasurement one = Of(prepared, measured);
        Assert.Multiple(() =>
        {
            Assert.That(one.Milliseconds, Is.EqualTo(20));
            Assert.That(one.GigabytesPerSecond, Is.EqualTo(100).Within(1e-9));
            Assert.That(one.TeraflopsPerSecond, Is.EqualTo(200).Within(1e-9));
            Assert.That(one.ShareOfCopy, Is.EqualTo(0.1).Within(1e-12));
            Assert.That(one.ShareOfRoofline, Is.EqualTo(0.5).Within(1e-12), "arithmetic at the speed of a matrix product takes longer than the copy");
            Assert.That(Of(prepared with { Operations = 1 }, measured).ShareOfRoofline, Is.EqualTo(0.1).Within(1e-12));
            Assert.That(Of(prepared with { Bytes = null }, measured).ShareOfRoofline, Is.Null);
            Assert.That(Of(prepared, new()).ShareOfRoofline, Is.Null, "no product has been measured");
            Assert.That(Of(prepared, new() { Once = true }).Milliseconds, Is.Null, "under a profiler");
        });
    }

    [Test]
    public void ARefusedLaunch_CostsOneRow_AndRowsComeAsTheyAreMeasured()
    {
        EmulatedDriver.Start();
        EmulatedDriver.Fail("cuLaunchKernel", 3, 701); // launch out of resources
        var rows = new List<KernelMeasurement>();
        KernelBenchReport report = KernelBench.Run(new() { Filter = "norms_f16,distances_f16,loss_sum", OnMeasured = rows.Add }, NullProgress.Instance, default);
        Assert.Multiple(() =>
        {
            Assert.That(report.Measurements.Count(one => one.Error is not null), Is.EqualTo(1));
            Assert.That(report.Measurements, Has.Count.EqualTo(3));
            Assert.That(rows.Select(one => one.Kernel), Is.EqualTo(report.Measurements.Select(one => one.Kernel).Prepend("copy")));
            Assert.That(report.ToText(), Does.Contain("failed: CUDA call"));
        });
        EmulatedDriver.ExpectClean();
    }

    [Test]
    public void AFaultThatEndsTheContext_EndsTheBench()
    {
        EmulatedDriver.Start();
        EmulatedDriver.Fail("cuEventSynchronize", 3, 719);
        KernelBenchReport report = KernelBench.Run(new() { Filter = "norms" }, NullProgress.Instance, default);
        Assert.That(report.Measurements, Has.Count.EqualTo(1));
        Assert.That(report.Measurements[0].Error, Does.Contain("719").Or.Contain("LAUNCH_FAILED"));
    }

    [Test]
    public void Clusterings_AreMeasuredOnLatentsThatMakeThemWork()
    {
        // Rows that repeat after a few end at once. As on latents of a real set: dozens of iterations, hundreds of moves.
        Half[] rows = PowerLawLatents.Draw(1, 1300, 256)[0];
        using var quantizer = new CpuQuantizer();
        ClassQuantization fit = quantizer.FitClass(new InMemoryLatents(new LatentShape(1, 1, 256), ["class0"], [rows]), 0, new QuantizerOptions { CentroidCount = 50 }, default);
        Assert.That(fit.IterationCount, Is.GreaterThan(20));
        Assert.That(fit.MoveCount, Is.GreaterThan(100));
    }

    [Test]
    public void Summary_IsTheMedian_AndTheWidthAroundIt()
    {
        (double median, double noise) = KernelBench.Summarize([5, 1, 2, 4, 3, 6, 7, 8, 9, 10, 11]);
        Assert.That(median, Is.EqualTo(6));
        Assert.That(noise, Is.EqualTo(8 / 6.0).Within(1e-12));
        Assert.That(KernelBench.Summarize([3]), Is.EqualTo((3.0, 0.0)));
    }

    [GeneratedRegex(@"DDOQ_KERNEL\(([\w#]+)")]
    private static partial Regex KernelPattern();

    // What a macro of the sources fills in.
    [GeneratedRegex(@"##\w+?(##|$)")]
    private static partial Regex MacroPattern();
}
