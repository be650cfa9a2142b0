namespace Ddoq.Onnx.Schedulers;

/// <summary>One term of a sum of <see cref="LinearSchedule"/>.</summary>
/// <param name="Quantity">What is added.</param>
/// <param name="Call">The call it belongs to: the sample before it, its prediction, its noise.</param>
/// <param name="Coefficient">What it is multiplied by.</param>
internal readonly record struct LinearTerm(LinearQuantity Quantity, int Call, float Coefficient);

/// <summary>What a run of the reverse process is made of.</summary>
internal enum LinearQuantity
{
    /// <summary>The sample before a call.</summary>
    Sample,

    /// <summary>The (guided) prediction of a call.</summary>
    Prediction,

    /// <summary>Fresh noise of a call.</summary>
    Noise,
}
