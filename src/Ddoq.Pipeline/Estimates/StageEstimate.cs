using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Ddoq.Pipeline.Estimates;

/// <summary>What a stage will cost on this machine, from measured units of the very work: <c>Seconds = StartSeconds + Units x SecondsPerUnit</c>.</summary>
/// <remarks>
/// Times are of a process that has the machine as it was while measuring: other work beside it slows measurement and stage alike.
/// Processor time hardly notices it.
/// </remarks>
public record StageEstimate
{
    /// <summary>The stage, as in its record.</summary>
    public required string Stage { get; init; }

    /// <summary>Units of work.</summary>
    public required long Units { get; init; }

    /// <summary>What a unit is, in the plural, for example <c>images</c>.</summary>
    public required string Unit { get; init; }

    /// <summary>Units that were done for the estimate.</summary>
    public required long MeasuredUnits { get; init; }

    /// <summary>Wall-clock time of a unit, with all workers at work: the time of many units divided by their number.</summary>
    public required double SecondsPerUnit { get; init; }

    /// <summary>Processor time of a unit, all threads together.</summary>
    public required double ProcessorSecondsPerUnit { get; init; }

    /// <summary>Wall-clock time before the units, whatever their number: index, identity, networks, compiled code.</summary>
    public double StartSeconds { get; init; }

    /// <summary>Processor time before the units.</summary>
    public double ProcessorStartSeconds { get; init; }

    /// <summary>Calls of networks; 0 where none is run.</summary>
    public long NetworkCalls { get; init; }

    /// <summary>Bytes of the result, and of what lies beside it while it is written, at most.</summary>
    public long DiskBytes { get; init; }

    /// <summary>Bytes of memory, networks included.</summary>
    public long MemoryBytes { get; init; }

    /// <summary>Expected wall-clock time.</summary>
    public double Seconds => StartSeconds + (Units * SecondsPerUnit);

    /// <summary>Expected processor time.</summary>
    public double ProcessorSeconds => ProcessorStartSeconds + (Units * ProcessorSecondsPerUnit);

    /// <summary>The estimate for people and programs.</summary>
    public JsonObject ToJson()
    {
        var json = new JsonObject
        {
            ["stage"] = Stage,
            [Unit] = Units,
            ["measured"] = MeasuredUnits,
            ["per_second"] = Math.Round(1 / Math.Max(1e-9, SecondsPerUnit), 3),
            ["network_calls"] = NetworkCalls,
        };
        foreach ((string key, JsonNode? value) in Details())
            json[key] = value?.DeepClone();
        json["start_seconds"] = Math.Round(StartSeconds, 1);
        json["estimated_seconds"] = Math.Round(Seconds, 1);
        json["processor_seconds"] = Math.Round(ProcessorSeconds, 1);
        json["disk_megabytes"] = Math.Round(DiskBytes / 1e6, 1);
        json["memory_megabytes"] = Math.Round(MemoryBytes / 1e6, 1);
        return json;
    }

    /// <summary>Stages that are run one after the other.</summary>
    public static JsonObject ToJson(IReadOnlyList<StageEstimate> stages)
    {
        ArgumentNullException.ThrowIfNull(stages);
        return new JsonObject
        {
            ["estimated_seconds"] = Math.Round(stages.Sum(stage => stage.Seconds), 1),
            ["disk_megabytes"] = Math.Round(stages.Sum(stage => stage.DiskBytes) / 1e6, 1),
            ["memory_megabytes"] = Math.Round(stages.Max(stage => stage.MemoryBytes) / 1e6, 1),
            ["stages"] = new JsonArray([.. stages.Select(stage => (JsonNode)stage.ToRow(stage.Stage, 1))]),
        };
    }

    /// <summary>One line of a table of stages.</summary>
    /// <param name="what">What is done, for example the name of a set.</param>
    /// <param name="times">How often the stage is run.</param>
    public JsonObject ToRow(string what, int times) => new()
    {
        ["stage"] = Stage,
        ["what"] = what,
        ["times"] = times,
        ["units"] = string.Create(CultureInfo.InvariantCulture, $"{Units} {Unit}"),
        ["network_calls"] = times * NetworkCalls,
        ["estimated_seconds"] = Math.Round(times * Seconds, 1),
        ["processor_seconds"] = Math.Round(times * ProcessorSeconds, 1),
        ["disk_megabytes"] = Math.Round(times * DiskBytes / 1e6, 1),
        ["memory_megabytes"] = Math.Round(MemoryBytes / 1e6, 1),
    };

    /// <summary>Figures of one kind of stage alone.</summary>
    protected virtual JsonObject Details() => [];

    /// <summary>The most memory that this process has had so far.</summary>
    internal static long PeakMemory()
    {
        using var process = Process.GetCurrentProcess();
        return process.PeakWorkingSet64;
    }
}

/// <summary>Wall-clock and processor time.</summary>
/// <param name="Seconds">Wall-clock time.</param>
/// <param name="Processor">Processor time of the whole process.</param>
internal readonly record struct Cost(double Seconds, double Processor)
{
    public static Cost operator +(Cost a, Cost b) => new(a.Seconds + b.Seconds, a.Processor + b.Processor);

    public static Cost operator -(Cost a, Cost b) => new(a.Seconds - b.Seconds, a.Processor - b.Processor);

    public static Cost operator *(double factor, Cost cost) => new(factor * cost.Seconds, factor * cost.Processor);

    /// <summary>The time until now; differences of two are costs.</summary>
    public static Cost Now() => new(Stopwatch.GetTimestamp() / (double)Stopwatch.Frequency, Environment.CpuUsage.TotalTime.TotalSeconds);

    /// <summary>The cost of some work.</summary>
    public static Cost Of(Action work)
    {
        Cost before = Now();
        work();
        return Now() - before;
    }
}

/// <summary>The cost of a unit of work, from pieces that are done until some seconds are over.</summary>
/// <param name="Units">Units that were done.</param>
/// <param name="PerUnit">Cost of one.</param>
/// <param name="Start">What the first piece cost beyond its units: it also compiles code, allocates and, on a device, chooses kernels.</param>
internal readonly record struct UnitCost(long Units, Cost PerUnit, Cost Start)
{
    // Long enough for steady figures, short enough to wait for.
    private const double MeasuredSeconds = 4;

    /// <summary>The estimate of so many units; memory is the most that the process has had.</summary>
    /// <param name="stage">The stage.</param>
    /// <param name="units">Units of work.</param>
    /// <param name="unit">What a unit is, in the plural.</param>
    /// <param name="start">What is spent before the first piece.</param>
    public StageEstimate For(string stage, long units, string unit, Cost start = default) => new()
    {
        Stage = stage,
        Units = units,
        Unit = unit,
        MeasuredUnits = Units,
        SecondsPerUnit = PerUnit.Seconds,
        ProcessorSecondsPerUnit = PerUnit.Processor,
        StartSeconds = (start + Start).Seconds,
        ProcessorStartSeconds = (start + Start).Processor,
        MemoryBytes = StageEstimate.PeakMemory(),
    };

    /// <summary>Does pieces.</summary>
    /// <param name="piece">Does the next piece on all workers and returns its units; 0 when there is none.</param>
    public static UnitCost Measure(Func<long> piece)
    {
        Cost began = Cost.Now();
        long first = piece();
        Cost warm = Cost.Now();
        long units = 0, done;
        Cost now = warm;
        while (now.Seconds - warm.Seconds < MeasuredSeconds && (done = piece()) > 0)
        {
            units += done;
            now = Cost.Now();
        }

        if (units == 0)
            return new UnitCost(first, 1.0 / Math.Max(1, first) * (warm - began), default);
        Cost perUnit = 1.0 / units * (now - warm), start = warm - began - (first * perUnit);
        return new UnitCost(first + units, perUnit, new Cost(Math.Max(0, start.Seconds), Math.Max(0, start.Processor)));
    }
}
