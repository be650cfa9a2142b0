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

    /// <summary>The arm of latents, such as those of the finished images: what the prototypes became.</summary>
    /// <param name="name">The column's name.</param>
    /// <param name="latents">One row per image; it must outlive the measurement. Its sample weights are the arm's.</param>
    public static PrototypeArm FromLatents(string name, ILatentSource latents)
    {
        ArgumentNullException.ThrowIfNull(latents);
        return new PrototypeArm(name, Read) { Shape = latents.Shape, ClassNames = latents.ClassNames };

        ArmPrototypes Read(int classIndex)
        {
            int count = latents.RowCount(classIndex);
            var rows = new float[checked(count * latents.Shape.Length)];
            latents.ReadRows(classIndex, 0, rows);
            if (!latents.HasSampleWeights)
                return new ArmPrototypes(rows);
            var weights = new float[count];
            latents.ReadSampleWeights(classIndex, weights);
            return new ArmPrototypes(rows, weights.Select(weight => (double)weight).ToArray());
        }
    }

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

/// <summary>The points of an arm in one class.</summary>
/// <param name="Centers">K x D values, row-major; K may be smaller than asked for, but not 0.</param>
/// <param name="Weights">K weights, not negative, of any positive sum; empty for an arm without weights, then 1/K each.</param>
public sealed record ArmPrototypes(ReadOnlyMemory<float> Centers, ReadOnlyMemory<double> Weights = default);
