namespace Ddoq.Cli.Tests;

public class HelpTests
{
    [Test]
    public void Help_NamesTheProgram_AndEveryCommand()
    {
        string help = Program.Run("--help").Succeeded().Output;
        Assert.That(help, Does.Contain("ddoq [command]"));
        foreach (string command in new[] { "distill", "encode", "quantize", "synthesize", "label", "train", "evaluate", "report", "inspect", "bench", "doctor" })
            Assert.That(Program.Run(command, "--help").Succeeded().Output, Does.Contain($"ddoq {command}"), command);
    }

    [Test]
    public void Help_TellsBoundsAndDefaults()
    {
        string help = string.Join(' ', Program.Run("train", "--help").Succeeded().Output.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        Assert.That(help, Does.Contain("a number from 1E-09 to 100; default: the protocol's").And.Contain("only with --protocol rded, stored-soft"));
        Assert.That(help, Does.Not.Contain("--resume"));
    }

    [Test]
    public void Version_IsPrinted() => Assert.That(Program.Run("--version").Succeeded().Output, Does.Match(@"^\d+\.\d+\.\d+"));
}
