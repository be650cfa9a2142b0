namespace Ddoq.Evaluation.Transport;

/// <summary>An optimal transport plan with the dual potentials that certify it.</summary>
/// <remarks>
/// For any potentials with u_i + v_j &lt;= c_ij, sum a_i u_i + sum b_j v_j is a lower bound of the optimal cost. The
/// potentials of the larger side are recomputed from those of the smaller one (u_i = min_j (c_ij - v_j)), so they are
/// feasible and <see cref="DualityGap"/> bounds the error of <see cref="Cost"/> whatever the solver did.
/// </remarks>
public sealed class TransportSolution
{
    internal TransportSolution(
        double cost, double dualCost, double[] sourcePotentials, double[] targetPotentials, TransportEntry[] plan)
    {
        Cost = cost;
        DualCost = dualCost;
        SourcePotentials = sourcePotentials;
        TargetPotentials = targetPotentials;
        Plan = plan;
    }

    /// <summary>The optimal cost sum m_ij c_ij; for squared distances this is W2 squared.</summary>
    public double Cost { get; }

    /// <summary>The square root of <see cref="Cost"/>: the Wasserstein-2 distance when costs are squared distances.</summary>
    public double Distance => Math.Sqrt(Cost);

    /// <summary>The certified lower bound of the optimal cost.</summary>
    public double DualCost { get; }

    /// <summary><c>Cost - DualCost</c>: at least the distance of <see cref="Cost"/> from the optimum, up to rounding.</summary>
    public double DualityGap => Cost - DualCost;

    /// <summary>u, one value per row of the first measure.</summary>
    public IReadOnlyList<double> SourcePotentials { get; }

    /// <summary>v, one value per row of the second measure.</summary>
    public IReadOnlyList<double> TargetPotentials { get; }

    /// <summary>The non-zero entries, ordered by source, then target.</summary>
    public IReadOnlyList<TransportEntry> Plan { get; }
}

/// <summary>One non-zero entry of a transport plan.</summary>
/// <param name="Source">Row of the first measure, 0-based.</param>
/// <param name="Target">Row of the second measure, 0-based.</param>
/// <param name="Mass">Mass moved, in units of the first measure's total (all entries together sum to 1).</param>
public readonly record struct TransportEntry(int Source, int Target, double Mass);
