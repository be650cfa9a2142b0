using Ddoq.Distilled;
using Ddoq.Pipeline.Stages;

namespace Ddoq.Pipeline.Tests.Stages;

/// <summary>Labels in parts: by shares, after an interruption, with a part damaged.</summary>
public class LabelShareTests
{
    private const int Part = 16;
    private static readonly LabelOptions s_options = new();
    private string _folder = string.Empty;
    private byte[] _whole = [];

    [SetUp]
    public void MakeSet()
    {
        _folder = Directory.CreateTempSubdirectory("ddoq-labels-").FullName;
        RandomImagesStage.Run(new EncodeOptions(), imagesPerClass: 7, throughAutoencoder: false, Folder("set"), Context());
        LabelStage.Run(s_options, Folder("set"), Context());
        _whole = File.ReadAllBytes(Labels);
        Directory.Delete(Folder("set", "labels"), recursive: true);
        File.Delete(Labels);
    }

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void Parts_OfShares_AreTheBytesOfOneRun()
    {
        Assert.That(Label(new Share(3, 3)), Is.Null);
        Assert.That(Label(new Share(1, 3)), Is.Null);
        LabelResult result = Label(new Share(2, 3))!;
        Assert.That(result.Images, Is.EqualTo(70));
        Assert.That(File.ReadAllBytes(Labels), Is.EqualTo(_whole));
        Assert.That(Directory.EnumerateFileSystemEntries(Folder("set", "labels")).Select(Path.GetFileName), Is.EquivalentTo(new[] { "class-check.json", "stage.json", "stage-timing.json" }));
    }

    [Test]
    public void WhatAKillBehindTheEndLeaves_GoesAtTheNextRun()
    {
        Label(new Share(1, 2));
        string labels = Folder("set", "labels"), kept = Folder("kept");
        foreach (string file in Directory.EnumerateFiles(labels, "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(kept, Path.GetRelativePath(labels, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        Label(new Share(2, 2));
        Directory.Move(Path.Combine(kept, "parts"), Path.Combine(labels, "parts"));
        Directory.Move(Path.Combine(kept, "shares"), Path.Combine(labels, "shares"));
        LabelStage.Run(s_options, Folder("set"), Context());
        Assert.That(Directory.EnumerateFileSystemEntries(labels).Select(Path.GetFileName), Is.EquivalentTo(new[] { "class-check.json", "stage.json", "stage-timing.json" }));
    }

    [Test]
    public void UnfinishedLabels_OfAKilledRun_GoAtTheNext([Values] bool shared)
    {
        string left = Folder("set", ".soft_labels.safetensors.4194305-1.partial");
        File.WriteAllText(left, "cut");
        if (shared)
            Label(new Share(1, 2));
        Assert.That(shared ? Label(new Share(2, 2)) : LabelStage.Run(s_options, Folder("set"), Context()), Is.Not.Null);
        Assert.That(File.Exists(left), Is.False);
    }

    [Test]
    public void APartThatIsCutShort_IsNamed_AndMadeAgain()
    {
        Label(new Share(1, 2));
        string part = Folder("set", "labels", "parts", "00001.safetensors");
        File.WriteAllBytes(part, File.ReadAllBytes(part)[..^9]);
        Label(new Share(1, 3));
        Assert.That(new FileInfo(part).Length, Is.LessThan(new FileInfo(Folder("set", "labels", "parts", "00000.safetensors")).Length), "no part of that share");
        Assert.That(
            () => MergeStage.Run([Folder("set", "labels")], Folder("set", "labels"), Context()),
            Throws.TypeOf<DdoqException>().With.Message.Contain("4 of 5 parts missing or damaged: images 16 to 31, images 32 to 47"));
        LabelStage.Run(s_options, Folder("set"), Context(), Part);
        Assert.That(File.ReadAllBytes(Labels), Is.EqualTo(_whole));
    }

    [Test]
    public void TheSameShareInTwoProcesses_LeavesNothingBehind()
    {
        Label(new Share(1, 2));
        var other = new OnFirstAdvance(() => Assert.That(Label(new Share(2, 2)), Is.Not.Null, "the other process is faster, and joins"));
        LabelStage.Run(s_options, Folder("set"), Context() with { Share = new Share(2, 2), Progress = other }, Part);
        Assert.That(File.ReadAllBytes(Labels), Is.EqualTo(_whole));
        Assert.That(Directory.EnumerateFileSystemEntries(Folder("set", "labels")).Select(Path.GetFileName), Is.EquivalentTo(new[] { "class-check.json", "stage.json", "stage-timing.json" }));
    }

    private sealed class OnFirstAdvance(Action act) : IProgressSink
    {
        private Action? _act = act;

        public void Begin(string stage, long total, string unit, long completed = 0)
        {
        }

        public void Advance(long units) => Interlocked.Exchange(ref _act, null)?.Invoke();

        public void End()
        {
        }

        public void Message(string text)
        {
        }
    }

    private string Labels => Folder("set", SoftLabels.FileName);

    private LabelResult? Label(Share share) => LabelStage.Run(s_options, Folder("set"), Context() with { Share = share }, Part);

    private string Folder(params string[] parts) => Path.Combine([_folder, .. parts]);

    private static StageContext Context() => new(NullProgress.Instance, 2, false, CancellationToken.None);
}
