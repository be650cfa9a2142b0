using Ddoq.Distilled;
using Ddoq.Latents;

namespace Ddoq.Evaluation.Comparison;

/// <summary>One way to choose prototypes, as a column of a comparison: the quantiser under test or a control.</summary>
/// <param name="Name">The column's name, for example <c>DDOQ</c>, <c>D4M</c>, <c>random real</c>.</param>
/// <param name="Prototypes">Gives the prototypes of a class by its 0-based index; called once per class, in order.</param>
public sealed record PrototypeArm(string Name, Func<int, ArmPrototypes> Prototypes)
{
    /// <summary>The shape of the prototypes, compared with the data's; null when only their length is known.</summary>
    public LatentShape? Shape { get; init; }

    /// <summary>The classes of the prototypes in label order, compared with the data's; null when not known.</summary>
    public IReadOnlyList<string>? ClassNames { get; init; }

    /// <summary>The arm of a set of prototypes.</summary>
    /// <param name="name">The column's name.</param>
    /// <param name="prototypes">The set; it must outlive the measurement.</param>
    /// <param name="isWeighted">True for the direct weights v / sum v, false for 1/K (D4M, or the control w = 1).</param>
    public static PrototypeArm FromSet(string name, PrototypeSet prototypes, bool isWeighted = true)
    {
        ArgumentNullException.ThrowIfNull(prototypes);
        return new PrototypeArm(name, Read) { Shape = prototypes.Shape, ClassNames = prototypes.ClassNames };

        ArmPrototypes Read(int classIndex)
        {
            // The counts or masses, not the stored fp32 weights: their ratios are exact.
            double[] weights = !isWeighted ? []
                : prototypes.HasMasses ? prototypes.Masses(classIndex).ToArray()
                : [.. prototypes.Counts(classIndex).ToArray().Select(count => (double)count)];
            return new ArmPrototypes(prototypes.Centroids(classIndex).ToArray(), weights);
        }
    }
}
