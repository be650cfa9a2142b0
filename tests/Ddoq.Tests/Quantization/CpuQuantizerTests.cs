using Ddoq.Quantization;

namespace Ddoq.Tests.Quantization;

public class CpuQuantizerTests
{
    private const int Dimension = 33;

    [Test]
    public void Workers_DoNotChangeABit([Values] QuantizationAlgorithm algorithm)
    {
        var options = new QuantizerOptions { CentroidCount = 6, Algorithm = algorithm, Seed = 4, Passes = 2, HoldOutFraction = 0.1 };
        ArrayLatentSource source = Source(50, 7, 81, 3, 64, 20);
        Dictionary<int, ClassQuantization> one = FitAll(source, options with { Workers = 1 });
        Dictionary<int, ClassQuantization> three = FitAll(source, options with { Workers = 3 });
        Dictionary<int, ClassQuantization> copied = FitAll(Source(false, 50, 7, 81, 3, 64, 20), options with { Workers = 2 });
        foreach (int index in one.Keys)
        {
            Assert.Multiple(() =>
            {
                Assert.That(three[index].Centroids, Is.EqualTo(one[index].Centroids));
                Assert.That(three[index].Labels, Is.EqualTo(one[index].Labels));
                Assert.That(three[index].Distortion, Is.EqualTo(one[index].Distortion));
                Assert.That(three[index].HeldOutDistortion, Is.EqualTo(one[index].HeldOutDistortion));
                Assert.That(copied[index].Centroids, Is.EqualTo(one[index].Centroids));
            });
        }
    }

    [Test]
    public void AClassAlone_IsTheClassAmongOthers()
    {
        ArrayLatentSource source = Source(50, 7, 81);
        var options = new QuantizerOptions { CentroidCount = 6, Seed = 4 };
        Dictionary<int, ClassQuantization> all = FitAll(source, options);
        using var quantizer = new CpuQuantizer();
        Assert.That(quantizer.FitClass(source, 2, options, default).Centroids, Is.EqualTo(all[2].Centroids));
    }

    [Test]
    public void Seed_AndClassIndex_ChangeTheStart()
    {
        Half[] rows = TestRows.Gaussian(60, Dimension, seed: 1);
        var source = new ArrayLatentSource(Dimension, rows, rows);
        var options = new QuantizerOptions { CentroidCount = 6, Algorithm = QuantizationAlgorithm.D4m, Seed = 1 };
        Dictionary<int, ClassQuantization> first = FitAll(source, options), second = FitAll(source, options with { Seed = 2 });
        Assert.That(first[0].Centroids, Is.Not.EqualTo(first[1].Centroids));
        Assert.That(first[0].Centroids, Is.Not.EqualTo(second[0].Centroids));
    }

    [Test]
    public void SkippedClasses_AreLeftOut_AndCountAsComplete()
    {
        var progress = new RecordingProgress();
        var done = new List<int>();
        using var quantizer = new CpuQuantizer();
        quantizer.Fit(Source(5, 6, 7), new() { CentroidCount = 2 }, result => done.Add(result.ClassIndex), new HashSet<int> { 1 }, progress, default);
        Assert.Multiple(() =>
        {
            Assert.That(done, Is.EquivalentTo(new[] { 0, 2 }));
            Assert.That(progress.Total, Is.EqualTo(3));
            Assert.That(progress.Completed, Is.EqualTo(3));
            Assert.That(progress.Ended, Is.True);
        });
    }

    [Test]
    public void SmallAndEmptyClasses_GetFewerCentroids_AndSaySo()
    {
        var progress = new RecordingProgress();
        var results = new Dictionary<int, ClassQuantization>();
        using var quantizer = new CpuQuantizer();
        quantizer.Fit(Source(9, 2, 0), new() { CentroidCount = 4 }, result => results[result.ClassIndex] = result, null, progress, default);
        Assert.Multiple(() =>
        {
            Assert.That(results[0].CentroidCount, Is.EqualTo(4));
            Assert.That(results[1].CentroidCount, Is.EqualTo(2));
            Assert.That(results[2].CentroidCount, Is.Zero);
            Assert.That(results[2].Labels, Is.Empty);
            Assert.That(progress.Messages, Has.Count.EqualTo(2).And.Some.Contains("class1").And.Some.Contains("2 centres instead of 4"));
        });
    }

    [Test]
    public void NonFiniteValue_IsRefused_WithClassRowAndValue()
    {
        Half[] rows = TestRows.Gaussian(9, Dimension, seed: 1);
        rows[(4 * Dimension) + 32] = Half.NaN;
        var source = new ArrayLatentSource(Dimension, TestRows.Gaussian(9, Dimension, seed: 1), rows);
        using var quantizer = new CpuQuantizer();
        Assert.That(
            () => quantizer.Fit(source, new() { CentroidCount = 2 }, _ => { }, null, NullProgress.Instance, default),
            Throws.TypeOf<DdoqException>().With.Message.Contains("Class 1").And.Message.Contains("row 4").And.Message.Contains("value 32"));
    }

    [Test]
    public void Callback_ThatThrows_StopsTheRun()
    {
        using var quantizer = new CpuQuantizer();
        int calls = 0;
        Assert.That(
            () => quantizer.Fit(Source(5, 6, 7, 8), new() { CentroidCount = 2, Workers = 2 }, _ => { calls++; throw new DdoqException("disk full"); }, null, NullProgress.Instance, default),
            Throws.TypeOf<DdoqException>().With.Message.EqualTo("disk full"));
        Assert.That(calls, Is.EqualTo(1));
    }

    [Test]
    public void Cancellation_Throws()
    {
        using var quantizer = new CpuQuantizer();
        using var cancellation = new CancellationTokenSource();
        Assert.That(
            () => quantizer.Fit(Source(5, 6, 7), new() { CentroidCount = 2, Workers = 1 }, _ => cancellation.Cancel(), null, NullProgress.Instance, cancellation.Token),
            Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public void KMeansQuantizer_FitsAndPredicts()
    {
        Half[] rows = TestRows.Gaussian(70, Dimension, seed: 1);
        var quantizer = new KMeansQuantizer(new() { CentroidCount = 5 });
        Assert.That(() => quantizer.Labels, Throws.TypeOf<UsageException>());
        quantizer.Fit(rows, Dimension);
        double expected = ReferenceKMeans.Distortion(ReferenceKMeans.ToDouble(rows), quantizer.ClusterCenters, Dimension) * 70;
        Assert.Multiple(() =>
        {
            Assert.That(quantizer.Inertia, Is.EqualTo(expected).Within(1e-5 * expected));
            Assert.That(quantizer.Predict(rows), Is.EqualTo(quantizer.Labels));
            Assert.That(quantizer.IterationCount, Is.GreaterThan(0));
            Assert.That(() => quantizer.Predict(rows.AsSpan(1)), Throws.TypeOf<UsageException>());
        });
    }

    private static ArrayLatentSource Source(params int[] rows) => Source(true, rows);

    private static ArrayLatentSource Source(bool inPlace, params int[] rows) =>
        new(Dimension, [.. rows.Select((count, index) => TestRows.Gaussian(count, Dimension, (ulong)index))]) { InPlace = inPlace };

    private static Dictionary<int, ClassQuantization> FitAll(ArrayLatentSource source, QuantizerOptions options)
    {
        var results = new Dictionary<int, ClassQuantization>();
        using var quantizer = new CpuQuantizer();
        quantizer.Fit(source, options, result => results.Add(result.ClassIndex, result), null, NullProgress.Instance, default);
        return results;
    }

    private sealed class RecordingProgress : IProgressSink
    {
        public List<string> Messages { get; } = [];

        public long Total { get; private set; }

        public long Completed { get; private set; }

        public bool Ended { get; private set; }

        public void Begin(string stage, long total, string unit, long completed = 0) => (Total, Completed) = (total, completed);

        public void Advance(long units) => Completed += units;

        public void End() => Ended = true;

        public void Message(string text) => Messages.Add(text);
    }
}
