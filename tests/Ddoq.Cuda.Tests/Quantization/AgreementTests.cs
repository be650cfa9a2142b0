using Ddoq.Cuda.Tests.Emulation;
using Ddoq.Quantization;
using Ddoq.Tests.Quantization;

namespace Ddoq.Cuda.Tests.Quantization;

/// <summary>The device and the processor give the same: same seed, same labels up to ties, distortion within 1e-5.</summary>
public class AgreementTests
{
    [Test]
    public void SameSeed_GivesTheSame([Values] QuantizationAlgorithm algorithm, [Values(1, 7, 33, 64)] int dimension)
    {
        EmulatedDriver.Start();
        int[] rowCounts = dimension switch
        {
            1 => [1, 2, 3, 7, 8, 9, 129],
            7 => [31, 32, 33, 127],
            33 => [3, 9, 128, 257],
            _ => [8, 33, 65],
        };
        var source = new ArrayLatentSource(dimension, [.. rowCounts.Select((rows, index) => TestRows.Gaussian(rows, dimension, (ulong)index))]);
        var options = new QuantizerOptions { CentroidCount = 6, Algorithm = algorithm, Seed = 3, BatchSize = 20, Passes = 2, Space = QuantizationSpace.Gram };

        // Random batches hold a row more than once, so reassignment can put two centres on one row: rounding decides that tie.
        if (algorithm == QuantizationAlgorithm.MiniBatch)
            options = options with { ReassignmentRatio = 0 };
        Agreement.Check(source, options);
    }
}
