namespace Ddoq.Cli.Tests;

/// <summary>What a shell offers when Tab is pressed.</summary>
public sealed class CompletionTests
{
    // An interactive bash behind a pseudo-terminal: types a line, presses Tab, then enters it as the arguments of echo.
    private const string Typist = """
        import os, pty, re, select, sys, time
        program, folder, typed = sys.argv[1:4]
        os.chdir(folder)
        pid, terminal = pty.fork()
        if pid == 0:
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], {**os.environ, "PS1": "$ ", "TERM": "dumb", "INPUTRC": "/dev/null"})
        def until(mark):
            text, end = "", time.time() + 30
            while not (found := re.search(mark, text)):
                if not select.select([terminal], [], [], max(0, end - time.time()))[0]:
                    sys.exit(f"no {mark!r} in {text!r}")
                text += os.read(terminal, 4096).decode()
            return found
        def send(text): os.write(terminal, text.encode())
        send("bind 'set enable-bracketed-paste off'; ddoq() { dotnet '%s' \"$@\"; }; source <(ddoq completion bash); echo rea''dy\n" % program)
        until("ready\r\n")
        send(typed + "\t")
        send("\x01echo '[' \x05 ']'\n")  # to the start of the line, then to its end
        print(until(r"\n\[ (.*?) *\]\r\n").group(1))
        """;

    [TestCase("ddoq quan", "ddoq quantize")]
    [TestCase("ddoq quantize --max-it", "ddoq quantize --max-iterations")]
    [TestCase("ddoq quantize --algorithm=ha", "ddoq quantize --algorithm=hartigan")]
    [TestCase("ddoq quantize --ipc 10 --algorithm ll", "ddoq quantize --ipc 10 --algorithm lloyd")]
    [TestCase("ddoq quantize --latents some-fo", "ddoq quantize --latents some-folder/")]
    public void Tab_CompletesInBash(string typed, string expected)
    {
        string folder = Directory.CreateTempSubdirectory("ddoq-completion-").FullName;
        try
        {
            Directory.CreateDirectory(Path.Combine(folder, "some-folder"));
            (int exitCode, string output) = Python.Run(Typist, Program.Path, folder, typed);
            if (exitCode == Python.Missing)
                Assert.Ignore("there is no Python that types");
            Assert.That(output.Trim(), Is.EqualTo(expected));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [TestCase("bash", "ddoq train --prot", new[] { "--protocol" })]
    [TestCase("zsh", "ddoq quantize --init ", new[] { "k-means++", "random" })]
    [TestCase("bash", "ddoq synthesize --weights=s", new[] { "sqrt" })]
    [TestCase("fish", "ddoq synthesize --weights=s", new[] { "--weights=sqrt" })]
    [TestCase("fish", "ddoq bench ", new[] { "kernels" })]
    [TestCase("bash", "ddoq nothing ", new string[0])]
    public void Line_HasTheseContinuations(string shell, string line, string[] expected) =>
        Assert.That(Program.Run("completion", shell, "--line", line).Succeeded().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries), Is.EquivalentTo(expected));

    [Test]
    public void EveryShell_GetsAScript_AndOthersAreRefused()
    {
        foreach (string shell in new[] { "bash", "zsh", "fish" })
            Assert.That(Program.Run("completion", shell).Succeeded().Output, Does.Contain($"completion {shell} --line"));
        Program.Run("completion", "csh").FailedWith(2, "csh");
    }
}
