namespace Ddoq.Training;

/// <summary>What a run has reached, beside the tensors of its network and optimiser.</summary>
internal sealed class TrainingState
{
    /// <summary>Updates done.</summary>
    public int Update { get; set; }

    /// <summary>Sum of the images' weighted losses in the epoch under way.</summary>
    public double EpochLoss { get; set; }

    /// <summary>Mean weighted loss of every finished epoch.</summary>
    public List<double> LossCurve { get; init; } = [];

    /// <summary>Evaluations so far.</summary>
    public List<TrainingEvaluation> Evaluations { get; init; } = [];

    /// <summary>Agreement with the teacher, once known.</summary>
    public double? TeacherAgreement { get; set; }

    /// <summary>Time spent in all parts of the run.</summary>
    public double Seconds { get; set; }

    /// <summary>Whether the run is over.</summary>
    public bool IsComplete { get; set; }
}
