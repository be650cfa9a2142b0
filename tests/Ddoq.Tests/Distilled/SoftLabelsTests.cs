using System.Text.Json;
using Ddoq.Distilled;
using Ddoq.Storage;
using Ddoq.Tests.Storage;

namespace Ddoq.Tests.Distilled;

public class SoftLabelsTests
{
    private static readonly float[] s_logits = [0, 2, 1, 5, 4, 3, -1, -2, -1];
    private static readonly int[] s_labels = [1, 2, 0];
    private TemporaryFolder _folder = null!;
    private string _path = null!;

    [SetUp]
    public void SetUp()
    {
        _folder = new TemporaryFolder();
        _path = _folder[SoftLabels.FileName];
        using SoftLabelWriter writer = SoftLabelWriter.Create(_path, 3, 3, new Dictionary<string, string> { ["teacher"] = "resnet18" });
        writer.Append(s_logits.AsSpan(0, 6), s_labels.AsSpan(0, 2));
        writer.Append(s_logits.AsSpan(6), s_labels.AsSpan(2));
        writer.Complete();
    }

    [TearDown]
    public void TearDown() => _folder.Dispose();

    [Test]
    public void RoundTrip_AndAccuracy()
    {
        using SoftLabels labels = SoftLabels.Load(_path);
        Assert.Multiple(() =>
        {
            Assert.That(labels.Count, Is.EqualTo(3));
            Assert.That(labels.ClassCount, Is.EqualTo(3));
            Assert.That(labels.Labels.ToArray(), Is.EqualTo(s_labels));
            Assert.That(labels.Logits(1).ToArray(), Is.EqualTo(s_logits[3..6]));
            Assert.That(labels.Metadata["teacher"], Is.EqualTo("resnet18"));
            Assert.That(() => labels.Logits(3).Length, Throws.InstanceOf<ArgumentOutOfRangeException>());
        });
    }

    [Test]
    public void ReadBySomebodyElse_HoldsTheSame()
    {
        JsonElement read = IndependentReader.Run(_path).GetProperty(SoftLabels.FileName);
        IndependentReader.AssertTensor(read, "logits", "F32", [3, 3], [.. s_logits.Select(v => (double)v)]);
        IndependentReader.AssertTensor(read, "labels", "I32", [3], [.. s_labels.Select(v => (double)v)]);
    }

    [Test]
    public void EnsureMatches_OtherSetOrOrder_IsRefused()
    {
        using SoftLabels labels = SoftLabels.Load(_path);
        DistilledImage[] images = [new("b/0.png", 1, "b"), new("c/0.png", 2, "c"), new("a/0.png", 0, "a")];
        string[] names = ["a", "b", "c"];
        Assert.Multiple(() =>
        {
            Assert.That(() => labels.EnsureMatches(new DistilledSet(names, images)), Throws.Nothing);
            Assert.That(() => labels.EnsureMatches(new DistilledSet(names, images[..2])), Throws.InstanceOf<DdoqException>().With.Message.Contain("3 rows, the set has 2 images"));
            Assert.That(() => labels.EnsureMatches(new DistilledSet(names, [images[0], images[2], images[1]])), Throws.InstanceOf<DdoqException>().With.Message.Contain("row 1 has label 2, image 'a/0.png' has 0"));
        });
    }

    [Test]
    public void Append_BadValues_AreRefused()
    {
        using SoftLabelWriter writer = SoftLabelWriter.Create(_folder["x"], 2, 2);
        writer.Append([1, 2], [0]);
        Assert.Multiple(() =>
        {
            Assert.That(() => writer.Append([1, float.NaN], [0]), Throws.InstanceOf<DdoqException>().With.Message.Contain("class 1 for image 1 is NaN"));
            Assert.That(() => writer.Append([1, 2], [2]), Throws.InstanceOf<DdoqException>().With.Message.Contain("label 2"));
            Assert.That(() => writer.Append([1, 2, 3], [0]), Throws.ArgumentException);
            Assert.That(() => writer.Append([1, 2, 3, 4], [0, 1]), Throws.ArgumentException);
            Assert.That(writer.Complete, Throws.InvalidOperationException);
        });
    }

    [Test]
    public void Load_OtherFormOrValues_AreNamed()
    {
        using (SafetensorsWriter writer = SafetensorsWriter.Create(_folder["f16"], [("logits", SafetensorsType.F16, [2, 1]), ("labels", SafetensorsType.I32, [1])]))
        {
            writer.Append<Half>("logits", new Half[2]);
            writer.Append<int>("labels", [0]);
            writer.Complete();
        }

        byte[] bytes = File.ReadAllBytes(_path);
        int data = 8 + (int)BitConverter.ToInt64(bytes);
        BitConverter.TryWriteBytes(bytes.AsSpan(data + 16), float.NaN);
        BitConverter.TryWriteBytes(bytes.AsSpan(data + 36 + 8), 3);
        File.WriteAllBytes(_folder["label"], bytes);
        BitConverter.TryWriteBytes(bytes.AsSpan(data + 36 + 8), 0);
        File.WriteAllBytes(_folder["nan"], bytes);
        Assert.Multiple(() =>
        {
            Assert.That(() => SoftLabels.Load(_folder["f16"]), Throws.InstanceOf<DdoqException>().With.Message.Contain("F16 [2, 1]"));
            Assert.That(() => SoftLabels.Load(_folder["label"]), Throws.InstanceOf<DdoqException>().With.Message.Contain("row 2 has label 3"));
            using SoftLabels labels = SoftLabels.Load(_folder["nan"]);
            Assert.That(() => labels.Logits(0).Length, Throws.Nothing);
            Assert.That(() => labels.Logits(1).Length, Throws.InstanceOf<DdoqException>().With.Message.Contain("row 1, class 1: logit NaN"));
        });
    }
}
