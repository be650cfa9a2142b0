using System.CommandLine;
using Ddoq.Cli.Terminal;

namespace Ddoq.Cli.Commands;

/// <summary>All commands, in the order of the pipeline.</summary>
internal static class CommandTable
{
    public static IEnumerable<Command> Create(Signals signals) =>
    [
        DistillCommand.Create(signals),
        EncodeCommand.Create(signals),
        QuantizeCommand.Create(signals),
        MergeCommand.Create(signals),
        SynthesizeCommand.Create(signals),
        SelectCommand.Create(signals),
        LabelCommand.Create(signals),
        TrainCommand.Create(signals),
        EvaluateCommand.Create(signals),
        ReportCommand.Create(signals),
        PlanCommand.Create(signals),
        StatusCommand.Create(signals),
        InspectCommand.Create(signals),
        BenchCommand.Create(signals),
        DoctorCommand.Create(signals),
        CompletionCommand.Create(),
    ];
}
