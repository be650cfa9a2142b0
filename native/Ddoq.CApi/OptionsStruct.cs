using System.Runtime.InteropServices;
using Ddoq.Quantization;

namespace Ddoq.CApi;

/// <summary>ddoq_quantizer_options of native/include/ddoq.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct OptionsStruct
{
    /// <summary>Bytes of its first version.</summary>
    public const uint FirstSize = 112;

    public uint Size;
    public int CentroidCount;
    public ulong Seed;
    public int Algorithm;
    public int Initialization;
    public int Space;
    public int Restarts;
    public int MaxIterations;
    public int Passes;
    public int BatchSize;
    public int KmExpand;
    public int MaxNoImprovement;
    public int Workers;
    public int Device;
    public int DeviceIndex;
    public double Tolerance;
    public double ReassignmentRatio;
    public double HoldOutFraction;
    public double ClvqScale;
    public double ClvqOffset;
    public long MemoryLimit;

    /// <summary>The engine's defaults.</summary>
    public static unsafe OptionsStruct Default
    {
        get
        {
            var engine = new QuantizerOptions { CentroidCount = 10 };
            return new OptionsStruct
            {
                Size = (uint)sizeof(OptionsStruct),
                CentroidCount = engine.CentroidCount,
                Seed = engine.Seed,
                Algorithm = (int)engine.Algorithm,
                Initialization = (int)engine.Initialization,
                Space = (int)engine.Space,
                Restarts = engine.Restarts,
                MaxIterations = engine.MaxIterations,
                Passes = engine.Passes,
                BatchSize = engine.BatchSize,
                KmExpand = engine.KmExpand,
                MaxNoImprovement = engine.MaxNoImprovement,
                Workers = engine.Workers,
                Device = (int)DeviceChoice.Cpu,
                DeviceIndex = -1,
                Tolerance = engine.Tolerance,
                ReassignmentRatio = engine.ReassignmentRatio,
                HoldOutFraction = engine.HoldOutFraction,
                ClvqScale = engine.ClvqSteps.Scale,
                ClvqOffset = engine.ClvqSteps.Offset,
                MemoryLimit = engine.MemoryLimit,
            };
        }
    }

    /// <summary>The same in the engine's words, checked.</summary>
    /// <exception cref="UsageException">A value is out of range.</exception>
    public readonly QuantizerOptions ToEngine()
    {
        // Given first centres exist in the engine alone.
        Guard.InRange(Initialization, (int)CentroidInitialization.GreedyKMeansPlusPlus, (int)CentroidInitialization.Random, "options.initialization");
        Guard.InRange(Device, (int)DeviceChoice.Cpu, (int)DeviceChoice.Auto, "options.device");
        Guard.InRange(DeviceIndex, -1, int.MaxValue, "options.device_index");
        var options = new QuantizerOptions
        {
            CentroidCount = CentroidCount,
            Seed = Seed,
            Algorithm = (QuantizationAlgorithm)Algorithm,
            Initialization = (CentroidInitialization)Initialization,
            Space = (QuantizationSpace)Space,
            Restarts = Restarts,
            MaxIterations = MaxIterations,
            Passes = Passes,
            BatchSize = BatchSize,
            KmExpand = KmExpand,
            MaxNoImprovement = MaxNoImprovement,
            Workers = Workers,
            Tolerance = Tolerance,
            ReassignmentRatio = ReassignmentRatio,
            HoldOutFraction = HoldOutFraction,
            ClvqSteps = ClvqScale == 0 ? ClvqStepRule.Counting : ClvqStepRule.Decaying(ClvqScale, ClvqOffset),
            MemoryLimit = MemoryLimit,
        };
        options.Validate();
        return options;
    }
}
