using Ddoq.Pipeline.Estimates;
using Ddoq.Pipeline.Planning;

namespace Ddoq.Pipeline.Tests.Planning;

public class ScalePlanTests
{
    private const int ImageNet = 1_281_167;
    private const double Minute = 60, Hour = 3600;

    [TestCase(Minute, 0, 1, 1)]
    [TestCase(10 * Minute, 0, 10, 1)]
    [TestCase(Hour, 0, 25, 2.4)]
    [TestCase(Hour, 8, 60, 1, Description = "eight workers: each has 7.5 minutes of it")]
    [TestCase(10 * Hour, 0, 60, 10)]
    [TestCase(10 * Hour, 8, 200, 3)]
    [TestCase(100 * Hour, 1000, 1000, 6, Description = "as many as an array may have")]
    public void AStageOfImageNet_IsCutIntoMinutes(double seconds, int atOnce, int shares, double minutes)
    {
        int found = SharesOf(seconds, ImageNet, new ScalePlanOptions { Run = "run", AtOnce = atOnce });
        Assert.That(found, Is.EqualTo(shares));
        Assert.That(seconds / found / Minute, Is.EqualTo(minutes).Within(0.01));
    }

    [TestCase(Hour, 30, 12, Description = "the start of a process is a tenth of its share")]
    [TestCase(Hour, 300, 6, Description = "and never more than ten minutes for that")]
    public void AProcessThatStartsSlowly_GetsALongerShare(double seconds, double start, int shares) =>
        Assert.That(SharesOf(seconds, ImageNet, new ScalePlanOptions { Run = "run" }, start), Is.EqualTo(shares));

    [TestCase(0.5, 120)]
    [TestCase(90, 1)]
    public void WhatIsAskedFor_Counts(double minutes, int shares) =>
        Assert.That(SharesOf(Hour, ImageNet, new ScalePlanOptions { Run = "run", AtOnce = 8, ShareMinutes = minutes }), Is.EqualTo(shares));

    [TestCase(40, 20, Description = "25 shares of 40 students: some would train two and end no sooner")]
    [TestCase(5, 5)]
    [TestCase(1, 1)]
    [TestCase(1000, 25)]
    public void FewPieces_AreSharedEqually(int pieces, int shares) =>
        Assert.That(SharesOf(Hour, pieces, new ScalePlanOptions { Run = "run" }), Is.EqualTo(shares));

    private static int SharesOf(double seconds, long pieces, ScalePlanOptions options, double start = 2) => ScalePlan.SharesOf(
        new StageEstimate { Stage = "encode", Units = ImageNet, Unit = "images", MeasuredUnits = 64, SecondsPerUnit = seconds / ImageNet, ProcessorSecondsPerUnit = 0, StartSeconds = start }, options, pieces);
}
