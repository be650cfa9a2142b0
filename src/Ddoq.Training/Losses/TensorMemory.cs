using System.Reflection;
using static TorchSharp.torch;

namespace Ddoq.Training.Losses;

/// <summary>Where a tensor's values lie, in main or device memory.</summary>
internal static class TensorMemory
{
    // TorchSharp shows the address of tensors in main memory alone. Its own import is used, and not a second one, because the
    // library may have been loaded from memory (see PrivateLibrary) and would not be found by name.
    private static readonly Func<nint, nint> Data = FindData();

    /// <summary>The first value of a contiguous tensor; valid while the tensor lives.</summary>
    public static nint AddressOf(Tensor tensor) => Data(tensor.Handle);

    private static Func<nint, nint> FindData()
    {
        MethodInfo? method = typeof(Tensor).Assembly.GetType("TorchSharp.PInvoke.NativeMethods")?
            .GetMethod("THSTensor_data", BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.Public);
        return method?.CreateDelegate<Func<nint, nint>>()
            ?? throw new DdoqException("this version of TorchSharp does not show where a tensor lies", "Use the version that the project names.");
    }
}
