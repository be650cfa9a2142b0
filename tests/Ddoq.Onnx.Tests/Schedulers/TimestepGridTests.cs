using Ddoq.Onnx.Schedulers;

namespace Ddoq.Onnx.Tests.Schedulers;

public class TimestepGridTests
{
    private static readonly SchedulerConfiguration s_sd = SchedulerConfiguration.StableDiffusion;

    // Written out from the definitions of the spacings.
    [TestCase(SchedulerKind.Ddim, TimestepSpacing.Leading, 4, new double[] { 751, 501, 251, 1 })]
    [TestCase(SchedulerKind.Ddim, TimestepSpacing.Leading, 3, new double[] { 667, 334, 1 })]
    [TestCase(SchedulerKind.Ddim, TimestepSpacing.Linspace, 4, new double[] { 999, 666, 333, 0 })]
    [TestCase(SchedulerKind.Ddim, TimestepSpacing.Linspace, 3, new double[] { 999, 500, 0 })]
    [TestCase(SchedulerKind.Euler, TimestepSpacing.Linspace, 3, new double[] { 999, 499.5, 0 })]
    [TestCase(SchedulerKind.Ddim, TimestepSpacing.Trailing, 4, new double[] { 999, 749, 499, 249 })]
    [TestCase(SchedulerKind.Ddim, TimestepSpacing.Trailing, 3, new double[] { 999, 666, 332 })]
    [TestCase(SchedulerKind.DpmSolverPlusPlus, TimestepSpacing.Linspace, 3, new double[] { 999, 666, 333 })]
    [TestCase(SchedulerKind.DpmSolverPlusPlus, TimestepSpacing.Leading, 3, new double[] { 751, 501, 251 })]
    [TestCase(SchedulerKind.DpmSolverPlusPlus, TimestepSpacing.Trailing, 4, new double[] { 999, 749, 499, 249 })]
    [TestCase(SchedulerKind.Ddim, TimestepSpacing.Linspace, 1, new double[] { 999 })]
    public void Timesteps_FollowTheSpacing(SchedulerKind kind, TimestepSpacing spacing, int steps, double[] expected) =>
        Assert.That(TimestepGrid.Create(kind, s_sd with { Spacing = spacing }, steps).Timesteps.ToArray(), Is.EqualTo(expected));

    [Test]
    [Pairwise]
    public void AlphaBars_RiseToTheFinalLevel([Values] SchedulerKind kind, [Values] TimestepSpacing spacing, [Values(1, 2, 7, 50, 333, 999)] int steps)
    {
        TimestepGrid grid = TimestepGrid.Create(kind, s_sd with { Spacing = spacing, StepsOffset = 0 }, steps);
        double previous = 0;
        foreach (double alphaBar in grid.AlphaBars)
        {
            Assert.That(alphaBar, Is.GreaterThan(previous));
            previous = alphaBar;
        }

        Assert.That(grid.AlphaBarAfter(steps - 1), Is.EqualTo(grid.FinalAlphaBar).And.GreaterThanOrEqualTo(previous));
    }

    [TestCase(SchedulerKind.Ddim, null, 1)]
    [TestCase(SchedulerKind.Pndm, null, null)]
    [TestCase(SchedulerKind.Ddim, false, null)]
    [TestCase(SchedulerKind.Pndm, true, 1)]
    [TestCase(SchedulerKind.Ddpm, false, 1)]
    [TestCase(SchedulerKind.Euler, false, 1)]
    public void FinalAlphaBar_IsOneOrThatOfTheFirstTimestep(SchedulerKind kind, bool? setToOne, int? expected) =>
        Assert.That(
            TimestepGrid.Create(kind, s_sd with { SetAlphaToOne = setToOne }, 10).FinalAlphaBar,
            Is.EqualTo(expected ?? new NoiseSchedule(s_sd).AlphaBars[0]));

    [TestCase(0)]
    [TestCase(-1)]
    [TestCase(1001)]
    public void Create_WithImpossibleSteps_SaysWhatIsPossible(int steps) =>
        Assert.That(() => TimestepGrid.Create(SchedulerKind.Ddim, s_sd, steps), Throws.InstanceOf<UsageException>().With.Message.Contains("1 to 1000"));

    [Test]
    public void Create_WhenTheOffsetLeavesTheRange_IsRefused() =>
        Assert.That(() => TimestepGrid.Create(SchedulerKind.Ddim, s_sd, 1000), Throws.InstanceOf<UsageException>().With.Message.Contains("1000"));
}
