using Ddoq.Storage;
using Ddoq.Training.Networks;
using Ddoq.Training.Protocols;

namespace Ddoq.Training.Tests;

public sealed class StudentCheckpointTests
{
    private static readonly TrainingImages Train = SyntheticImages.Make(24, 1);
    private static readonly TrainingImages Test = SyntheticImages.Make(60, 2);

    private string _folder = "";

    [SetUp]
    public void CreateFolder() => _folder = Directory.CreateTempSubdirectory("ddoq-student").FullName;

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [TestCase(StudentProtocol.Rded, StudentArchitecture.ConvNet3)]
    [TestCase(StudentProtocol.MinimaxHard, StudentArchitecture.ResNetAp10)]
    [TestCase(StudentProtocol.IgdHard, StudentArchitecture.ResNet18)]
    public void Train_StoppedTwice_EndsAsIfUndisturbed(StudentProtocol protocol, StudentArchitecture network)
    {
        StudentOptions options = Options(protocol, network);
        string undisturbed = Path.Combine(_folder, "undisturbed"), stopped = Path.Combine(_folder, "stopped");
        TrainingResult expected = Run(options, undisturbed, NullProgress.Instance, CancellationToken.None);

        // 24 images in batches of 10 make 3 updates an epoch: the stops fall within epochs 2 and 3.
        foreach (int updates in new[] { 4, 3 })
        {
            using var source = new CancellationTokenSource();
            var stop = StopAfter(updates, source);
            Assert.That(() => Run(options, stopped, stop, source.Token), Throws.InstanceOf<OperationCanceledException>());
        }

        TrainingResult found = Run(options, stopped, NullProgress.Instance, CancellationToken.None);

        Assert.That(found.LossCurve, Is.EqualTo(expected.LossCurve));
        Assert.That(found.Evaluations, Is.EqualTo(expected.Evaluations));
        Assert.That(found.TeacherAgreement, Is.EqualTo(expected.TeacherAgreement));
        Assert.That(File.ReadAllBytes(FileIn(stopped)), Is.EqualTo(File.ReadAllBytes(FileIn(undisturbed))), "the files hold no times");
    }

    [Test]
    public void Train_FinishedRun_GivesItsResultWithoutTraining()
    {
        StudentOptions options = Options(StudentProtocol.Rded, StudentArchitecture.ConvNet3);
        TrainingResult first = Run(options, _folder, NullProgress.Instance, CancellationToken.None);
        using var source = new CancellationTokenSource();

        TrainingResult again = Run(options with { CheckpointSeconds = 7 }, _folder, StopAfter(0, source), CancellationToken.None);

        Assert.That(again.LossCurve, Is.EqualTo(first.LossCurve));
        Assert.That(again.LastAccuracy, Is.EqualTo(first.LastAccuracy));
        Assert.That(source.IsCancellationRequested, Is.False, "no update was reported");
    }

    [Test]
    public void Train_SavesASmallStudentEverySecond_ThoughHalfAMinuteIsAllowed()
    {
        StudentOptions options = Options(StudentProtocol.SmallImage, StudentArchitecture.ConvNet3) with { Epochs = 1_000_000, EvaluationInterval = 0, CheckpointSeconds = 30 };
        using var source = new CancellationTokenSource();
        var seconds = System.Diagnostics.Stopwatch.StartNew();
        var wait = new StopWhen(() => File.Exists(FileIn(_folder)) || seconds.Elapsed.TotalSeconds > 25, source);
        Assert.That(() => Run(options, _folder, wait, source.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(seconds.Elapsed.TotalSeconds, Is.LessThan(25), "saved before the half minute, and not by being cancelled");
    }

    [Test]
    public void Train_FolderOfAnotherRun_IsRefused()
    {
        StudentOptions options = Options(StudentProtocol.Rded, StudentArchitecture.ConvNet3);
        Run(options, _folder, NullProgress.Instance, CancellationToken.None);

        Assert.That(
            () => Run(options with { Seed = 99 }, _folder, NullProgress.Instance, CancellationToken.None),
            Throws.TypeOf<DdoqException>().With.Message.Contains("student.safetensors"));
    }

    [Test]
    public void Save_NamesTensorsAsPyTorchDoes()
    {
        Run(Options(StudentProtocol.IgdHard, StudentArchitecture.ResNet18) with { Epochs = 1 }, _folder, NullProgress.Instance, CancellationToken.None);

        using SafetensorsFile file = SafetensorsFile.Open(FileIn(_folder));
        Assert.That(file.GetTensor("model.layer2.0.downsample.1.running_var").Shape, Is.EqualTo(new long[] { 32 }));
        Assert.That(file.GetTensor("optimizer.exp_avg_sq.fc.weight").Shape, Is.EqualTo(new long[] { 3, 128 }));
    }

    private static StudentOptions Options(StudentProtocol protocol, StudentArchitecture network) =>
        new()
        {
            Protocol = protocol,
            Network = network,
            NetworkWidth = 16,
            Epochs = 4,
            BatchSize = 10,
            EvaluationInterval = 2,
            CheckpointSeconds = 0,
            Seed = 3,
        };

    private static TrainingResult Run(StudentOptions options, string folder, IProgressSink progress, CancellationToken token) =>
        StudentTrainer.Train(Train, Test, SyntheticImages.Classes, options, SyntheticImages.Teach, folder, progress, token);

    /// <summary>Cancels once so many updates were reported.</summary>
    private static StopWhen StopAfter(int updates, CancellationTokenSource source)
    {
        int seen = 0;
        return new StopWhen(() => ++seen >= updates, source);
    }

    private static string FileIn(string folder) => Path.Combine(folder, "student.safetensors");

    /// <summary>Cancels after the first update at which something holds.</summary>
    private sealed class StopWhen(Func<bool> holds, CancellationTokenSource source) : IProgressSink
    {
        public void Begin(string stage, long total, string unit, long completed = 0)
        {
        }

        public void Advance(long units)
        {
            if (holds())
                source.Cancel();
        }

        public void End()
        {
        }

        public void Message(string text)
        {
        }
    }
}
