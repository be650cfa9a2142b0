using Ddoq.Pipeline.Configuration;

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
        PipelineConfiguration configuration = PipelineConfiguration.FromToml(_file).With(Settings.Ipc, "30");
        Assert.Multiple(() =>
        {
            Assert.That(configuration.Get(Settings.Ipc), Is.EqualTo(30));
            Assert.That(configuration.Get(Settings.Algorithm), Is.EqualTo("lloyd"));
            Assert.That(configuration.Get(Settings.Seed), Is.EqualTo(5));
            Assert.That(configuration.Get(Settings.Repeats), Is.EqualTo(Settings.Repeats.Default));
            Assert.That(configuration.TryGet(Settings.GuidanceScale, out _), Is.False);
        });
    }

    [Test]
    public void SavedConfiguration_ReadsBackToTheSame()
    {
        PipelineConfiguration configuration = PipelineConfiguration.Empty
            .With(Settings.DataDir, "C:\\a \"b\"")
            .With(Settings.GuidanceScale, "3")
            .With(Settings.StartAlphaBar, "0.0819")
            .With(Settings.Seed, "9007199254740993")
            .With(Settings.Workers, "7");
        File.WriteAllText(_file, configuration.ToToml());
        PipelineConfiguration read = PipelineConfiguration.FromToml(_file);
        Assert.Multiple(() =>
        {
            Assert.That(read.Effective(), Is.EqualTo(configuration.Effective()));
            Assert.That(read.Get(Settings.DataDir), Is.EqualTo("C:\\a \"b\""));
            Assert.That(read.Get(Settings.Workers), Is.Not.EqualTo(7), "threads change no result and are not saved");
        });
    }

    [TestCase("[quantize]\nipc = 0\n", "quantize.ipc", "at least 1")]
    [TestCase("[quantize]\nalgorithm = \"kmeans\"\n", "kmeans", "hartigan")]
    [TestCase("[quantize]\nipcs = 3\n", "quantize.ipcs", "")]
    [TestCase("ipc = \n", "TOML", "")]
    public void WrongFile_IsAUsageError_NamingFileAndKey(string text, string first, string second)
    {
        File.WriteAllText(_file, text);
        UsageException error = Assert.Throws<UsageException>(() => PipelineConfiguration.FromToml(_file))!;
        Assert.That(error.Message, Does.Contain(_file).And.Contain(first).And.Contain(second));
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
