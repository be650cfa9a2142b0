namespace Ddoq.Onnx.Schedulers;

/// <summary>
/// A run of a sampler written out as sums: the sample after a call is a sum of the samples, predictions and noises of this
/// and earlier calls, each with one coefficient for all elements.
/// </summary>
/// <remarks>
/// The coefficients are read off the sampler itself, by running it on unit vectors, one element for every quantity. So there
/// is one source of the arithmetic, and whatever evaluates the sums elsewhere (on a device) needs no sampler of its own.
/// </remarks>
internal sealed class LinearSchedule
{
    private LinearSchedule(float[] inputScales, IReadOnlyList<LinearTerm>[] steps) => (InputScales, Steps) = (inputScales, steps);

    /// <summary>What the sample is multiplied by before each call of the network.</summary>
    public IReadOnlyList<float> InputScales { get; }

    /// <summary>For each call, the sum that gives the next sample. Terms of the call itself come first.</summary>
    public IReadOnlyList<IReadOnlyList<LinearTerm>> Steps { get; }

    /// <summary>How many calls back a sum reaches at most.</summary>
    public int Reach => Steps.SelectMany((terms, call) => terms.Select(term => call - term.Call)).DefaultIfEmpty(0).Max();

    /// <summary>Writes a sampler's run out; null when it is not linear: clipped predictions, learned variances.</summary>
    /// <param name="scheduler">A sampler that no batch uses at the moment.</param>
    public static LinearSchedule? TryTrace(INoiseScheduler scheduler)
    {
        if (scheduler is not NoiseScheduler { IsLinear: true })
            return null;
        int calls = scheduler.CallCount;

        // One element for every sample, prediction and noise of the run.
        float[] sample = new float[3 * calls], prediction = new float[3 * calls], noise = new float[3 * calls], input = new float[3 * calls];
        var scales = new float[calls];
        var steps = new IReadOnlyList<LinearTerm>[calls];
        scheduler.Begin();
        for (int call = 0; call < calls; call++)
        {
            SetUnit(sample, (int)LinearQuantity.Sample + (3 * call));
            SetUnit(prediction, (int)LinearQuantity.Prediction + (3 * call));
            SetUnit(noise, (int)LinearQuantity.Noise + (3 * call));
            scheduler.ScaleModelInput(call, sample, input);
            scales[call] = input[(int)LinearQuantity.Sample + (3 * call)];
            scheduler.Step(call, prediction, [], noise, sample);
            var terms = new List<LinearTerm>();
            for (int age = 0; age <= call; age++)
            {
                foreach (LinearQuantity quantity in Enum.GetValues<LinearQuantity>())
                {
                    float coefficient = sample[(int)quantity + (3 * (call - age))];
                    if (coefficient != 0)
                        terms.Add(new LinearTerm(quantity, call - age, coefficient));
                }
            }

            steps[call] = terms;
        }

        return new LinearSchedule(scales, steps);
    }

    private static void SetUnit(float[] vector, int index)
    {
        Array.Clear(vector);
        vector[index] = 1;
    }
}

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
