using Ddoq.Pipeline.Configuration;
using Ddoq.Training;
using Ddoq.Training.Protocols;

namespace Ddoq.Pipeline;

/// <summary>The trainings of the comparison when nobody says otherwise: shortened, so that a run on the sample takes minutes; results, tables and report say so.</summary>
/// <remarks>
/// Hard labels decide the comparison: under them the choice of the images shows. A teacher that labels every batch levels
/// most of it, so soft labels have a table of their own.
/// </remarks>
internal static class ComparisonProtocols
{
    // Images of one update of the student of the full data.
    private const int FullBatchSize = 64;

    private static readonly Setting[] s_numbers = [TrainSettings.Updates, TrainSettings.Epochs, TrainSettings.BatchSize];

    /// <summary>The protocol of the first table: <c>small-image</c> of 300 updates of 10 images at IPC 10, rising to 600 of 50 at IPC 50.</summary>
    public static PipelineConfiguration Main(PipelineConfiguration configuration)
    {
        if (configuration.IsGiven(TrainSettings.Protocol))
            return configuration;
        int ipc = Math.Clamp(configuration.Get(QuantizeSettings.Ipc), 10, 50);
        return Shorten(configuration, StudentProtocol.SmallImage, updates: 300 + (300 * (ipc - 10) / 40), batch: ipc);
    }

    /// <summary>The protocol of the table of soft labels: <c>rded</c> of 600 updates of 10 images.</summary>
    public static PipelineConfiguration Soft(PipelineConfiguration configuration) => Shorten(configuration, StudentProtocol.Rded, updates: 600, batch: 10);

    /// <summary>The training of the full data's student: the first table's, with updates of its own.</summary>
    public static StudentOptions Full(StudentOptions student, int updates) => student with { Epochs = null, Updates = updates, BatchSize = FullBatchSize };

    // Numbers that the user gives stay.
    private static PipelineConfiguration Shorten(PipelineConfiguration configuration, StudentProtocol protocol, int updates, int batch)
    {
        PipelineConfiguration named = configuration.With(TrainSettings.Protocol, protocol.ToName());
        return s_numbers.Any(configuration.IsGiven) ? named : named.With(TrainSettings.Updates, $"{updates}").With(TrainSettings.BatchSize, $"{batch}");
    }
}
