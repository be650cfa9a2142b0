namespace Ddoq.Imaging.Tests;

public sealed class DatasetSurveyTests
{
    [Test]
    public void CountsAreThoseOfTheFiles()
    {
        using var folder = new TemporaryFolder();
        PythonOracle.Run("make_images.py", folder["made/x"][..^2]);
        void Take(string name, string to) => File.Copy(folder["made/" + name], folder[to]);
        Take("rgb.png", "train/a/1.png");
        Take("exif6.jpg", "train/a/2.jpg");
        Take("cmyk.jpg", "train/b/1.jpg");
        Take("rgba.png", "train/b/2.png");
        Take("grey16.png", "train/b/3.png");
        Take("picture.gif", "train/b/4.gif");
        File.WriteAllBytes(folder["train/b/5.png"], File.ReadAllBytes(folder["made/rgb.png"])[..300]);
        var survey = DatasetSurvey.Of(folder.Path, 2);
        PartSurvey part = survey.Parts.Single();
        Assert.Multiple(() =>
        {
            Assert.That(survey.Missing.Single(), Does.Contain("no test images"));
            Assert.That(part.Name, Is.EqualTo("training"));
            Assert.That(part.ClassNames, Is.EqualTo(new[] { "a", "b" }));
            Assert.That(part.ClassCounts, Is.EqualTo(new[] { 2, 4 }));
            Assert.That(part.Turned, Is.EqualTo(1));
            Assert.That(part.Sizes, Is.EqualTo(new[] { (new ImageSize(30, 21), 2), (new ImageSize(53, 37), 2), (new ImageSize(37, 53), 1) }));
            Assert.That(part.Modes, Is.EquivalentTo(new[] { ("RGB", 2), ("CMYK", 1), ("RGB with alpha", 1), ("grey, 16 bits", 1) }));
            Assert.That(part.Damaged.Single().Name, Is.EqualTo("train/b/5.png"));
            Assert.That(part.PassedOver.Single().Example, Is.EqualTo("train/b/4.gif"));
        });
    }

    [Test]
    public void BothPartsOfIdxFiles()
    {
        var survey = DatasetSurvey.Of(TestData.Sample, 2);
        Assert.That(survey.Missing, Is.Empty);
        Assert.That(survey.Parts.Select(part => (part.Name, part.Count, part.Modes.Single(), part.Sizes.Single())), Is.EqualTo(new[]
        {
            ("training", 12_000, ("grey", 12_000), (new ImageSize(28, 28), 12_000)), ("test", 2_000, ("grey", 2_000), (new ImageSize(28, 28), 2_000)),
        }));
    }
}
