using System.Diagnostics;
using System.Text.RegularExpressions;
using Ddoq.Evaluation.Report;

namespace Ddoq.Evaluation.Tests.Report;

/// <summary>Opens the report in a browser, where there is one.</summary>
public class ReportBrowserTests
{
    private static readonly string[] Browsers = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Test]
    public void Browser_BuildsTheWholePage_WithoutComplaints()
    {
        string? browser = Array.Find(Browsers, File.Exists);
        if (browser is null)
            Assert.Ignore($"no browser at {string.Join(", ", Browsers)}");
        string folder = Directory.CreateTempSubdirectory("ddoq-browser").FullName;
        try
        {
            string path = Path.Combine(folder, "report.html");
            ReportWriter.Write(path, SampleReport.Create());
            (string document, string log) = Open(browser!, path, folder);
            Assert.Multiple(() =>
            {
                Assert.That(Regex.Count(document, "<table>"), Is.EqualTo(13));
                Assert.That(Regex.Count(document, "<img "), Is.EqualTo(18));
                Assert.That(Regex.Count(document, "<svg class=\"chart\""), Is.EqualTo(6));
                Assert.That(document, Does.Contain("</footer>"));
                Assert.That(document, Does.Not.Contain("<script"));
                Assert.That(log.Split('\n').Where(line => line.Contains(":CONSOLE", StringComparison.Ordinal)), Is.Empty);
            });
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static (string Document, string Log) Open(string browser, string path, string folder)
    {
        var start = new ProcessStartInfo(browser) { RedirectStandardOutput = true, RedirectStandardError = true };
        string[] arguments =
        [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--enable-logging=stderr",
            $"--user-data-dir={Path.Combine(folder, "profile")}", "--dump-dom", new Uri(path).AbsoluteUri,
        ];
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        using Process process = Process.Start(start)!;
        Task<string> log = process.StandardError.ReadToEndAsync();
        Task<string> document = process.StandardOutput.ReadToEndAsync();
        bool ended = process.WaitForExit(Patience) && Task.WaitAll([log, document], Patience);
        if (!ended)
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"the browser did not answer within {Patience.TotalSeconds} s");
        }

        Assert.That(process.ExitCode, Is.Zero, $"the browser cannot run here: {log.Result}");
        return (document.Result, log.Result);
    }
}
