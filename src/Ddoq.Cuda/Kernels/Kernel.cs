using Ddoq.Cuda.Interop;

namespace Ddoq.Cuda.Kernels;

/// <summary>A kernel with its launch shape. Valid while its <see cref="KernelCatalog"/> lives.</summary>
/// <param name="Symbol">Its name, the same in the .cu file.</param>
/// <param name="Function">The driver's handle.</param>
/// <param name="Threads">Threads per block.</param>
/// <param name="SharedBytes">Dynamic shared memory of a block.</param>
/// <param name="ResidentBlocks">Blocks that the device runs at a time.</param>
internal sealed unsafe record Kernel(string Symbol, nint Function, int Threads, int SharedBytes, int ResidentBlocks)
{
    /// <summary>Puts it on a stream with as many blocks as run at a time, or <paramref name="work"/> if that is less.</summary>
    /// <remarks>All kernels stride over their work, so results do not depend on the number of blocks. Allocates nothing.</remarks>
    /// <param name="parameters">Its parameters, copied by the driver.</param>
    /// <param name="work">Tiles, rows or classes; 0 launches nothing.</param>
    /// <param name="stream">The stream.</param>
    /// <exception cref="CudaException">The launch was refused.</exception>
    public void Launch<T>(in T parameters, long work, StreamHandle stream)
        where T : unmanaged =>
        Launch(parameters, work, stream.Value);

    /// <summary>The same on a stream that somebody else owns; 0 is the default stream.</summary>
    public void Launch<T>(in T parameters, long work, nint stream)
        where T : unmanaged
    {
        if (work <= 0)
            return;
        uint grid = (uint)Math.Min(work, ResidentBlocks);
        fixed (T* pointer = &parameters)
        {
            void* argument = pointer;
            CudaResult result = DriverApi.LaunchKernel(Function, grid, 1, 1, (uint)Threads, 1, 1, (uint)SharedBytes, stream, &argument, null);
            if (result != CudaResult.Success)
                CudaCall.Throw(result, $"cuLaunchKernel({Symbol}, {grid} blocks of {Threads} threads, {SharedBytes} bytes shared)");
        }
    }
}
