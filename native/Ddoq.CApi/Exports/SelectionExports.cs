using System.Runtime.InteropServices;
using Ddoq.Selection;

namespace Ddoq.CApi.Exports;

/// <summary>ddoq_selection_options of native/include/ddoq.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SelectionOptionsStruct
{
    /// <summary>Bytes of its first version.</summary>
    public const uint FirstSize = 40;

    public uint Size;
    public int Count;
    public ulong Seed;
    public int Objective;
    public int Starts;
    public int MaxSweeps;
    public int ClassIndex;
    public int MeasureEnergyDistance;
    public int Reserved;

    /// <summary>The engine's defaults.</summary>
    public static unsafe SelectionOptionsStruct Default
    {
        get
        {
            var engine = new SelectionOptions { Count = 10 };
            return new SelectionOptionsStruct
            {
                Size = (uint)sizeof(SelectionOptionsStruct),
                Count = engine.Count,
                Seed = engine.Seed,
                Objective = (int)engine.Objective,
                Starts = engine.Starts,
                MaxSweeps = engine.MaxSweeps,
            };
        }
    }

    /// <summary>The same in the engine's words, checked.</summary>
    /// <exception cref="UsageException">A value is out of range.</exception>
    public readonly SelectionOptions ToEngine()
    {
        Guard.InRange(MeasureEnergyDistance, 0, 1, "options.measure_energy_distance");
        var options = new SelectionOptions
        {
            Count = Count,
            Seed = Seed,
            Objective = (SelectionObjective)Objective,
            Starts = Starts,
            MaxSweeps = MaxSweeps,
            MeasureEnergyDistance = MeasureEnergyDistance != 0,
        };
        options.Validate();
        return options;
    }
}

/// <summary>ddoq_selection_info of native/include/ddoq.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SelectionInfoStruct
{
    /// <summary>Bytes of its first version.</summary>
    public const uint FirstSize = 48;

    public uint Size;
    public int Count;
    public double Objective;
    public double EnergyDistance;
    public double Distortion;
    public int SwapCount;
    public int Reserved;
    public double Seconds;
}

/// <summary>ddoq_select: K of many, instead of centres.</summary>
internal static unsafe class SelectionExports
{
    [UnmanagedCallersOnly(EntryPoint = "ddoq_selection_options_init")]
    public static Status Init(void* options, nuint size) => Guard.Run(() =>
        Versioned.Initialize(SelectionOptionsStruct.Default, SelectionOptionsStruct.FirstSize, options, size));

    [UnmanagedCallersOnly(EntryPoint = "ddoq_select")]
    public static Status Select(
        void* options,
        void* rows,
        int type,
        long rowCount,
        int dimension,
        float* sampleWeights,
        float* candidates,
        long candidateCount,
        float* centroids,
        int* chosen,
        long* counts,
        int* labels,
        void* info) => Guard.Run(() =>
    {
        SelectionOptionsStruct given = SelectionOptionsStruct.Default;
        Versioned.Read(options, SelectionOptionsStruct.FirstSize, ref given, "options");
        SelectionOptions settings = given.ToEngine();
        Guard.Require(chosen, "chosen");
        if (info != null)
            Versioned.Check(info, SelectionInfoStruct.FirstSize, "info");
        var source = new NativeLatents([(nint)rows], [rowCount], type, dimension, given.ClassIndex, sampleWeights);
        Guard.InRange(settings.Count, 1, Array.MaxLength / dimension, "options.count");
        Guard.InRange(candidateCount, 0, candidates == null ? 0 : Array.MaxLength / dimension, "candidate_count");
        ReadOnlySpan<float> centres = centroids == null ? default : new ReadOnlySpan<float>(centroids, settings.Count * dimension);
        PointChecks.Finite(centres, dimension, "Centroid");
        using var selector = new CandidateSelector();
        ClassSelection result = candidates == null
            ? selector.SelectRows(source, given.ClassIndex, settings, centroids: centres)
            : selector.Select(source, given.ClassIndex, new ReadOnlySpan<float>(candidates, (int)candidateCount * dimension), settings, centroids: centres);
        int count = result.Chosen.Length;
        result.Chosen.CopyTo(new Span<int>(chosen, count));
        new Span<int>(chosen, settings.Count)[count..].Fill(-1);
        if (counts != null)
        {
            result.Masses.Counts.CopyTo(new Span<long>(counts, count));
            new Span<long>(counts, settings.Count)[count..].Clear();
        }

        if (labels != null)
            result.Masses.Labels.CopyTo(new Span<int>(labels, result.Masses.Labels.Length));
        if (info == null)
            return;
        var values = new SelectionInfoStruct
        {
            Count = count,
            Objective = result.Objective,
            EnergyDistance = result.EnergyDistance ?? double.NaN,
            Distortion = result.Masses.Distortion,
            SwapCount = result.SwapCount,
            Seconds = result.Seconds,
        };
        Versioned.Write(values, SelectionInfoStruct.FirstSize, info, "info");
    });
}
