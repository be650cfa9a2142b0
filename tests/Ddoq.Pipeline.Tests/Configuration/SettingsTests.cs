using Ddoq.Onnx.Schedulers;
using Ddoq.Pipeline.Configuration;
using Ddoq.Pipeline.Stages;
using Ddoq.Quantization;
using Ddoq.Training.Protocols;

namespace Ddoq.Pipeline.Tests.Configuration;

/// <summary>What the declarations promise: places in the options, effects, contradictions.</summary>
public class SettingsTests
{
    [Test]
    public void EveryValueOfAChoice_HasAName()
    {
        Assert.Multiple(() =>
        {
            Named<QuantizationAlgorithm>(QuantizeSettings.Algorithm);
            Named<SchedulerKind>(SynthesizeSettings.Scheduler);
            Named<TimestepSpacing>(SynthesizeSettings.Spacing);
            Named<WeightRule>(SynthesizeSettings.Weights);
            Named<StudentProtocol>(TrainSettings.Protocol);
        });

        static void Named<T>(Setting setting)
            where T : struct, Enum
        {
            foreach (T value in Enum.GetValues<T>())
                Assert.That(setting.Parse(setting.Show(value), "test"), Is.EqualTo(value));
        }
    }

    [Test]
    public void GivenValues_ReachTheOptions_AndTheOthersKeepTheirDefaults()
    {
        PipelineConfiguration configuration = PipelineConfiguration.Empty
            .With(DataSettings.Seed, "7").With(QuantizeSettings.Ipc, "20").With(SynthesizeSettings.GuidanceScale, "2.5").With(SynthesizeSettings.Strength, "0.7")
            .With(TrainSettings.Epochs, "9").With(SynthesizeSettings.Weights, "inverse").With(DataSettings.DataDir, "d");
        QuantizeOptions quantize = QuantizeOptions.From(configuration);
        SynthesizeOptions synthesize = SynthesizeOptions.From(configuration);
        TrainOptions train = TrainOptions.From(configuration);
        Assert.Multiple(() =>
        {
            Assert.That(quantize.Quantizer, Is.EqualTo(new QuantizerOptions { CentroidCount = 20, Restarts = 4, Seed = 7 }));
            Assert.That(synthesize.Sampling.GuidanceScale, Is.EqualTo(2.5));
            Assert.That(synthesize.Sampling.Start, Is.EqualTo(StartLevel.FromStrength(0.7)));
            Assert.That(synthesize.Sampling.NumInferenceSteps, Is.Null, "the model decides");
            Assert.That(synthesize.Sampling.Seed, Is.EqualTo(7));
            Assert.That((synthesize.Weights, train.Weights), Is.EqualTo((WeightRule.Inverse, (WeightRule?)WeightRule.Inverse)));
            Assert.That((train.Student.Epochs, train.Student.Updates, train.Student.Seed, train.Images.Folder), Is.EqualTo(((int?)9, (int?)null, 7ul, "d")));
            Assert.That(TrainOptions.From(PipelineConfiguration.Empty).Weights, Is.Null, "the set's own weights");
        });
    }

    [TestCase("clvq", "max-iterations", "5")]
    [TestCase("d4m", "max-iterations", "5")]
    [TestCase("d4m", "init", "random")]
    [TestCase("d4m", "restarts", "2")]
    public void AnOptionWithoutEffectOnTheAlgorithm_IsAUsageError(string algorithm, string option, string value)
    {
        Setting setting = Settings.All.Single(s => s.Flag == $"--{option}");
        PipelineConfiguration configuration = PipelineConfiguration.Empty.With(QuantizeSettings.Algorithm, algorithm).With(setting, value);
        UsageException error = Assert.Throws<UsageException>(() => configuration.Check(PipelineStages.Quantize))!;
        Assert.That(error.Message, Is.EqualTo($"--{option} has no effect with --algorithm {algorithm}"));
        Assert.That(() => configuration.Check(PipelineStages.Encode), Throws.Nothing, "another stage's settings");
        Assert.That(() => configuration.With(QuantizeSettings.Algorithm, "lloyd").Check(PipelineStages.Quantize), Throws.Nothing);
    }

    [TestCase("--eta", "0.5", "--scheduler", "ddim")]
    [TestCase("--pndm-start", "lagging", "--scheduler", "pndm")]
    [TestCase("--temperature", "4", "--protocol", "stored-soft")]
    [TestCase("--cutmix-weight", "mix", "--protocol", "igd-hard")]
    [TestCase("--precision", "float16", "--provider", "tensorrt")]
    public void AnOption_HasAnEffectOnlyWithAnother(string flag, string value, string other, string needed)
    {
        Setting setting = Settings.All.Single(s => s.Flag == flag), on = Settings.All.Single(s => s.Flag == other);
        PipelineConfiguration alone = PipelineConfiguration.Empty.With(setting, value).With(on, on == TrainSettings.Protocol ? "small-image" : on == RunSettings.Provider ? "cpu" : "euler");
        PipelineStages all = setting.Stages;
        Assert.That(() => alone.Check(all), Throws.InstanceOf<UsageException>().With.Message.Contains($"{flag} has no effect with {other}"));
        Assert.That(() => alone.With(on, needed).Check(all), Throws.Nothing);
        Assert.That(alone.Effective().Select(pair => pair.Key), Has.No.Member(setting.Key), "what has no effect is not recorded");
    }

    [Test]
    public void Opposites_AreRefusedFromOneSource_AndAFlagWinsOverTheFile()
    {
        Assert.That(
            () => PipelineConfiguration.Empty.With(TrainSettings.Updates, "5").With(TrainSettings.Epochs, "5").Check(PipelineStages.Train),
            Throws.InstanceOf<UsageException>().With.Message.Contains("exclude each other"));
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, "[train]\nupdates = 5\n");
            PipelineConfiguration configuration = PipelineConfiguration.FromToml(file).With(TrainSettings.Epochs, "3");
            Assert.That(() => configuration.Check(PipelineStages.Train), Throws.Nothing);
            Assert.That(configuration.IsGiven(TrainSettings.Updates), Is.False);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Test]
    public void UnsetWord_LeavesTheDecisionToTheProtocol()
    {
        PipelineConfiguration configuration = PipelineConfiguration.Empty.With(TrainSettings.Updates, "600").With(TrainSettings.Updates, "0").With(DataSettings.Fit, "auto");
        Assert.That(configuration.IsGiven(TrainSettings.Updates) || configuration.IsGiven(DataSettings.Fit), Is.False);
    }

    [Test]
    public void SettingsPage_IsTheDeclarations()
    {
        string folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "DDOQ.sln")))
            folder = Path.GetDirectoryName(folder)!;
        string page = Path.Combine(folder, "docs", "settings.md"), expected = "# Settings\n\n" + Settings.ToMarkdown();
        if (Environment.GetEnvironmentVariable("DDOQ_WRITE_DOCS") == "1")
            File.WriteAllText(page, expected);
        Assert.That(File.ReadAllText(page), Is.EqualTo(expected), "write it anew: DDOQ_WRITE_DOCS=1 dotnet test tests/Ddoq.Pipeline.Tests");
    }

    [Test]
    public void Nearest_FindsATypingError_AndNothingFarAway()
    {
        Assert.That(Settings.Nearest("--guidence-scale", Settings.All.Select(setting => setting.Flag)), Is.EqualTo("--guidance-scale"));
        Assert.That(Settings.Nearest("--xyzzy", Settings.All.Select(setting => setting.Flag)), Is.Null);
    }
}
