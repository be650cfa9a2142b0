using System.Runtime.InteropServices;
using Ddoq.Quantization;

namespace Ddoq.CApi.Exports;

/// <summary>ddoq_quantizer: options, fits of rows in memory.</summary>
internal static unsafe class QuantizerExports
{
    [UnmanagedCallersOnly(EntryPoint = "ddoq_quantizer_options_init")]
    public static Status Init(void* options, nuint size) => Guard.Run(() =>
        Versioned.Initialize(OptionsStruct.Default, OptionsStruct.FirstSize, options, size));

    [UnmanagedCallersOnly(EntryPoint = "ddoq_quantizer_create")]
    public static Status Create(OptionsStruct* options, nint* quantizer) => Guard.Run(() =>
    {
        Guard.Require(quantizer, "quantizer");
        OptionsStruct given = OptionsStruct.Default;
        Versioned.Read(options, OptionsStruct.FirstSize, ref given, "options");
        *quantizer = Handles.Add(new QuantizerObject(given));
    });

    [UnmanagedCallersOnly(EntryPoint = "ddoq_quantizer_destroy")]
    public static void Destroy(nint quantizer) => Guard.Run(() => Handles.Remove<QuantizerObject>(quantizer));

    [UnmanagedCallersOnly(EntryPoint = "ddoq_quantizer_description")]
    public static byte* Description(nint quantizer) =>
        (byte*)Guard.Pointer(() => (nint)Handles.Get<QuantizerObject>(quantizer, "quantizer").Description.Pointer);

    [UnmanagedCallersOnly(EntryPoint = "ddoq_quantizer_cancel")]
    public static Status Cancel(nint quantizer) => Guard.Run(() => Handles.Get<QuantizerObject>(quantizer, "quantizer").Cancel());

    [UnmanagedCallersOnly(EntryPoint = "ddoq_quantizer_fit")]
    public static Status Fit(nint quantizer, void* rows, int type, long rowCount, int dimension, int classIndex, nint* quantization) =>
        FitOne(quantizer, rows, type, rowCount, dimension, classIndex, null, quantization);

    [UnmanagedCallersOnly(EntryPoint = "ddoq_quantizer_fit_weighted")]
    public static Status FitWeighted(
        nint quantizer, void* rows, int type, long rowCount, int dimension, int classIndex, float* sampleWeights, nint* quantization) =>
        FitOne(quantizer, rows, type, rowCount, dimension, classIndex, sampleWeights, quantization);

    [UnmanagedCallersOnly(EntryPoint = "ddoq_quantizer_fit_classes")]
    public static Status FitClasses(
        nint quantizer,
        nint* rows,
        long* rowCounts,
        int classCount,
        int type,
        int dimension,
        nint* quantizations,
        delegate* unmanaged<void*, ProgressStruct*, int> callback,
        void* userData) => Guard.Run(() =>
    {
        Guard.InRange(classCount, 1, Array.MaxLength, "class_count");
        Guard.Require(rows, "rows");
        Guard.Require(rowCounts, "row_counts");
        Guard.Require(quantizations, "quantizations");
        QuantizerObject one = Handles.Get<QuantizerObject>(quantizer, "quantizer");
        var source = new NativeLatents(new ReadOnlySpan<nint>(rows, classCount), new ReadOnlySpan<long>(rowCounts, classCount), type, dimension);
        var results = new ClassQuantization[classCount];
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(one.Token);
        var progress = new CallerProgress(callback, userData, classCount, stop);
        one.Quantizer.Fit(source, one.Options, Take, null, progress, stop.Token);
        stop.Token.ThrowIfCancellationRequested();
        for (int c = 0; c < classCount; c++)
            quantizations[c] = Handles.Add(new QuantizationObject(results[c]));

        void Take(ClassQuantization result)
        {
            results[result.ClassIndex] = result;
            progress.Completed(result);
        }
    });

    private static Status FitOne(
        nint quantizer, void* rows, int type, long rowCount, int dimension, int classIndex, float* sampleWeights, nint* quantization) => Guard.Run(() =>
    {
        Guard.Require(quantization, "quantization");
        QuantizerObject one = Handles.Get<QuantizerObject>(quantizer, "quantizer");
        var source = new NativeLatents([(nint)rows], [rowCount], type, dimension, classIndex, sampleWeights);
        ClassQuantization result = one.Quantizer.FitClass(source, classIndex, one.Options, one.Token);
        *quantization = Handles.Add(new QuantizationObject(result));
    });
}
