using System.Text.Json.Nodes;
using Ddoq.Pipeline.Planning;

namespace Ddoq.Pipeline.Tests.Planning;

public class RunStatusTests
{
    private string _folder = string.Empty;

    [SetUp]
    public void CreateFolder() => _folder = Directory.CreateTempSubdirectory("ddoq-status-").FullName;

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void EveryShare_IsToldByItsState_AndTheOpenOnesByNumber()
    {
        Tell(1, ShareState.Done, completed: 10);
        Tell(2, ShareState.Running, completed: 4, seconds: 2);
        Tell(3, ShareState.Running, completed: 5, age: 600);
        Tell(4, ShareState.Failed, completed: 1, message: "the disk is full");
        Tell(5, ShareState.Stopped, completed: 6);
        JsonObject row = Status();
        Assert.That(row["state"]!.ToString(), Is.EqualTo("failed"));
        Assert.That(
            ((string[])["shares", "done", "running", "silent", "failed", "stopped", "missing"]).Select(key => (int)row[key]!),
            Is.EqualTo(new[] { 7, 1, 1, 1, 1, 1, 2 }));
        Assert.That(row["again"]!.ToString(), Is.EqualTo("3-7"));
        Assert.That(row["message"]!.ToString(), Is.EqualTo("share 4: the disk is full"));
        Assert.That(row["units"]!.ToString(), Is.EqualTo("26 of about 70 images"));
        Assert.That((double)row["per_second"]!, Is.EqualTo(2));
        Assert.That((double)row["seconds_left"]!, Is.EqualTo(22));
    }

    [Test]
    public void SharesThatAreAllDone_AreToMerge()
    {
        for (int number = 1; number <= 7; number++)
            Tell(number, ShareState.Done, completed: 10);
        JsonObject row = Status();
        Assert.That(row["state"]!.ToString(), Is.EqualTo("to merge"));
        Assert.That(row["again"], Is.Null);
    }

    [Test]
    public void AFolderWithoutAStage_IsRefused()
    {
        Assert.That(() => RunStatus.Of(_folder), Throws.TypeOf<DdoqException>().With.Message.Contain("no stage and no plan"));
        Assert.That(() => RunStatus.Of(Path.Combine(_folder, "nowhere")), Throws.TypeOf<DdoqException>().With.Message.Contain("does not exist"));
    }

    private JsonObject Status() => RunStatus.Of(_folder)["stages"]!.AsArray().Single()!.AsObject();

    private void Tell(int number, ShareState state, int completed, double seconds = 1, int age = 0, string? message = null) =>
        new ShareFolder(Path.Combine(_folder, "set")).Write(
            state, new ShareRecord(number, 7, "images", 10, completed, completed, seconds, "node", 1, DateTimeOffset.UtcNow.ToUnixTimeSeconds() - age, message));
}
