using System.Runtime.InteropServices;
using Ddoq.Numerics.Kernels;

namespace Ddoq.CApi.Exports;

/// <summary>Version, instruction set, errors.</summary>
internal static unsafe class LibraryExports
{
    private static readonly NativeText[] s_names = [.. KernelTable.All.Select(kernels => new NativeText(kernels.Name))];

    [UnmanagedCallersOnly(EntryPoint = "ddoq_version")]
    public static byte* Version() => LibraryVersion.Native.Pointer;

    [UnmanagedCallersOnly(EntryPoint = "ddoq_abi_version")]
    public static int AbiVersion() => LibraryVersion.Interface;

    [UnmanagedCallersOnly(EntryPoint = "ddoq_instruction_set")]
    public static byte* InstructionSet() => (byte*)Guard.Pointer(static () =>
    {
        string name = KernelTable.Default.Name;
        return (nint)s_names[KernelTable.All.Select(kernels => kernels.Name).ToList().IndexOf(name)].Pointer;
    });

    [UnmanagedCallersOnly(EntryPoint = "ddoq_last_error")]
    public static byte* Error() => LastError.Message;

    [UnmanagedCallersOnly(EntryPoint = "ddoq_last_hint")]
    public static byte* Hint() => LastError.Hint;
}
