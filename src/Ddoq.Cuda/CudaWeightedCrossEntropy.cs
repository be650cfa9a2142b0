using Ddoq.Cuda.Interop;
using Ddoq.Cuda.Kernels;
using Ddoq.Numerics;

namespace Ddoq.Cuda;

/// <summary>Weighted cross-entropies and their gradients in one pass over device memory, by the kernel <c>weighted_ce</c>.</summary>
/// <remarks>
/// For frameworks in the same process: addresses are theirs, the context is the device's primary one, and the work is put on
/// the default stream, behind what they put there. Formulas and shapes are those of
/// <see cref="WeightedCrossEntropy"/>, with which it agrees up to rounding; deterministic. One thread at a time.
/// </remarks>
public sealed class CudaWeightedCrossEntropy : IDisposable
{
    private const nint DefaultStream = 0;
    private readonly ContextHandle _context;
    private readonly KernelCatalog _kernels;

    /// <summary>Opens a device.</summary>
    /// <param name="device">Its number, 0-based.</param>
    /// <exception cref="DeviceUnavailableException">There is no driver, no such device, it is too old, or this build carries no kernels.</exception>
    /// <exception cref="CudaException">The driver failed.</exception>
    public CudaWeightedCrossEntropy(int device = 0)
    {
        CudaDevice chosen = CudaDevice.Select([device])[0];
        _context = new ContextHandle(chosen);
        try
        {
            _kernels = new KernelCatalog(KernelImage.Find(), chosen);
        }
        catch
        {
            _context.Dispose();
            throw;
        }
    }

    /// <summary>Computes a batch; the work may still run on the device's default stream when the call returns.</summary>
    /// <param name="logits">Device address of B x C fp32 logits.</param>
    /// <param name="targets">Of B x C fp32 target probabilities.</param>
    /// <param name="weights">Of B fp32 weights.</param>
    /// <param name="rowCount">B.</param>
    /// <param name="classCount">C.</param>
    /// <param name="temperature">T.</param>
    /// <param name="subtractEntropy">The Kullback-Leibler divergence instead of the cross-entropy.</param>
    /// <param name="gradientScale">Multiplies the gradients.</param>
    /// <param name="losses">Of B fp32 losses, written.</param>
    /// <param name="gradients">Of B x C fp32 gradients, written.</param>
    /// <exception cref="CudaException">The launch was refused.</exception>
    public void Compute(
        nint logits, nint targets, nint weights, int rowCount, int classCount, float temperature, bool subtractEntropy, float gradientScale, nint losses, nint gradients)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rowCount);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(classCount);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(temperature);
        _context.MakeCurrent();
        bool warp = classCount <= KernelShapes.WeightedCeWarpClasses;
        Kernel kernel = warp
            ? _kernels.Get("ddoq_weighted_ce_warp_f32", KernelShapes.WeightedCeThreads, 0)
            : _kernels.Get("ddoq_weighted_ce_block_f32", KernelShapes.WeightedCeThreads, KernelShapes.WeightedCeSharedBytes);
        var parameters = new WeightedCeParameters
        {
            Logits = (ulong)logits,
            Targets = (ulong)targets,
            Weights = (ulong)weights,
            Losses = (ulong)losses,
            Gradients = (ulong)gradients,
            LogitStride = classCount,
            TargetStride = classCount,
            GradientStride = classCount,
            RowCount = rowCount,
            ClassCount = classCount,
            SubtractEntropy = subtractEntropy ? 1 : 0,
            Temperature = temperature,
            TargetTemperature = 1,
            GradientScale = gradientScale,
        };
        int rowsPerBlock = warp ? KernelShapes.WeightedCeThreads / 32 : 1;
        kernel.Launch(parameters, KernelShapes.Ceiling(rowCount, rowsPerBlock), DefaultStream);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _context.TryMakeCurrent();
        _kernels.Dispose();
        _context.Dispose();
    }
}
