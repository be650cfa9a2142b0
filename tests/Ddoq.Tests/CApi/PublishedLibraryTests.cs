using System.Runtime.InteropServices;
using Ddoq.Distilled;
using Ddoq.Latents;
using Ddoq.Numerics.Kernels;
using Ddoq.Quantization;
using Ddoq.Tests.Quantization;

namespace Ddoq.Tests.CApi;

/// <summary>The published C library gives the bytes of the C# library on the same instruction set.</summary>
public sealed unsafe class PublishedLibraryTests
{
    private const int Rows = 157, Dimension = 45;

    [Test]
    public void Fit_GivesTheBytesOfTheEngine([Values] LatentElementType type, [Values] QuantizationAlgorithm algorithm, [Values(0.0, 0.2)] double heldOut)
    {
        PublishedLibrary.Require();
        float[] values = Values(algorithm == QuantizationAlgorithm.D4m ? 1u : 2u);
        var options = new QuantizerOptions { CentroidCount = 11, Algorithm = algorithm, Seed = 9, Restarts = 2, BatchSize = 50, Passes = 2, HoldOutFraction = heldOut };
        using var quantizer = new CpuQuantizer(KernelTable.Choose(PublishedLibrary.InstructionSet));
        ClassQuantization expected = quantizer.FitClass(new TypedSource(values, type, Dimension), 0, options, default);
        var parameters = new Options(options);
        nint created = 0, result = 0;
        Check(((delegate* unmanaged<Options*, nint*, int>)Function("ddoq_quantizer_create"))(&parameters, &created));
        fixed (byte* rows = TypedSource.Bytes(values, type))
            Check(((delegate* unmanaged<nint, void*, int, long, int, int, nint*, int>)Function("ddoq_quantizer_fit"))(created, rows, (int)type, Rows, Dimension, 0, &result));
        nint handle = result;
        Assert.Multiple(() =>
        {
            Assert.That(Array<float>("ddoq_quantization_centroids", handle, expected.Centroids.Length), Is.EqualTo(expected.Centroids));
            Assert.That(Array<long>("ddoq_quantization_counts", handle, expected.Counts.Length), Is.EqualTo(expected.Counts));
            Assert.That(Array<int>("ddoq_quantization_labels", handle, expected.Labels.Length), Is.EqualTo(expected.Labels));
            Info info = InfoOf(handle);
            Assert.That(info.Distortion, Is.EqualTo(expected.Distortion));
            Assert.That(info.HeldOutDistortion, Is.EqualTo(expected.HeldOutDistortion ?? double.NaN));
            Assert.That(info.IterationCount, Is.EqualTo(expected.IterationCount));
            Assert.That(info.MoveCount, Is.EqualTo(expected.MoveCount));
        });
        Destroy("ddoq_quantization_destroy", result);
        Destroy("ddoq_quantizer_destroy", created);
    }

    [Test]
    public void FitStore_WritesTheFileOfTheEngine()
    {
        PublishedLibrary.Require();
        string folder = Directory.CreateTempSubdirectory("ddoq-capi-").FullName;
        try
        {
            string latents = Path.Combine(folder, "latents"), found = Path.Combine(folder, "found.safetensors"), expected = Path.Combine(folder, "expected.safetensors");
            Write(latents);
            var options = new QuantizerOptions { CentroidCount = 5, Seed = 4, Workers = 2 };
            using (LatentStore store = LatentStore.Open(latents))
            using (var quantizer = new CpuQuantizer(KernelTable.Choose(PublishedLibrary.InstructionSet)))
            {
                var results = new ClassPrototypes[store.ClassNames.Count];
                quantizer.Fit(store, options, one => results[one.ClassIndex] = ClassPrototypes.From(one), null, NullProgress.Instance, default);
                using PrototypeSet set = PrototypeSet.Create(PrototypeInfo.Of(store.Info, options, store.HasSampleWeights), results);
                set.Save(expected);
            }

            var parameters = new Options(options);
            nint created = 0, opened = 0;
            Check(((delegate* unmanaged<Options*, nint*, int>)Function("ddoq_quantizer_create"))(&parameters, &created));
            nint path = Marshal.StringToCoTaskMemUTF8(latents), output = Marshal.StringToCoTaskMemUTF8(found);
            Check(((delegate* unmanaged<nint, nint*, int>)Function("ddoq_store_open"))(path, &opened));
            Check(((delegate* unmanaged<nint, nint, nint, nint, nint, int>)Function("ddoq_quantizer_fit_store"))(created, opened, output, 0, 0));
            Marshal.FreeCoTaskMem(path);
            Marshal.FreeCoTaskMem(output);
            Destroy("ddoq_store_close", opened);
            Destroy("ddoq_quantizer_destroy", created);
            Assert.That(File.ReadAllBytes(found), Is.EqualTo(File.ReadAllBytes(expected)));
            Assert.That(Directory.GetFileSystemEntries(folder), Has.Length.EqualTo(3), "something was left beside the file");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Test]
    public void Version_IsTheProjects()
    {
        PublishedLibrary.Require();
        Assert.That(PublishedLibrary.Text("ddoq_version"), Is.EqualTo(typeof(CpuQuantizer).Assembly.GetName().Version!.ToString(3)));
        Assert.That(PublishedLibrary.Text("ddoq_instruction_set"), Is.EqualTo(PublishedLibrary.InstructionSet));
    }

    private static void Write(string folder)
    {
        var info = new LatentStoreInfo { Shape = new LatentShape(3, 3, 5), ClassNames = ["a", "ß", "c"] };
        using LatentStoreWriter writer = LatentStoreWriter.Open(folder, info, Rows, Rows);
        writer.Append(Values(3), [.. Enumerable.Range(0, Rows).Select(row => row % 3)]);
        writer.Complete();
    }

    // Multiples of 1/64, which every type holds.
    private static float[] Values(uint stream)
    {
        var random = new Ddoq.Numerics.CounterRandom(6, stream);
        return [.. Enumerable.Range(0, Rows * Dimension).Select(_ => (random.NextInt32(128) - 64) / 64f)];
    }

    private static nint Function(string name) => PublishedLibrary.Function(name);

    private static void Check(int status) => Assert.That(status, Is.Zero, status == 0 ? string.Empty : PublishedLibrary.Text("ddoq_last_error"));

    private static void Destroy(string function, nint handle) => ((delegate* unmanaged<nint, void>)Function(function))(handle);

    private static T[] Array<T>(string function, nint handle, int length)
        where T : unmanaged => new ReadOnlySpan<T>((void*)((delegate* unmanaged<nint, nint>)Function(function))(handle), length).ToArray();

    private static Info InfoOf(nint result)
    {
        var info = new Info { Size = (uint)sizeof(Info) };
        Check(((delegate* unmanaged<nint, Info*, int>)Function("ddoq_quantization_get_info"))(result, &info));
        return info;
    }

    // ddoq_quantizer_options of ddoq.h, written down a second time: the header is what holds.
    [StructLayout(LayoutKind.Sequential)]
    private struct Options
    {
        public uint Size;
        public int CentroidCount;
        public ulong Seed;
        public int Algorithm, Initialization, Space, Restarts, MaxIterations, Passes, BatchSize, KmExpand, MaxNoImprovement, Workers, Device, DeviceIndex;
        public double Tolerance, ReassignmentRatio, HoldOutFraction, ClvqScale, ClvqOffset;
        public long MemoryLimit;

        public Options(QuantizerOptions options)
        {
            Options own;
            Check(((delegate* unmanaged<Options*, nuint, int>)Function("ddoq_quantizer_options_init"))(&own, (nuint)sizeof(Options)));
            this = own;
            CentroidCount = options.CentroidCount;
            Seed = options.Seed;
            Algorithm = (int)options.Algorithm;
            Restarts = options.Restarts;
            BatchSize = options.BatchSize;
            Passes = options.Passes;
            HoldOutFraction = options.HoldOutFraction;
            Workers = options.Workers;
        }
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Info
    {
        public uint Size;
        public int ClassIndex;
        public long RowCount, HeldOutRowCount;
        public int Dimension, CentroidCount;
        public double Distortion, HeldOutDistortion;
        public long IterationCount, MoveCount;
        public int EmptyCells, Reserved;
        public double EffectiveCells, Seconds;
    }
}
