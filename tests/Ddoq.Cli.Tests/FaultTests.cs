using System.Text.Json;
using Ddoq.Distilled;
using Ddoq.Latents;

namespace Ddoq.Cli.Tests;

/// <summary>Faults of users and disks that once passed in silence: each is told, and nothing of the user's is lost.</summary>
public class FaultTests
{
    private static readonly LatentShape s_shape = new(1, 2, 2);
    private string _folder = string.Empty;

    [SetUp]
    public void CreateFolder() => _folder = Directory.CreateTempSubdirectory("ddoq-faults-").FullName;

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void Force_DeletesNoFileOfTheUsers()
    {
        Store("latents", ["a", "b"]);
        Quantize("p").Succeeded();
        string note = At("p", "classes", "notes.txt");
        File.WriteAllText(note, "mine");
        Quantize("p", "--seed", "3", "--force").FailedWith(1, "classes/notes.txt", "no stage wrote");
        Assert.That(File.ReadAllText(note), Is.EqualTo("mine"));
        Assert.That(File.Exists(At("p", "prototypes.safetensors")));
        File.Delete(note);
        Quantize("p", "--seed", "3", "--force").Succeeded();
    }

    [Test]
    public void ATildeInAValue_IsTheHomeFolder()
    {
        string file = At("run.toml");
        File.WriteAllText(file, "[data]\ndir = \"~/no-such-data\"\n");
        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        Program.Run("encode", "-c", file, "-o", At("x")).FailedWith(2, Path.Combine(home, "no-such-data"));
        Program.Run("encode", "--data-dir=~/no-such-data", "-o", At("x")).FailedWith(2, Path.Combine(home, "no-such-data"));
        Program.Run("quantize", "--latents=~/no-such-latents", "-o", At("x")).FailedWith(1, Path.Combine(home, "no-such-latents"));
    }

    [Test]
    public void TwoClassesThatAreOneOfTheModels_AreRefused()
    {
        Store("latents", ["T-shirt/top", "T-shirt_top"], new LatentShape(4, 8, 8));
        Quantize("p").Succeeded();
        Program.Run("synthesize", "--prototypes", At("p"), "-o", At("d")).FailedWith(1, "'T-shirt/top', 'T-shirt_top'", "are all the class 'T-shirt/top'");
    }

    [Test]
    public void Evaluate_MatchesClassesByName()
    {
        Store("latents", ["a", "b", "c"]);
        Store("turned", ["c", "a", "b"]);
        Quantize("p").Succeeded();
        JsonElement[] own = Classes("latents"), turned = Classes("turned");
        Assert.That(turned.Select(Figures), Is.EqualTo(new[] { own[2], own[0], own[1] }.Select(Figures)));
        Store("other", ["a", "b", "d"]);
        Program.Run("evaluate", "--latents", At("other"), "--prototypes", At("p")).FailedWith(1, "it lacks 'd'");

        JsonElement[] Classes(string latents) =>
            [.. JsonDocument.Parse(Program.Run("evaluate", "--latents", At(latents), "--prototypes", At("p"), "--json").Succeeded().Output).RootElement.GetProperty("classes").EnumerateArray()];
        static (string?, double, double) Figures(JsonElement row) => (row.GetProperty("name").GetString(), row.GetProperty("distortion").GetDouble(), row.GetProperty("w2_weighted").GetDouble());
    }

    [Test]
    public void Merge_FindsAFlippedBit_AndNamesTheShareThatHasIt()
    {
        Store("latents", ["a", "b", "c"]);
        Quantize("one", "--shard", "1/2").Succeeded();
        Quantize("two", "--shard", "2/2").Succeeded();
        string file = Directory.GetFiles(At("two", "classes"), "*.safetensors").Order(StringComparer.Ordinal).First();
        byte[] content = File.ReadAllBytes(file);
        content[^3] ^= 0x40;
        File.WriteAllBytes(file, content);
        Program.Run("merge", At("one"), At("two"), "-o", At("whole")).FailedWith(1, $"'{file}' is damaged");
        File.Delete(file);
        Program.Run("merge", At("one"), At("two"), "-o", At("whole")).FailedWith(1, Path.GetFileName(file), At("one", "classes"), At("two", "classes"), "is not quantised yet");
        Quantize("two", "--shard", "2/2").Succeeded();
        Program.Run("merge", At("one"), At("two"), "-o", At("whole")).Succeeded();
    }

    [Test]
    public void FewerDistinctRowsThanCentres_AreTold()
    {
        Store("latents", ["a"], rows: 12, valueOf: (_, row) => row % 3);
        Outcome outcome = Quantize("p", "--ipc", "5").Succeeded();
        Assert.That(outcome.Error, Does.Contain("2 of 5 centres stand for no row, its 12 rows have fewer distinct values; 3 are kept"));
        using PrototypeSet set = PrototypeSet.Load(At("p", "prototypes.safetensors"));
        Assert.That(set.CenterCount(0), Is.EqualTo(3));
    }

    [Test]
    public void Label_AdvisesNoOtherFolder_ForItHasNone()
    {
        string data = SmallData.Create(At("data"), trainPerClass: 2, testPerClass: 1);
        Program.Run("encode", "--data-dir", data, "-o", At("latents")).Succeeded();
        Quantize("p", "--ipc", "1").Succeeded();
        Program.Run("synthesize", "--prototypes", At("p"), "--start-alpha-bar", "1", "-o", At("set")).Succeeded();
        Program.Run("label", "--distilled", At("set"), "--class-check", "warn").Succeeded();
        Outcome other = Program.Run("label", "--distilled", At("set"), "--provider", "cpu", "--class-check", "warn");
        other.FailedWith(1, "other settings", "--force");
        Assert.That(other.Error, Does.Not.Contain("another output"));
        Program.Run("label", "--distilled", At("set"), "--provider", "cpu", "--class-check", "warn", "--force").Succeeded();
    }

    private string At(params string[] parts) => Path.Combine([_folder, .. parts]);

    private Outcome Quantize(string output, params string[] more) =>
        Program.Run(["quantize", "--latents", At("latents"), "-o", At(output), .. more.Contains("--ipc") ? [] : new[] { "--ipc", "2" }, .. more]);

    // Values follow a class's name, not its place.
    private void Store(string name, string[] classes, LatentShape? shape = null, int rows = 4, Func<string, int, int>? valueOf = null)
    {
        LatentShape each = shape ?? s_shape;
        valueOf ??= (className, row) => (className[0] * 7 + row * row) % 31;
        using var writer = LatentStoreWriter.Open(At(name), new LatentStoreInfo { Shape = each, ClassNames = classes }, classes.Length * rows, 64);
        for (int c = 0; c < classes.Length; c++)
        {
            float[] values = [.. Enumerable.Range(0, rows).SelectMany(row => Enumerable.Range(0, each.Length).Select(i => (float)valueOf(classes[c], row) + i))];
            writer.Append(values.AsSpan(), [.. Enumerable.Repeat(c, rows)]);
        }

        writer.Complete();
    }
}
