using System.Runtime.InteropServices;
using Ddoq.Distilled;
using Ddoq.Latents;
using Ddoq.Quantization;

namespace Ddoq.CApi.Exports;

/// <summary>ddoq_prototypes_info of native/include/ddoq.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PrototypesInfoStruct
{
    /// <summary>Bytes of its first version.</summary>
    public const uint FirstSize = 32;

    public uint Size;
    public int ClassCount;
    public int CentroidCount;
    public int Channels;
    public int Height;
    public int Width;
    public ulong Seed;
}

/// <summary>ddoq_prototypes: a prototypes file.</summary>
internal static unsafe class PrototypeExports
{
    [UnmanagedCallersOnly(EntryPoint = "ddoq_prototypes_open")]
    public static Status Open(byte* path, nint* prototypes) => Guard.Run(() =>
    {
        Guard.Require(prototypes, "prototypes");
        *prototypes = Handles.Add(new PrototypesObject(NativeText.Read(path, "path")));
    });

    [UnmanagedCallersOnly(EntryPoint = "ddoq_prototypes_write")]
    public static Status Write(
        byte* path, nint quantizer, nint* quantizations, byte** classNames, int classCount, int channels, int height, int width) => Guard.Run(() =>
    {
        string file = NativeText.Read(path, "path");
        Guard.InRange(classCount, 1, Array.MaxLength, "class_count");
        Guard.InRange(channels, 1, int.MaxValue, "channels");
        Guard.InRange(height, 1, int.MaxValue, "height");
        Guard.InRange(width, 1, int.MaxValue, "width");
        Guard.Require(quantizations, "quantizations");
        Guard.Require(classNames, "class_names");
        QuantizerObject fitted = Handles.Get<QuantizerObject>(quantizer, "quantizer");
        string[] names = [.. Enumerable.Range(0, classCount).Select(c => NativeText.Read(classNames[c], $"class_names[{c}]"))];
        ClassQuantization[] results = [.. Enumerable.Range(0, classCount).Select(c => Handles.Get<QuantizationObject>(quantizations[c], $"quantizations[{c}]").Result)];
        bool weighted = results.Any(one => one.Masses is not null);
        var classes = new ClassPrototypes[classCount];
        for (int c = 0; c < classCount; c++)
        {
            ClassQuantization one = results[c];
            if (one.CentroidCount > 0 && one.Dimension != (long)channels * height * width)
                throw new UsageException($"quantizations[{c}] has centres of {one.Dimension} values; allowed: channels x height x width, {(long)channels * height * width}.");
            double[]? masses = weighted ? one.Masses ?? Array.ConvertAll(one.Counts, count => (double)count) : null;
            classes[c] = one.CentroidCount == 0 ? ClassPrototypes.Empty : ClassPrototypes.Create(one.Dimension, one.Centroids, one.Counts, one.Distortion, masses);
        }

        var latents = new LatentStoreInfo { Shape = new LatentShape(channels, height, width), ClassNames = names };
        using PrototypeSet set = PrototypeSet.Create(PrototypeInfo.Of(latents, fitted.Options, weighted), classes);
        set.Save(file);
    });

    [UnmanagedCallersOnly(EntryPoint = "ddoq_prototypes_close")]
    public static void Close(nint prototypes) => Guard.Run(() => Handles.Remove<PrototypesObject>(prototypes));

    [UnmanagedCallersOnly(EntryPoint = "ddoq_prototypes_get_info")]
    public static Status Info(nint prototypes, void* info) => Guard.Run(() =>
    {
        PrototypeSet set = Get(prototypes).Prototypes;
        var values = new PrototypesInfoStruct
        {
            ClassCount = set.ClassNames.Count,
            CentroidCount = set.CentersPerClass,
            Channels = set.Shape.Channels,
            Height = set.Shape.Height,
            Width = set.Shape.Width,
            Seed = set.Info.Seed,
        };
        Versioned.Write(values, PrototypesInfoStruct.FirstSize, info, "info");
    });

    [UnmanagedCallersOnly(EntryPoint = "ddoq_prototypes_class_name")]
    public static void* ClassName(nint prototypes, int classIndex) => Guard.Pointer(() => Get(prototypes).ClassNames.Of(classIndex));

    [UnmanagedCallersOnly(EntryPoint = "ddoq_prototypes_class")]
    public static Status Class(nint prototypes, int classIndex, int* centroidCount, float** centroids, long** counts, float** weights, double* distortion) => Guard.Run(() =>
    {
        PrototypeSet set = Get(prototypes).Prototypes;
        int count = set.CenterCount(classIndex);
        ReadOnlySpan<float> centres = set.Centroids(classIndex), direct = set.Weights(classIndex);
        ReadOnlySpan<long> rows = set.Counts(classIndex);
        double mean = set.Distortion(classIndex);
        if (centroidCount != null)
            *centroidCount = count;

        // Spans into the mapped file, which does not move.
        if (centroids != null)
            *centroids = (float*)Address(centres);
        if (counts != null)
            *counts = (long*)Address(rows);
        if (weights != null)
            *weights = (float*)Address(direct);
        if (distortion != null)
            *distortion = mean;
    });

    private static void* Address<T>(ReadOnlySpan<T> values)
        where T : unmanaged
    {
        fixed (T* first = values)
            return first;
    }

    private static PrototypesObject Get(nint prototypes) => Handles.Get<PrototypesObject>(prototypes, "prototypes");
}
