namespace Ddoq.Training;

/// <summary>Accuracy on the test images during a run.</summary>
/// <param name="Update">Updates done before it.</param>
/// <param name="Accuracy">Share classified rightly, in [0, 1].</param>
public readonly record struct TrainingEvaluation(int Update, double Accuracy);
