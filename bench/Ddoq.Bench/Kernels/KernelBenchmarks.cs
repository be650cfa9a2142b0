using BenchmarkDotNet.Attributes;
using Ddoq.Numerics;
using Ddoq.Numerics.Kernels;

namespace Ddoq.Bench.Kernels;

/// <summary>The inner loops by themselves, for every instruction set that runs here.</summary>
[MemoryDiagnoser]
public unsafe class KernelBenchmarks
{
    private const int Rows = 1300;
    private LatentKernels _kernels = null!;
    private LatentRows _rows = null!;
    private AssignRun _assign = null!;
    private readonly NativeBuffer<float> _gram = new();
    private readonly NativeBuffer<float> _scratch = new();
    private readonly NativeBuffer<float> _row = new();

    public static IEnumerable<string> InstructionSets => KernelTable.All.Where(kernels => kernels.IsSupported).Select(kernels => kernels.Name);

    [ParamsSource(nameof(InstructionSets))]
    public string Simd { get; set; } = "";

    [Params(4096)]
    public int Dimension { get; set; }

    [Params(10, 50, 200)]
    public int Centroids { get; set; }

    [GlobalSetup]
    public void SetUp()
    {
        _kernels = KernelTable.Choose(Simd);
        _rows = new(_kernels, Rows, Dimension);
        _assign = new(_kernels, _rows, Centroids);
        _gram.Reserve(_kernels.GramLength(Rows));
        _scratch.Reserve(_kernels.GramScratchLength(Rows));
        _row.ReserveZeroed(LatentKernels.Pad(Dimension));
    }

    [GlobalCleanup]
    public void CleanUp()
    {
        _assign.Dispose();
        _rows.Dispose();
        _gram.Dispose();
        _scratch.Dispose();
        _row.Dispose();
    }

    /// <summary>All rows to their nearest centre.</summary>
    [Benchmark]
    public void Assign() => _assign.Run();

    /// <summary>The Gram matrix; independent of K.</summary>
    [Benchmark]
    public void Gram() => _kernels.Gram(_rows.Pointers, Rows, _rows.Mean, Dimension, _scratch.Pointer, _gram.Pointer);

    /// <summary>Column sums of all rows.</summary>
    [Benchmark]
    public void ColumnSums()
    {
        for (int i = 0; i < Rows; i++)
            _kernels.AddWidened((Half*)_rows.Pointers[i], _row.Pointer, Dimension);
    }

    /// <summary>Conversion of all rows.</summary>
    [Benchmark]
    public void Widen()
    {
        for (int i = 0; i < Rows; i++)
            _kernels.Widen((Half*)_rows.Pointers[i], _row.Pointer, Dimension);
    }
}
