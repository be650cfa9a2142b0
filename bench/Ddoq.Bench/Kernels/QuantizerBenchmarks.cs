using BenchmarkDotNet.Attributes;
using Ddoq.Latents;
using Ddoq.Numerics;
using Ddoq.Quantization;

namespace Ddoq.Bench.Kernels;

/// <summary>Whole fits of one class in steady state: what is allocated is the result, whatever the number of iterations.</summary>
[MemoryDiagnoser]
public class QuantizerBenchmarks : IDisposable
{
    private const int Rows = 1300, Dimension = 1024;
    private readonly CpuQuantizer _quantizer = new();
    private InMemoryLatents _source = null!;
    private QuantizerOptions _options = null!;

    [Params(QuantizationAlgorithm.D4m, QuantizationAlgorithm.Clvq, QuantizationAlgorithm.MiniBatch, QuantizationAlgorithm.Lloyd, QuantizationAlgorithm.Hartigan)]
    public QuantizationAlgorithm Algorithm { get; set; }

    /// <summary>More restarts are more iterations: the allocated bytes must not grow with them.</summary>
    [Params(1, 8)]
    public int Restarts { get; set; }

    [GlobalSetup]
    public void SetUp()
    {
        var random = new CounterRandom(3, 4);
        var values = new float[Rows * Dimension];
        random.FillGaussian(values);
        _source = new(new(1, 1, Dimension), ["class"], [Array.ConvertAll(values, value => (Half)value)]);
        _options = new() { CentroidCount = 50, Algorithm = Algorithm, Restarts = Restarts };
    }

    [Benchmark]
    public ClassQuantization FitClass() => _quantizer.FitClass(_source, 0, _options, default);

    /// <inheritdoc/>
    [GlobalCleanup]
    public void Dispose()
    {
        _quantizer.Dispose();
        GC.SuppressFinalize(this);
    }
}
