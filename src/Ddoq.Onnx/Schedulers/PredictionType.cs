namespace Ddoq.Onnx.Schedulers;

/// <summary>What the network predicts.</summary>
public enum PredictionType
{
    /// <summary>The noise.</summary>
    Epsilon,

    /// <summary><c>v = sqrt(a) noise - sqrt(1 - a) data</c> (Salimans and Ho, 2022).</summary>
    VPrediction,

    /// <summary>The data.</summary>
    Sample,
}
