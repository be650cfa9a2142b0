using Ddoq.Quantization;

namespace Ddoq.Tests.Quantization;

/// <summary>The processor's quantiser keeps the contract in both spaces.</summary>
[TestFixture(QuantizationSpace.Gram)]
[TestFixture(QuantizationSpace.Direct)]
public class CpuQuantizerContractTests(QuantizationSpace space) : QuantizerContract(space)
{
    protected override IQuantizer Create() => new CpuQuantizer();
}
