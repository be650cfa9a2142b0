namespace Ddoq.Training.Protocols;

/// <summary>How the learning rate falls over a run.</summary>
internal enum ScheduleKind
{
    /// <summary>0.5 (1 + cos(pi p / 2L)): from 1 to 0.5.</summary>
    HalfCosine,

    /// <summary>1, then 0.1 once more than L/2 + 1 positions are past.</summary>
    TenthAfterHalf,

    /// <summary>1, 0.2 from 2L/3 on, 0.04 from 5L/6 on.</summary>
    FifthTwice,
}

/// <summary>Factors of the learning rate at a position of a run of some length, both in epochs or both in updates.</summary>
internal static class LearningRateSchedule
{
    /// <summary>The factor at <paramref name="position"/> in [0, <paramref name="length"/>).</summary>
    public static double Factor(ScheduleKind kind, long position, long length) => kind switch
    {
        ScheduleKind.HalfCosine => 0.5 * (1.0 + Math.Cos(Math.PI * position / (2.0 * length))),
        ScheduleKind.TenthAfterHalf => position > (length / 2) + 1 ? 0.1 : 1.0,
        ScheduleKind.FifthTwice => position >= 5 * length / 6 ? 0.04 : position >= 2 * length / 3 ? 0.2 : 1.0,
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "unknown schedule"),
    };
}
