using System.Text.RegularExpressions;
using Ddoq.Cuda.Benchmarks;
using Ddoq.Cuda.Tests.Emulation;
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
        CudaDevice device = CudaDevice.List()[0] with { IsEmulated = false, ComputeCapability = new Version(9, 0), MultiprocessorCount = 100, ClockRate = 1e9 };
        var prepared = new PreparedKernel("N=1", 2e9, 4e12, true, []);
        KernelMeasurement one = KernelBench.Evaluate("ddoq_x", prepared, 0.02, 0.1, 1e12, device);
        Assert.Multiple(() =>
        {
            Assert.That(one.Milliseconds, Is.EqualTo(20));
            Assert.That(one.GigabytesPerSecond, Is.EqualTo(100).Within(1e-9));
            Assert.That(one.TeraflopsPerSecond, Is.EqualTo(200).Within(1e-9));
            Assert.That(one.ShareOfCopy, Is.EqualTo(0.1).Within(1e-12));
            Assert.That(one.ShareOfRoofline, Is.EqualTo(4e12 / (4096 * 100 * 1e9) / 0.02).Within(1e-12), "arithmetic takes longer than the copy");
            Assert.That(KernelBench.Evaluate("ddoq_x", prepared with { Operations = 1 }, 0.02, 0, 1e12, device).ShareOfRoofline, Is.EqualTo(0.1).Within(1e-12));
            Assert.That(KernelBench.Evaluate("ddoq_x", prepared with { Bytes = null }, 0.02, 0, 1e12, device).ShareOfRoofline, Is.Null);
        });
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
