using Ddoq.Latents;
using Ddoq.Numerics;
using Ddoq.Numerics.Kernels;
using Ddoq.Quantization;

namespace Ddoq.Tests.Quantization;

public class MemoryPlanTests
{
    private const long MiB = 1 << 20;
    private const int Dimension = 512;

    [Test]
    public void Limit_ReducesWorkers_ThenRulesOutGramSpace_ThenRefuses()
    {
        ArrayLatentSource source = Source(3000, 2000, 100);
        var options = new QuantizerOptions { CentroidCount = 50, Workers = 3 };
        MemoryPlan free = MemoryPlan.Create(source, options);
        Assert.Multiple(() =>
        {
            Assert.That((free.Workers, free.LargestClass, free.DirectFromRows), Is.EqualTo((3, 0, (int?)null)));
            Assert.That(free.LargestClassBytes, Is.GreaterThan(3000 * 3000 * 4L));
        });

        MemoryPlan two = MemoryPlan.Create(source, options with { MemoryLimit = free.TotalBytes - 1 });
        Assert.That((two.Workers, two.DirectFromRows), Is.EqualTo((2, (int?)null)));
        Assert.That(two.TotalBytes, Is.LessThan(free.TotalBytes));

        MemoryPlan direct = MemoryPlan.Create(source, options with { MemoryLimit = ClassMemory.ProcessBytes + free.LargestClassBytes - 1 });
        Assert.That((direct.DirectFromRows, direct.DirectClasses), Is.EqualTo(((int?)3000, 1)));
        Assert.That(direct.LargestClassBytes, Is.LessThan(free.LargestClassBytes));
        Assert.That(
            () => MemoryPlan.Create(source, options with { MemoryLimit = 129 * MiB }),
            Throws.TypeOf<DdoqException>().With.Message.Contain("class 0 'class0' with 3000 rows of 512 values needs").And.Message.Contain("129 MiB")
                .And.Property(nameof(DdoqException.Hint)).Contain("--memory"));
    }

    [Test]
    public void FewerWorkers_ChangeNoBit_AndAreExplained()
    {
        ArrayLatentSource source = Source(90, 80, 70);
        var options = new QuantizerOptions { CentroidCount = 6, Workers = 3 };
        long limit = MemoryPlan.Create(source, options).TotalBytes - 1;
        Assert.That(Fit(source, options with { MemoryLimit = limit }, out List<string> messages), Is.EqualTo(Fit(source, options, out _)));
        Assert.That(messages, Has.Some.Contain("2 instead of 3 workers"));
    }

    [TestCase(QuantizationSpace.Gram, 900, 64, 40)]
    [TestCase(QuantizationSpace.Gram, 300, 4096, 50)]
    [TestCase(QuantizationSpace.Direct, 900, 512, 200)]
    [TestCase(QuantizationSpace.Direct, 5000, 256, 3)]
    [TestCase(QuantizationSpace.Direct, 3000, 128, 900, QuantizationAlgorithm.D4m)]
    [TestCase(QuantizationSpace.Gram, 600, 512, 40, QuantizationAlgorithm.Support)]
    [TestCase(QuantizationSpace.Direct, 600, 512, 40, QuantizationAlgorithm.Support)]
    public void Estimate_CoversWhatIsReserved_AndNotMuchMore(
        QuantizationSpace space, int rows, int dimension, int centroids, QuantizationAlgorithm algorithm = QuantizationAlgorithm.Hartigan)
    {
        var source = new ArrayLatentSource(dimension, TestRows.Gaussian(rows, dimension, 1)) { InPlace = false };
        var options = new QuantizerOptions { CentroidCount = centroids, Space = space, Algorithm = algorithm, HoldOutFraction = 0.1 };
        using var fit = new ClassFit(KernelTable.Default);
        long before = NativeMemoryTally.OfThisThread;
        ClassQuantization result = fit.Run(source, 0, options, CancellationToken.None);
        long reserved = NativeMemoryTally.OfThisThread - before + (4L * result.Centroids.Length) + (4L * result.Labels.Length);
        Assert.That(reserved, Is.GreaterThan(2L * rows * dimension), "the rows are copied");
        long estimate = new ClassMemory(KernelTable.Default, options, dimension).Bytes(rows);
        Assert.That(estimate, Is.InRange(reserved, (reserved * 2) + MiB));
    }

    [Test]
    public void Run_PrefetchesEveryClassOnce_BeforeItIsRead_AndReleasesIt()
    {
        var source = new RecordingSource(Source(50, 40, 30, 20, 10));
        using var quantizer = new CpuQuantizer();
        quantizer.Fit(source, new() { CentroidCount = 2, Workers = 2 }, _ => { }, new HashSet<int> { 1 }, NullProgress.Instance, default);
        Assert.Multiple(() =>
        {
            foreach (int c in (int[])[0, 2, 3, 4])
                Assert.That(source.Calls.Where(call => call.EndsWith($" {c}", StringComparison.Ordinal)), Is.EqualTo(new[] { $"prefetch {c}", $"read {c}", $"release {c}" }));
            Assert.That(source.Calls, Has.Count.EqualTo(12));
        });
    }

    private static ArrayLatentSource Source(params int[] rows) =>
        new(Dimension, [.. rows.Select((count, index) => TestRows.Gaussian(count, Dimension, (ulong)index))]);

    private static float[] Fit(ILatentSource source, QuantizerOptions options, out List<string> messages)
    {
        var results = new SortedDictionary<int, float[]>();
        var progress = new MessageProgress();
        using var quantizer = new CpuQuantizer();
        quantizer.Fit(source, options, result => results[result.ClassIndex] = result.Centroids, null, progress, default);
        messages = progress.Messages;
        return [.. results.Values.SelectMany(values => values)];
    }

    private sealed class MessageProgress : IProgressSink
    {
        public List<string> Messages { get; } = [];

        public void Begin(string stage, long total, string unit, long completed = 0)
        {
        }

        public void Advance(long units)
        {
        }

        public void End()
        {
        }

        public void Message(string text) => Messages.Add(text);
    }

    private sealed class RecordingSource(ArrayLatentSource inner) : ILatentSource
    {
        private readonly Lock _lock = new();

        public List<string> Calls { get; } = [];

        public LatentShape Shape => inner.Shape;

        public IReadOnlyList<string> ClassNames => inner.ClassNames;

        public int RowCount(int classIndex) => inner.RowCount(classIndex);

        public void ReadRows(int classIndex, int firstRow, Span<Half> destination) => inner.ReadRows(classIndex, firstRow, destination);

        public bool TryGetRows(int classIndex, out ReadOnlySpan<Half> rows)
        {
            Record($"read {classIndex}");
            return inner.TryGetRows(classIndex, out rows);
        }

        public void Prefetch(int classIndex) => Record($"prefetch {classIndex}");

        public void Release(int classIndex) => Record($"release {classIndex}");

        private void Record(string call)
        {
            lock (_lock)
                Calls.Add(call);
        }
    }
}
