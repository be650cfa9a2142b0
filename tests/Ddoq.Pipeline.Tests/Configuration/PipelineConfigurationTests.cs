using Ddoq.Pipeline.Configuration;
using Ddoq.Quantization;

namespace Ddoq.Pipeline.Tests.Configuration;

public class PipelineConfigurationTests
{
    private string _file = string.Empty;

    [SetUp]
    public void CreateFile() => _file = Path.GetTempFileName();

    [TearDown]
    public void DeleteFile() => File.Delete(_file);

    [Test]
    public void FileOverridesDefaults_AndFlagsOverrideTheFile()
    {
        File.WriteAllText(_file, "seed = 5\n[quantize]\nipc = 20\nalgorithm = \"lloyd\"\n");
        PipelineConfiguration configuration = PipelineConfiguration.FromToml(_file).With(QuantizeSettings.Ipc, "30");
        Assert.Multiple(() =>
        {
            Assert.That(configuration.Get(QuantizeSettings.Ipc), Is.EqualTo(30));
            Assert.That(configuration.Get(QuantizeSettings.Algorithm), Is.EqualTo(QuantizationAlgorithm.Lloyd));
            Assert.That(configuration.Get(DataSettings.Seed), Is.EqualTo(5));
            Assert.That(configuration.Get(TrainSettings.Repeats), Is.EqualTo(3));
            Assert.That(configuration.TryGet(SynthesizeSettings.GuidanceScale, out _), Is.False);
        });
    }

    [Test]
    public void SavedConfiguration_ReadsBackToTheSame()
    {
        PipelineConfiguration configuration = PipelineConfiguration.Empty
            .With(DataSettings.DataDir, "C:\\a \"b\"")
            .With(QuantizeSettings.Ipc, "37")
            .With(SynthesizeSettings.GuidanceScale, "3")
            .With(SynthesizeSettings.StartAlphaBar, "0.0819")
            .With(DataSettings.Seed, "9007199254740993")
            .With(RunSettings.Workers, "7");
        File.WriteAllText(_file, configuration.ToToml());
        PipelineConfiguration read = PipelineConfiguration.FromToml(_file);
        Assert.Multiple(() =>
        {
            Assert.That(read.Effective(), Is.EqualTo(configuration.Effective()));
            Assert.That(read.Get(DataSettings.DataDir), Is.EqualTo("C:\\a \"b\""));
            Assert.That(read.Get(RunSettings.Workers), Is.Not.EqualTo(7), "threads change no result and are not saved");
        });
    }

    [TestCase("[quantize]\nipc = 0\n", "quantize.ipc", "at least 1")]
    [TestCase("[quantize]\nalgorithm = \"kmeans\"\n", "kmeans", "hartigan")]
    [TestCase("[quantize]\nipcs = 3\n", "quantize.ipcs", "")]
    [TestCase("ipc = \n", "TOML", "")]
    [TestCase("[quantize]\nipc = 3\nipc = 4\n", "line 3, column 1", "key quantize.ipc stands in line 2 already")]
    [TestCase("quantize.ipc = 3\n[quantize]\nipc = 4\n", "line 3", "stands in line 1 already")]
    [TestCase("[quantize]\nipc = 3\n[train]\nrepeats = 1\n[quantize]\nrestarts = 2\n", "line 5, column 1", "table [quantize] stands in line 1 already")]
    [TestCase("[quantize]\nipc = [3]\n", "line 2, column 7", "neither number nor text")]
    [TestCase("[quantize]\nipc = [\"3\"]\n", "line 2, column 7", "a list")]
    [TestCase("[quantize]\nipc = \"3\"\n", "line 2, column 7", "a text; allowed: a whole number")]
    [TestCase("[quantize]\nipc = 3.0\n", "line 2, column 7", "a number with a fraction")]
    [TestCase("[quantize]\nalgorithm = 3\n", "line 2, column 13", "a whole number; allowed: hartigan")]
    [TestCase("[quantize]\nipc = true\n", "line 2, column 7", "neither number nor text")]
    public void WrongFile_IsAUsageError_NamingFileAndKey(string text, string first, string second)
    {
        File.WriteAllText(_file, text);
        UsageException error = Assert.Throws<UsageException>(() => PipelineConfiguration.FromToml(_file))!;
        Assert.That(error.Message, Does.Contain(_file).And.Contain(first).And.Contain(second));
    }

    [Test]
    public void ListsInlineTablesAndQuotedKeys_AreRead()
    {
        File.WriteAllText(_file, "quantize = { ipc = 7 }\n[evaluate]\narms = [\"ddoq\", \"d4m\"]\n[synthesize]\n\"guidance_scale\" = 2\n");
        PipelineConfiguration configuration = PipelineConfiguration.FromToml(_file);
        Assert.That(configuration.Get(QuantizeSettings.Ipc), Is.EqualTo(7));
        Assert.That(configuration.Get(ComparisonSettings.Arms), Is.EqualTo("ddoq,d4m"));
        Assert.That(configuration.Get(SynthesizeSettings.GuidanceScale), Is.EqualTo(2));
    }

    [Test]
    public void UnknownKey_SuggestsTheNearest()
    {
        File.WriteAllText(_file, "[train]\nlearning_rat = 0.1\n");
        UsageException error = Assert.Throws<UsageException>(() => PipelineConfiguration.FromToml(_file))!;
        Assert.That(error.Hint, Does.Contain("train.learning_rate"));
    }

    [Test]
    public void Settings_HaveUniqueKeysAndFlags_AndDefaultsThatParse()
    {
        Assert.Multiple(() =>
        {
            Assert.That(Settings.All.Select(setting => setting.Key), Is.Unique);
            Assert.That(Settings.All.Select(setting => setting.Flag), Is.Unique);
            foreach (Setting setting in Settings.All.Where(setting => setting.DefaultText.Length > 0))
            {
                string text = setting.DefaultText.Trim('"');
                Assert.That(setting.Format(setting.Parse(text, "default")), Is.EqualTo(setting.DefaultText), setting.Key);
            }
        });
    }
}
