using System.Diagnostics;
using System.Text.RegularExpressions;
using Ddoq.Evaluation.Report;

namespace Ddoq.Evaluation.Tests.Report;

/// <summary>Opens the report in a browser, where there is one.</summary>
public class ReportBrowserTests
{
    private static readonly string[] Browsers = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

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
                Assert.That(Regex.Count(document, "<table>"), Is.EqualTo(8));
                Assert.That(Regex.Count(document, "<img "), Is.EqualTo(12));
                Assert.That(Regex.Count(document, "<svg class=\"chart\""), Is.EqualTo(4));
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
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--enable-logging=stderr",
            $"--user-data-dir={Path.Combine(folder, "profile")}", "--dump-dom", new Uri(path).AbsoluteUri,
        ];
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        using Process process = Process.Start(start)!;
        Task<string> log = process.StandardError.ReadToEndAsync();
        Task<string> document = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(TimeSpan.FromSeconds(60)))
        {
            process.Kill(entireProcessTree: true);
            Assert.Ignore("the browser did not answer within 60 s");
        }

        if (process.ExitCode != 0)
            Assert.Ignore($"the browser cannot run here: exit code {process.ExitCode}: {log.Result}");
        return (document.Result, log.Result);
    }
}
