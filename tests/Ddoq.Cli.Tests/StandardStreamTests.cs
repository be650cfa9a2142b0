namespace Ddoq.Cli.Tests;

/// <summary>A closed or full standard output or error costs what it would have shown, never the work.</summary>
[Platform("Linux")]
public class StandardStreamTests
{
    private string _folder = string.Empty;
    private string _data = string.Empty;

    [SetUp]
    public void MakeData()
    {
        _folder = Directory.CreateTempSubdirectory("ddoq-streams-").FullName;
        _data = SmallData.Create(Path.Combine(_folder, "data"), trainPerClass: 2, testPerClass: 1);
    }

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [TestCase("2>&-")]
    [TestCase("2>/dev/full")]
    [TestCase(">&-")]
    [TestCase(">&- 2>&- <&-")]
    [TestCase("| head -n 1")]
    public void WhatCannotBeShown_IsDropped_AndTheWorkIsDone(string redirections)
    {
        string output = Path.Combine(_folder, "latents");
        Outcome outcome = Program.RunRedirected(redirections, "encode", "--data-dir", _data, "-o", output);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        Assert.That(File.Exists(Path.Combine(output, "latents.safetensors.index.json")));

        // No message went into a file that took the number of the closed descriptor.
        Program.Run("inspect", output).Succeeded();
        Assert.That(Program.Run("encode", "--data-dir", _data, "-o", output).Succeeded().Error, Does.Contain("encode: complete"));
    }

    [Test]
    public void AResultThatIsLost_IsAFailure_AfterTheWorkIsDone()
    {
        string output = Path.Combine(_folder, "latents");
        Program.RunRedirected(">/dev/full", "encode", "--data-dir", _data, "-o", output).FailedWith(1, "standard output", "No space left");
        Assert.That(File.Exists(Path.Combine(output, "latents.safetensors.index.json")));
    }

    [TestCase("2>&-", "encode", "--data-dir", "nowhere", "-o", "x", ExpectedResult = 2)]
    [TestCase("2>/dev/full", "encode", "--no-such-option", ExpectedResult = 2)]
    [TestCase("2>&-", "inspect", "nowhere", ExpectedResult = 1)]
    public int AnErrorThatCannotBeShown_KeepsItsExitCode(string redirections, params string[] arguments) =>
        Program.RunRedirected(redirections, arguments).ExitCode;
}
