namespace Ddoq.Imaging.Tests;

public sealed class ImageBatchReaderTests
{
    [TestCase(1, 1), TestCase(7, 1), TestCase(7, 4), TestCase(64, 3), TestCase(1000, 2)]
    public void Batches_AreTheImagesInOrder_ForAnyNumberOfWorkers(int batchSize, int workers)
    {
        using IImageDataset dataset = ImageDatasets.Open(TestData.Sample, DatasetSplit.Test);
        var fit = new ImageFit(32, 32, FitMode.Pad);
        var reader = new ImageBatchReader(dataset, fit, new() { BatchSize = batchSize, Workers = workers, Range = PixelRange.MinusOneToOne });
        int[] indices = [.. Enumerable.Range(0, 100).Select(i => 17 * i % 500)];
        byte[] expected = new byte[3 * 32 * 32];
        var values = new float[expected.Length];
        int seen = 0;
        foreach (ImageBatch batch in reader.Read(indices))
        {
            Assert.That(batch.Count, Is.EqualTo(Math.Min(batchSize, indices.Length - seen)));
            Assert.That(batch.Values.Length, Is.EqualTo(batch.Count * batch.ImageLength));
            for (int i = 0; i < batch.Count; i++, seen++)
            {
                dataset.ReadRgb(indices[seen], fit, expected);
                PlanarPixels.ToSigned(expected, values);
                Assert.That(batch.Indices[i], Is.EqualTo(indices[seen]));
                Assert.That(batch.Labels[i], Is.EqualTo(dataset.LabelOf(indices[seen])));
                Assert.That(batch.Image(i).SequenceEqual(expected));
                Assert.That(batch.Values.Span.Slice(i * batch.ImageLength, batch.ImageLength).SequenceEqual(values));
            }
        }

        Assert.That(seen, Is.EqualTo(indices.Length));
    }

    [Test]
    public void Grey_IsOnePlaneInUnitRange()
    {
        using IImageDataset dataset = ImageDatasets.Open(TestData.Sample, DatasetSplit.Test);
        var fit = new ImageFit(28, 28);
        var reader = new ImageBatchReader(dataset, fit, new() { BatchSize = 5, Channels = 1, Range = PixelRange.ZeroToOne });
        byte[] rgb = new byte[3 * 784];
        var values = new float[784];
        int position = 40;
        foreach (ImageBatch batch in reader.Read(40, 12))
        {
            Assert.That(batch.ImageLength, Is.EqualTo(784));
            for (int i = 0; i < batch.Count; i++, position++)
            {
                dataset.ReadRgb(position, fit, rgb);
                PlanarPixels.ToUnit(rgb.AsSpan(0, 784), values);
                Assert.That(batch.Image(i).SequenceEqual(rgb.AsSpan(0, 784)));
                Assert.That(batch.Values.Span.Slice(i * 784, 784).SequenceEqual(values));
            }
        }

        Assert.That(position, Is.EqualTo(52));
    }

    [Test]
    public void Ranges_AreChecked()
    {
        using IImageDataset dataset = ImageDatasets.Open(TestData.Sample, DatasetSplit.Test);
        var reader = new ImageBatchReader(dataset, new ImageFit(28, 28));
        Assert.Multiple(() =>
        {
            Assert.That(reader.Read(5, 0), Is.Empty);
            Assert.That(() => reader.Read(1999, 2), Throws.TypeOf<ArgumentOutOfRangeException>());
            Assert.That(() => reader.Read([0, 2000]), Throws.TypeOf<ArgumentOutOfRangeException>());
            Assert.That(() => new ImageBatchReader(dataset, new ImageFit(1, 1), new() { BatchSize = 0 }), Throws.TypeOf<UsageException>());
            Assert.That(() => new ImageBatchReader(dataset, new ImageFit(1, 1), new() { Workers = 0 }), Throws.TypeOf<UsageException>());
            Assert.That(() => new ImageBatchReader(dataset, new ImageFit(1, 1), new() { Channels = 4 }), Throws.TypeOf<UsageException>());
        });
    }

    [Test]
    public void Damage_FailsByDefault_AtTheFirstDamagedImage([Values(1, 4)] int workers)
    {
        using TemporaryFolder folder = MakeDamaged();
        using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train);
        var reader = new ImageBatchReader(dataset, new ImageFit(8, 8), new() { BatchSize = 20, Workers = workers });
        var error = Assert.Throws<DamagedImageException>(() => reader.ReadAll().Count());
        Assert.That(error!.Path, Does.EndWith("03.png"));
    }

    [Test]
    public void Damage_Skipped_IsLeftOutAndReported([Values(1, 3, 20)] int batchSize)
    {
        using TemporaryFolder folder = MakeDamaged();
        using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train);
        var options = new ImageBatchOptions { BatchSize = batchSize, Damage = DamagePolicy.Skip(2), Range = PixelRange.ZeroToOne };
        var reader = new ImageBatchReader(dataset, new ImageFit(8, 8), options);
        byte[] expected = new byte[3 * 64];
        var values = new float[expected.Length];
        var seen = new List<int>();
        foreach (ImageBatch batch in reader.ReadAll())
        {
            for (int i = 0; i < batch.Count; i++)
            {
                seen.Add(batch.Indices[i]);
                dataset.ReadRgb(batch.Indices[i], new ImageFit(8, 8), expected);
                PlanarPixels.ToUnit(expected, values);
                Assert.That(batch.Image(i).SequenceEqual(expected));
                Assert.That(batch.Values.Span.Slice(i * expected.Length, expected.Length).SequenceEqual(values));
            }
        }

        Assert.Multiple(() =>
        {
            Assert.That(seen, Is.EqualTo(Enumerable.Range(0, 10).Except([3, 7])));
            Assert.That(reader.Damaged.Select(image => (image.Index, image.Name)), Is.EqualTo(new[] { (3, "a/03.png"), (7, "a/07.png") }));
            Assert.That(reader.Damaged[0].Reason, Does.Contain("truncated"));
        });
    }

    [Test]
    public void Damage_PastTheLimit_NamesTheFiles()
    {
        using TemporaryFolder folder = MakeDamaged();
        using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train);
        var reader = new ImageBatchReader(dataset, new ImageFit(8, 8), new() { BatchSize = 4, Damage = DamagePolicy.Skip(1) });
        var error = Assert.Throws<DdoqException>(() => reader.ReadAll().Count());
        TestData.AssertMessage(error, "more than 1 damaged", "a/03.png", "07.png");
        Assert.That(() => DamagePolicy.Skip(-1), Throws.TypeOf<UsageException>());
    }

    // libvips has one error text for all threads.
    [Test]
    public void Damage_HasTheImagesOwnReason_HoweverManyAreDamagedAtOnce()
    {
        using var folder = new TemporaryFolder();
        byte[] png = TestData.Png(1);
        for (int i = 0; i < 300; i++)
            File.WriteAllBytes(folder[$"a/{i:000}.png"], (i % 3) switch { 0 => png[..^(40 + i % 20)], 1 => [.. png[..12], .. TestData.RandomBytes(60, (uint)i)], _ => png });
        using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train);
        string[] Reasons(int workers)
        {
            var reader = new ImageBatchReader(dataset, new ImageFit(8, 8), new() { BatchSize = 300, Workers = workers, Damage = DamagePolicy.Skip(300) });
            Assert.That(reader.ReadAll().Sum(batch => batch.Count), Is.EqualTo(100));
            return [.. reader.Damaged.Select(image => image.Reason)];
        }

        string[] alone = Reasons(1);
        Assert.That(alone.Distinct().Count(), Is.GreaterThan(1));
        for (int repeat = 0; repeat < 5; repeat++)
            Assert.That(Reasons(8), Is.EqualTo(alone));
    }

    // A file of the wrong kind is a mistake in the dataset, not damage that may be skipped.
    [Test]
    public void Mismatch_IsNotSkipped()
    {
        using TemporaryFolder folder = MakeDamaged();
        File.Move(folder["a/00.png"], folder["a/00.jpg"]);
        using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train);
        var reader = new ImageBatchReader(dataset, new ImageFit(8, 8), new() { Damage = DamagePolicy.Skip(10) });
        TestData.AssertMessage(Assert.Throws<DdoqException>(() => reader.ReadAll().Count()), "00.jpg", "PNG");
    }

    [Test]
    public void Leaving_TheLoop_StopsReading()
    {
        using IImageDataset dataset = ImageDatasets.Open(TestData.Sample, DatasetSplit.Test);
        var counting = new CountingDataset(dataset);
        foreach (ImageBatch batch in new ImageBatchReader(counting, new ImageFit(28, 28), new() { BatchSize = 10 }).ReadAll())
        {
            Assert.That(batch.Count, Is.EqualTo(10));
            break;
        }

        int read = counting.Reads;
        Assert.That(read, Is.LessThanOrEqualTo(20));
        Assert.That(counting.Reads, Is.EqualTo(read), "nothing reads on after the loop");
    }

    [Test]
    public void Cancellation_EndsTheLoop()
    {
        using IImageDataset dataset = ImageDatasets.Open(TestData.Sample, DatasetSplit.Test);
        using var source = new CancellationTokenSource();
        var reader = new ImageBatchReader(dataset, new ImageFit(28, 28), new() { BatchSize = 10 });
        int batches = 0;
        Assert.Catch<OperationCanceledException>(() =>
        {
            foreach (ImageBatch _ in reader.ReadAll(source.Token))
            {
                if (++batches == 3)
                    source.Cancel();
            }
        });
        Assert.That(batches, Is.InRange(3, 4));
    }

    private static TemporaryFolder MakeDamaged()
    {
        var folder = new TemporaryFolder();
        for (int i = 0; i < 10; i++)
        {
            string path = folder[$"a/{i:00}.png"];
            TestData.WritePng(path, 3, 8, 8, (uint)i);
            if (i is 3 or 7)
                File.WriteAllBytes(path, File.ReadAllBytes(path)[..80]);
        }

        return folder;
    }

    private sealed class CountingDataset(IImageDataset inner) : IImageDataset
    {
        private int _reads;

        public int Reads => Volatile.Read(ref _reads);

        public string Location => inner.Location;

        public IReadOnlyList<string> ClassNames => inner.ClassNames;

        public int Count => inner.Count;

        public bool IsGrey => inner.IsGrey;

        public IReadOnlyList<DataRemark> PassedOver => inner.PassedOver;

        public IReadOnlyList<DataRemark> Remarks => inner.Remarks;

        public string Fingerprint => inner.Fingerprint;

        public int LabelOf(int index) => inner.LabelOf(index);

        public string NameOf(int index) => inner.NameOf(index);

        public ImageSize SizeOf(int index) => inner.SizeOf(index);

        public ImageFacts Examine(int index) => inner.Examine(index);

        public void ReadRgb(int index, ImageFit fit, Span<byte> planar)
        {
            Interlocked.Increment(ref _reads);
            inner.ReadRgb(index, fit, planar);
        }

        public string ComputeContentDigest(CancellationToken cancellationToken = default) => inner.ComputeContentDigest(cancellationToken);

        public void Dispose()
        {
            // The inner dataset is the test's.
        }
    }
}
