using Ddoq.Training.Protocols;

namespace Ddoq.Training.Tests.Protocols;

public sealed class LearningRateScheduleTests
{
    [Test]
    public void HalfCosine_GoesFromOneTowardsAHalf()
    {
        Assert.That(LearningRateSchedule.Factor(ScheduleKind.HalfCosine, 0, 300), Is.EqualTo(1));
        Assert.That(LearningRateSchedule.Factor(ScheduleKind.HalfCosine, 150, 300), Is.EqualTo(0.5 * (1 + Math.Sqrt(0.5))).Within(1e-12));
        Assert.That(LearningRateSchedule.Factor(ScheduleKind.HalfCosine, 300, 300), Is.EqualTo(0.5).Within(1e-12));
    }

    [TestCase(1332, 1)]
    [TestCase(1333, 0.2)]
    [TestCase(1665, 0.2)]
    [TestCase(1666, 0.04)]
    public void FifthTwice_FallsAtTwoThirdsAndFiveSixths(int epoch, double expected) =>
        Assert.That(LearningRateSchedule.Factor(ScheduleKind.FifthTwice, epoch, 2000), Is.EqualTo(expected));

    [TestCase(151, 1)]
    [TestCase(152, 0.1)]
    public void TenthAfterHalf_FallsAfterHalf(int epoch, double expected) =>
        Assert.That(LearningRateSchedule.Factor(ScheduleKind.TenthAfterHalf, epoch, 300), Is.EqualTo(expected));

    [Test]
    public void Names_RoundTrip_AndUnknownOnesListTheAllowed()
    {
        foreach (StudentProtocol protocol in Enum.GetValues<StudentProtocol>())
            Assert.That(StudentProtocolNames.Parse(protocol.ToName()), Is.EqualTo(protocol));
        Assert.That(() => StudentProtocolNames.Parse("RDED"), Throws.TypeOf<UsageException>().With.Message.Contains("minimax-hard"));
    }
}
