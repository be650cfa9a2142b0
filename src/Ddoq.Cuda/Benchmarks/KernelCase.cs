using Ddoq.Cuda.Interop;

namespace Ddoq.Cuda.Benchmarks;

/// <summary>A kernel to measure: how to set it up.</summary>
/// <param name="Kernel">Its symbol.</param>
/// <param name="Prepare">Allocates and fills its arrays.</param>
internal sealed record KernelCase(string Kernel, Func<BenchContext, PreparedKernel> Prepare);

/// <summary>A kernel ready to launch, on several sets of arrays so that no launch finds its data in the cache.</summary>
/// <param name="Shape">Sizes in words.</param>
/// <param name="Bytes">Bytes that a launch moves by its contract, null where that depends on the data.</param>
/// <param name="Operations">Additions and multiplications of a launch, likewise.</param>
/// <param name="OnTensorCores">Whether they run on tensor cores.</param>
/// <param name="Launches">One per set of arrays.</param>
internal sealed record PreparedKernel(string Shape, double? Bytes, double? Operations, bool OnTensorCores, Action<StreamHandle>[] Launches);
