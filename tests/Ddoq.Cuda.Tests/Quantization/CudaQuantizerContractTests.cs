using Ddoq.Cuda.Tests.Emulation;
using Ddoq.Quantization;
using Ddoq.Tests.Quantization;

namespace Ddoq.Cuda.Tests.Quantization;

/// <summary>The CUDA quantiser keeps the contract of the processor's, on the emulated device.</summary>
[TestFixture]
public class CudaQuantizerContractTests() : QuantizerContract(QuantizationSpace.Gram)
{
    protected override long MostValues => 40_000;

    [SetUp]
    public void StartDevice() => EmulatedDriver.Start();

    [TearDown]
    public void NothingIsLeft() => EmulatedDriver.ExpectClean();

    protected override IQuantizer Create() => new CudaQuantizer();
}
