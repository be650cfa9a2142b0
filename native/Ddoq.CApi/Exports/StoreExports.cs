using System.Runtime.InteropServices;
using Ddoq.Latents;

namespace Ddoq.CApi.Exports;

/// <summary>ddoq_store_info of native/include/ddoq.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct StoreInfoStruct
{
    /// <summary>Bytes of its first version.</summary>
    public const uint FirstSize = 32;

    public uint Size;
    public int Type;
    public long RowCount;
    public int ClassCount;
    public int Channels;
    public int Height;
    public int Width;
}

/// <summary>ddoq_store: latents on disk, and their quantisation.</summary>
internal static unsafe class StoreExports
{
    [UnmanagedCallersOnly(EntryPoint = "ddoq_store_open")]
    public static Status Open(byte* path, nint* store) => Guard.Run(() =>
    {
        Guard.Require(store, "store");
        *store = Handles.Add(new StoreObject(NativeText.Read(path, "path")));
    });

    [UnmanagedCallersOnly(EntryPoint = "ddoq_store_close")]
    public static void Close(nint store) => Guard.Run(() => Handles.Remove<StoreObject>(store));

    [UnmanagedCallersOnly(EntryPoint = "ddoq_store_get_info")]
    public static Status Info(nint store, void* info) => Guard.Run(() =>
    {
        LatentStore latents = Get(store).Store;
        var values = new StoreInfoStruct
        {
            Type = (int)latents.ElementType,
            RowCount = latents.Count,
            ClassCount = latents.ClassNames.Count,
            Channels = latents.Shape.Channels,
            Height = latents.Shape.Height,
            Width = latents.Shape.Width,
        };
        Versioned.Write(values, StoreInfoStruct.FirstSize, info, "info");
    });

    [UnmanagedCallersOnly(EntryPoint = "ddoq_store_class_name")]
    public static void* ClassName(nint store, int classIndex) => Guard.Pointer(() => Get(store).ClassNames.Of(classIndex));

    [UnmanagedCallersOnly(EntryPoint = "ddoq_store_class_rows")]
    public static Status ClassRows(nint store, int classIndex, long* rowCount) => Guard.Run(() =>
    {
        Guard.Require(rowCount, "row_count");
        *rowCount = Get(store).Store.RowCount(classIndex);
    });

    [UnmanagedCallersOnly(EntryPoint = "ddoq_store_read")]
    public static Status Read(nint store, int classIndex, long firstRow, long rowCount, byte* rows) => Guard.Run(() =>
    {
        LatentStore latents = Get(store).Store;
        long held = latents.RowCount(classIndex), rowBytes = (long)latents.Shape.Length * LatentElement.Size(latents.ElementType);
        Guard.InRange(firstRow, 0, held, "first_row");
        Guard.InRange(rowCount, 0, held - firstRow, "row_count");
        if (rowCount == 0)
            return;
        Guard.Require(rows, "rows");
        int step = (int)Math.Max(1, int.MaxValue / rowBytes); // a span holds so many rows
        for (long row = 0; row < rowCount; row += step)
        {
            int count = (int)Math.Min(step, rowCount - row);
            latents.ReadRowBytes(classIndex, (int)(firstRow + row), new Span<byte>(rows + (row * rowBytes), checked((int)(count * rowBytes))));
        }
    });

    [UnmanagedCallersOnly(EntryPoint = "ddoq_quantizer_fit_store")]
    public static Status Fit(nint quantizer, nint store, byte* prototypesPath, delegate* unmanaged<void*, ProgressStruct*, int> callback, void* userData) => Guard.Run(() =>
    {
        QuantizerObject one = Handles.Get<QuantizerObject>(quantizer, "quantizer");
        StoreObject latents = Get(store);
        string path = NativeText.Read(prototypesPath, "prototypes_path");
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(one.Token);
        StoreQuantization.Run(one, latents, path, new CallerProgress(callback, userData, latents.Store.ClassNames.Count, stop), stop.Token);
    });

    private static StoreObject Get(nint store) => Handles.Get<StoreObject>(store, "store");
}
