using System.Runtime.InteropServices;
using Ddoq.Latents;

namespace Ddoq.CApi.Exports;

/// <summary>ddoq_class: rows that come in batches.</summary>
internal static unsafe class ClassExports
{
    [UnmanagedCallersOnly(EntryPoint = "ddoq_class_open")]
    public static Status Open(int type, int dimension, int classIndex, long expectedRows, nint* rows) => Guard.Run(() =>
    {
        Guard.InRange(type, 0, 2, "type");
        Guard.InRange(dimension, 1, int.MaxValue / sizeof(float), "dimension");
        Guard.InRange(classIndex, 0, int.MaxValue - 1, "class_index");
        Guard.InRange(expectedRows, 0, Array.MaxLength, "expected_rows");
        Guard.Require(rows, "opened");
        var one = new ClassObject((LatentElementType)type, dimension, classIndex);
        one.Reserve(expectedRows);
        *rows = Handles.Add(one);
    });

    [UnmanagedCallersOnly(EntryPoint = "ddoq_class_add")]
    public static Status Add(nint one, void* rows, long rowCount, float* sampleWeights) =>
        Guard.Run(() => Get(one).Add((byte*)rows, rowCount, sampleWeights));

    [UnmanagedCallersOnly(EntryPoint = "ddoq_class_row_count")]
    public static Status RowCount(nint one, long* rowCount) => Guard.Run(() =>
    {
        Guard.Require(rowCount, "row_count");
        *rowCount = Get(one).Count;
    });

    [UnmanagedCallersOnly(EntryPoint = "ddoq_class_finish")]
    public static Status Finish(nint one, nint quantizer, nint* quantization) => Guard.Run(() =>
    {
        Guard.Require(quantization, "quantization");
        ClassObject rows = Get(one);
        *quantization = Handles.Add(new QuantizationObject(rows.Fit(Handles.Get<QuantizerObject>(quantizer, "quantizer"))));
    });

    [UnmanagedCallersOnly(EntryPoint = "ddoq_class_close")]
    public static void Close(nint one) => Guard.Run(() => Handles.Remove<ClassObject>(one));

    private static ClassObject Get(nint one) => Handles.Get<ClassObject>(one, "class");
}
