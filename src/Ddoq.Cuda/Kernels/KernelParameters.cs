using System.Runtime.InteropServices;

namespace Ddoq.Cuda.Kernels;

// The parameter structs of kernels/*.cuh, field by field. Addresses are device memory. A test holds sizes and offsets to
// those of the C++ side.

/// <summary>One class: its rows, centroids and Gram matrix in arrays that hold all classes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ClassRange
{
    public long RowBegin;
    public long CentroidBegin;
    public long GramBegin;
    public int RowCount;
    public int CentroidCount;
    public int GramStride;
    public int Reserved;
}

/// <summary>ddoq_norms_*.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NormsParameters
{
    public ulong Rows;
    public ulong Norms;
    public long RowStride;
    public long RowCount;
    public int Dimension;
    public int Reserved;
}

/// <summary>ddoq_class_mean_*.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ClassMeanParameters
{
    public ulong Rows;
    public ulong Classes;
    public ulong Means;
    public long RowStride;
    public int Dimension;
    public int ClassCount;
}

/// <summary>ddoq_center_*.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct CenterParameters
{
    public ulong Rows;
    public ulong Means;
    public ulong Classes;
    public ulong TileBegin;
    public ulong Norms;
    public ulong Shifts;
    public long RowStride;
    public int Dimension;
    public int ClassCount;
}

/// <summary>ddoq_gram_*.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct GramParameters
{
    public ulong Rows;
    public ulong RowNorms;
    public ulong RowShifts;
    public ulong Classes;
    public ulong TileBegin;
    public ulong Gram;
    public long RowStride;
    public int Dimension;
    public int ClassCount;
}

/// <summary>The settings of ddoq_cluster_*.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ClusterOptions
{
    public ulong Seed;
    public double Tolerance;
    public double ReassignmentRatio;
    public double ClvqScale;
    public double ClvqOffset;
    public int Initialization;
    public int Batches;
    public int Restart;
    public int RequestedCentroids;
    public int MaxIterations;
    public int Refine;
    public int BatchSize;
    public int Passes;
    public int KmExpand;
    public int MaxNoImprovement;
}

/// <summary>One class of ddoq_cluster_*.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ClusterClass
{
    public long WorkspaceBegin;
    public long CombinationBegin;
    public int Number;
    public int Trials;
}

/// <summary>What ddoq_cluster_* says about a class.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ClusterReport
{
    public double Distortion;
    public long Iterations;
    public long Moves;
    public int Restart;
    public float ZeroDistance;
    public double EnergyDistance;
}

/// <summary>ddoq_cluster_*.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ClusterParameters
{
    public ulong Gram;
    public ulong RowNorms;
    public ulong Classes;
    public ulong ClusterClasses;
    public ulong Workspace;
    public ulong Labels;
    public ulong Counts;
    public ulong Combined;
    public ulong Combinations;
    public ulong RunningCounts;
    public ulong CompanionWeights;
    public ulong Reports;
    public ulong NextClass;
    public int ClassCount;
    public int Reserved;
    public ClusterOptions Options;
}

/// <summary>ddoq_centroids_mean_*.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct CentroidsParameters
{
    public ulong Rows;
    public ulong Classes;
    public ulong TileBegin;
    public ulong Labels;
    public ulong Centroids;
    public ulong Counts;
    public long RowStride;
    public long CentroidStride;
    public int Dimension;
    public int ClassCount;
}

/// <summary>ddoq_centroids_combine_*.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct CombineParameters
{
    public ulong Rows;
    public ulong Means;
    public ulong Classes;
    public ulong TileBegin;
    public ulong Coefficients;
    public ulong CoefficientBegin;
    public ulong Selected;
    public ulong Centroids;
    public long RowStride;
    public long CentroidStride;
    public int Dimension;
    public int ClassCount;
}

/// <summary>ddoq_centroid_parts_*.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct CentroidPartsParameters
{
    public ulong Centroids;
    public ulong Parts;
    public ulong Norms;
    public long CentroidStride;
    public long PartRowStride;
    public long PartStride;
    public long CentroidCount;
    public int Dimension;
    public int PartCount;
}

/// <summary>ddoq_assign_*.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct AssignParameters
{
    public ulong Rows;
    public ulong Centroids;
    public ulong CentroidNorms;
    public ulong RowNorms;
    public ulong Classes;
    public ulong TileBegin;
    public ulong Labels;
    public ulong Distances;
    public long RowStride;
    public long CentroidStride;
    public long CentroidPartStride;
    public int Dimension;
    public int ClassCount;
    public int Parts;
    public int Reserved;
}

/// <summary>ddoq_distances_*.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct DistancesParameters
{
    public ulong Rows;
    public ulong Centroids;
    public ulong Classes;
    public ulong TileBegin;
    public ulong Labels;
    public ulong Distances;
    public long RowStride;
    public long CentroidStride;
    public int Dimension;
    public int ClassCount;
}

/// <summary>ddoq_clvq_update_*.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ClvqUpdateParameters
{
    public ulong Rows;
    public ulong Classes;
    public ulong TileBegin;
    public ulong Labels;
    public ulong StepBegin;
    public ulong Centroids;
    public ulong Counts;
    public ulong CountsAfter;
    public ulong CompanionWeights;
    public double Scale;
    public double Offset;
    public long RowStride;
    public long CentroidStride;
    public int Dimension;
    public int ClassCount;
    public int Prior;
    public int Reserved;
}

/// <summary>ddoq_weighted_ce_*.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct WeightedCeParameters
{
    public ulong Logits;
    public ulong Targets;
    public ulong Labels;
    public ulong Weights;
    public ulong Losses;
    public ulong Gradients;
    public long LogitStride;
    public long TargetStride;
    public long GradientStride;
    public long RowCount;
    public int ClassCount;
    public int TargetKind;
    public int SubtractEntropy;
    public float Temperature;
    public float TargetTemperature;
    public float GradientScale;
}

/// <summary>ddoq_loss_sum_f32.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct LossSumParameters
{
    public ulong Losses;
    public ulong Weights;
    public ulong Sums;
    public long RowCount;
}
